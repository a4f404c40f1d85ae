"""Other coordinates: derived Jacobians, digits, refusals in the letters of whoever wrote them."""

import pickle

import mpmath as mp
import numpy as np
import pytest
from test_errors import refuse
from tolerances import DIFFERENCES, EXACT, FULL, assert_close

import natgrad as ng

BELL, COIN = ng.Gaussian(), ng.Bernoulli()


def kl_gaussian(p, q):
    (mu0, tau0), (mu1, tau1) = p, q
    return (tau1 / tau0 - 1 - mp.log(tau1 / tau0) + tau1 * (mu1 - mu0) ** 2) / 2


CHARTS = {
    "mean and scale": (ng.gaussian_mean_scale, [0.3, 2.0], lambda m, s: (m, 1 / s**2)),
    "mean and log scale": (ng.gaussian_mean_log_scale, [0.3, 0.7], lambda m, s: (m, mp.exp(-2 * s))),
    "natural": (ng.gaussian_natural, [0.5, -0.7], lambda a, b: (-a / (2 * b), -2 * b)),
}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("digits", range(1, 10))
def test_kl_keeps_its_digits_at_every_distance(name, digits):
    coordinates, p, to_theta = CHARTS[name]
    family = ng.reparametrize(BELL, coordinates)
    for along in 1, -1, 0.37:
        q = [p[0] + along * 10.0**-digits, p[1] * (1 + 0.7 * 10.0**-digits)]
        with mp.workdps(60):
            exact = kl_gaussian(to_theta(*map(mp.mpf, p)), to_theta(*map(mp.mpf, q)))
            error = abs(mp.mpf(float(family.kl(p, q))) / exact - 1)
        assert error <= FULL


@pytest.mark.parametrize("name", CHARTS)
def test_jacobians_are_the_derivatives_of_the_maps(name):
    coordinates, phi, _ = CHARTS[name]
    to_theta = lambda phi: np.array(coordinates.to_theta(*phi))
    expected = ng.numerical_gradient(to_theta, phi)
    assert_close(np.array(coordinates.jacobian(*np.array(phi))), expected, DIFFERENCES)
    others = np.add(phi, [0.2, -0.1])
    difference = coordinates.difference(np.array(phi), others, others - phi)
    assert_close(difference, to_theta(others) - to_theta(phi), EXACT)


WRONG = {"None": None, "a pair": ("mu", "sigma")}


@pytest.mark.parametrize("name", WRONG)
def test_what_are_no_coordinates_is_refused(name):
    refuse(lambda: ng.reparametrize(BELL, WRONG[name]), "coordinates")


def test_coordinates_are_those_of_the_gaussian():
    for family in COIN, ng.Softmax(3), ng.reparametrize(BELL, ng.gaussian_mean_scale):
        refuse(lambda family=family: ng.reparametrize(family, ng.gaussian_mean_log_scale), "family")


def test_refusals_name_what_the_caller_wrote():
    scale, log = (ng.reparametrize(BELL, chart) for chart in (ng.gaussian_mean_scale, ng.gaussian_mean_log_scale))
    for call in lambda: scale.fisher([[0, 1], [0.5, -2]]), lambda: scale.log_prob([0.5, -2], 1):
        assert refuse(call) == "`theta` must be that of a density, but (mu, sigma) = (0.5, -2) is not."
    assert refuse(lambda: scale.fisher([0, 0])) == "`theta` must be that of a density, but (mu, sigma) = (0, 0) is not."
    message = refuse(lambda: log.kl([[0, 1], [3, 400]], [0, 1]))
    assert message == "`theta0` must be that of a density, but (mu, log_sigma) = (3, 400) is not."
    message = refuse(lambda: ng.kl_divergence(log, [0, 1], [0, -400]))
    assert message == "`q` must be that of a density, but (mu, log_sigma) = (0, -400) is not."


def test_a_mean_that_rounding_moves_is_refused():
    natural, scale = (ng.reparametrize(BELL, chart) for chart in (ng.gaussian_natural, ng.gaussian_mean_scale))
    for call in (
        lambda: natural.score([3e15, -1], 1.5e15),
        lambda: natural.kl([1, -1], [3e15, -1]),
        lambda: natural.fisher([1e23, -5e19]),  # a mean of 1e3, and a width of 1e-10
    ):
        assert "must have observations that float64 can tell apart" in refuse(call)
    # What is taken over as it is isn't rounded.
    assert_close(scale.fisher([1e12, 1e-9]), [[1e18, 0], [0, 2e18]], EXACT)
    assert_close(scale.fisher([0, 1e-20]), [[1e40, 0], [0, 2e40]], EXACT)


def test_charts_can_be_sent_to_another_process_and_shown():
    for chart in ng.gaussian_mean_scale, ng.gaussian_mean_log_scale, ng.gaussian_natural:
        assert pickle.loads(pickle.dumps(chart)) == chart
        assert repr(chart) == f"Coordinates({', '.join(chart.parameters)})"
    assert repr(ng.reparametrize(BELL, ng.gaussian_mean_scale)) == "Gaussian(mu, sigma)"
