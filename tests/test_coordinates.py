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


# Maps of one coordinate, and their derivatives, for a Poisson rate.
MAPS = {
    "logarithm": (np.exp, np.exp),
    "power": (lambda s: s**-3, lambda s: -3 * s**-4),
    "root of a sum": (lambda s: np.sqrt(1 + s * s), lambda s: s / np.sqrt(1 + s * s)),
    "sine": (lambda s: 2 + np.sin(5 * s), lambda s: 5 * np.cos(5 * s)),
    "softplus": (lambda s: np.log1p(np.exp(s)), lambda s: 1 / (1 + np.exp(-s))),
    "stacked": (lambda s: np.stack([s[..., 0] ** 2], axis=-1), lambda s: 2 * s),
    "moved": (lambda s: np.moveaxis(np.moveaxis(s, -1, 0) * 3, 0, -1), lambda s: 3.0),
    "by a matrix": (lambda s: s @ np.array([[7.0]]), lambda s: 7.0),
    "the rate itself": (lambda s: s, lambda s: 1.0),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("at", [1e-3, 0.4, 3.0, 20.0])
def test_jacobians_are_exact(name, at):
    to_theta, slope = MAPS[name]
    family = ng.reparametrize(ng.Poisson(), ng.Coordinates(("s",), to_theta))
    rate = to_theta(np.array([at]))[0]
    assert_close(family.score([at], 3), [(3 / rate - 1) * slope(at)], FULL, abs(3 / rate - 1) * abs(slope(at)) + FULL)
    assert_close(family.fisher([at]), [[slope(at) ** 2 / rate]], FULL)


def test_a_full_jacobian():
    turned = ng.Coordinates(("a", "b"), lambda p: np.exp(p @ np.array([[1.0, 2.0], [-3.0, 4.0]])))
    phi = np.array([0.3, -0.2])
    theta = turned.to_theta(phi)
    jacobian = theta[:, None] * np.array([[1.0, -3.0], [2.0, 4.0]])
    family = ng.reparametrize(BELL, turned)
    assert_close(family.score(phi, 0.7), jacobian.T @ BELL.score(theta, 0.7), EXACT)
    assert_close(family.fisher(phi), jacobian.T @ BELL.fisher(theta) @ jacobian, EXACT)


DOUBTFUL = {
    "abs": lambda p: abs(p),
    "absolute": lambda p: np.abs(p),
    "maximum": lambda p: np.maximum(p, 1),
    "greater": lambda p: np.where(p > 0, p, 1),
    "sign": lambda p: p * np.sign(p),
    "real": lambda p: p.real,
    "astype": lambda p: p.astype(float),
    "conjugate": lambda p: p * np.conj(p),
    "array": lambda p: np.abs(np.asarray(p)),
    "float": lambda p: np.array([float(v) for v in np.ravel(p)]).reshape(p.shape),
    "norm": lambda p: p / np.linalg.norm(p),
    "interp": lambda p: np.interp(p, [0, 1], [0, 1]),
    "max": lambda p: p * p.max(),
    "floor_divide": lambda p: p + p // 4,
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_jacobian_of_what_may_not_be_analytic_is_right_or_refused(name):
    chart, phi = ng.Coordinates(("a", "b"), DOUBTFUL[name]), np.array([0.5, 2.0])
    family = ng.reparametrize(BELL, chart)
    # What needs no Jacobian is had.
    assert np.isfinite(family.log_prob(phi, 0.3))
    jacobian = ng.numerical_gradient(chart.to_theta, phi)
    exact = jacobian.T @ BELL.fisher(chart.to_theta(phi)) @ jacobian
    try:
        found = family.fisher(phi)
    except ValueError:
        refuse(lambda: family.fisher(phi), "coordinates")
        refuse(lambda: family.score(phi, 0.3), "coordinates")
    else:
        assert_close(found, exact, DIFFERENCES)
        assert name in ("maximum", "greater", "max")  # which are analytic there


WRONG = {
    "complex": lambda p: p + 0j,
    "text": lambda p: "theta",
    "masked": lambda p: np.ma.array(p, mask=True),
    "another shape": lambda p: p[..., 0],
    "ragged": lambda p: [[1.0, 0.0], [0.0]],
    "nothing": lambda p: None,
    "the same everywhere": lambda p: np.ones(p.shape),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_maps_are_refused(name):
    family = ng.reparametrize(BELL, ng.Coordinates(("a", "b"), WRONG[name]))
    refuse(lambda: family.score([0.5, 2.0], 0.3), "coordinates")
    refuse(lambda: family.fisher([[0.5, 2.0], [1, 2]]), "coordinates")


def test_a_map_that_forgets_a_coordinate_has_no_fisher_matrix():
    family = ng.reparametrize(BELL, ng.Coordinates(("a", "b"), lambda p: p * [1, 0] + [0, 1]))
    refuse(lambda: family.fisher([0.5, 2.0]), "coordinates")


def test_refusals_name_what_the_caller_wrote():
    scale, log = (ng.reparametrize(BELL, chart) for chart in (ng.gaussian_mean_scale, ng.gaussian_mean_log_scale))
    for call in lambda: scale.fisher([[0, 1], [0.5, -2]]), lambda: scale.log_prob([0.5, -2], 1):
        assert refuse(call) == "`theta` must be that of a density, but (mu, sigma) = (0.5, -2) is not."
    assert refuse(lambda: scale.fisher([0, 0])) == "`theta` must be that of a density, but (mu, sigma) = (0, 0) is not."
    message = refuse(lambda: log.kl([[0, 1], [3, 400]], [0, 1]))
    assert message == "`theta0` must be that of a density, but (mu, log_sigma) = (3, 400) is not."
    message = refuse(lambda: ng.kl_divergence(log, [0, 1], [0, -400]))
    assert message == "`q` must be that of a density, but (mu, log_sigma) = (0, -400) is not."


def test_what_rounding_leaves_of_a_probability_is_right_or_refused():
    logit = ng.reparametrize(COIN, ng.Coordinates(("eta",), lambda t: 1 / (1 + np.exp(-t))))
    for eta in -40.0, -1.0, 0.0, 5.0, 20.0:
        exact = float(1 / (4 * mp.cosh(eta / 2) ** 2))
        # As many digits as 1 − p has.
        assert_close(logit.fisher([eta]), [[exact]], EXACT + 1e-16 * np.exp(eta))
    for call in lambda: logit.fisher([36]), lambda: logit.kl([36], [36.5]), lambda: logit.kl([[0], [1]], [36]):
        message = refuse(call, "theta")
        assert "must keep its digits in the coordinates of the family, but (eta) = (36" in message
    # What is taken over as it is isn't rounded.
    far = ng.reparametrize(BELL, ng.gaussian_mean_scale)
    assert_close(far.fisher([1e12, 1e-9]), [[1e18, 0], [0, 2e18]], EXACT)


def test_charts_can_be_sent_to_another_process_and_shown():
    for chart in ng.gaussian_mean_scale, ng.gaussian_mean_log_scale, ng.gaussian_natural:
        assert pickle.loads(pickle.dumps(chart)) == chart
        assert repr(chart) == f"Coordinates({', '.join(chart.parameters)})"
    assert repr(ng.reparametrize(BELL, ng.gaussian_mean_scale)) == "Gaussian(mu, sigma)"


def test_coordinates_of_coordinates():
    log = ng.reparametrize(ng.reparametrize(BELL, ng.gaussian_mean_scale), ng.Coordinates(("mu", "l"), _log_of_scale))
    straight = ng.reparametrize(BELL, ng.gaussian_mean_log_scale)
    assert repr(log) == "Gaussian(mu, l)"
    assert_close(log.fisher([0.3, 0.7]), straight.fisher([0.3, 0.7]), EXACT)
    assert_close(log.kl([0.3, 0.7], [0.2, 1]), straight.kl([0.3, 0.7], [0.2, 1]), EXACT)


def _log_of_scale(phi):
    mu, log = np.moveaxis(phi, -1, 0)
    return np.stack([mu, np.exp(log)], axis=-1)
