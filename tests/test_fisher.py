"""Fisher information by independent routes: they agree, and with what is known."""

import numpy as np
import pytest
from tolerances import DIFFERENCES, EXACT, MONTE_CARLO, ORDER, QUADRATURE, assert_close

import natgrad as ng

# θ, and the Fisher matrix as the textbooks have it.
KNOWN = [
    (ng.Bernoulli(), [0.6], [[1 / 0.24]]),
    (ng.Bernoulli(), [0.02], [[1 / 0.0196]]),
    (ng.Bernoulli(), [0.999], [[1 / 0.000999]]),
    (ng.Gaussian(), [0.0, 1.0], [[1.0, 0.0], [0.0, 0.5]]),
    (ng.Gaussian(), [-3.0, 0.04], [[0.04, 0.0], [0.0, 312.5]]),
    (ng.Gaussian(), [7.0, 900.0], [[900.0, 0.0], [0.0, 0.5 / 810000]]),
]
known = pytest.mark.parametrize(("family", "theta", "fisher"), KNOWN)


def scale(fisher):
    """√(Fᵢᵢ Fⱼⱼ): what the entries are measured by, whatever the units of θ."""
    root = np.sqrt(np.diag(fisher))
    return np.outer(root, root)


@known
def test_closed_form(family, theta, fisher):
    assert_close(family.fisher(theta), fisher, EXACT, scale(fisher))


@known
def test_by_expectation(family, theta, fisher):
    assert_close(ng.fisher_information(family, theta), fisher, QUADRATURE, scale(fisher))


@known
def test_by_the_mean_hessian(family, theta, fisher):
    assert_close(ng.fisher_from_hessian(family, theta), fisher, DIFFERENCES, scale(fisher))


@known
def test_by_sampling(family, theta, fisher):
    value, error = ng.fisher_monte_carlo(family, theta, 50_000, np.random.default_rng(1))
    assert value.shape == error.shape == np.shape(fisher)
    assert (np.abs(value - fisher) <= MONTE_CARLO * error).all()
    assert (value == value.T).all()


@known
def test_the_metric(family, theta, fisher):
    metric = ng.fisher_metric(family, theta)
    assert isinstance(metric, ng.Metric)
    assert_close(metric.as_matrix(), fisher, EXACT, scale(fisher))
    unit = 1 / np.sqrt(np.diag(fisher))
    assert_close(metric.norm(np.diag(unit)), np.ones(len(unit)), EXACT)


class WrongScore(ng.Gaussian):
    """A family whose score does not belong to its density."""

    def _score(self, theta, x):
        return [2 * part for part in super()._score(theta, x)]


class WrongDensity(ng.Gaussian):
    """A family whose density does not belong to its score."""

    def _log_prob(self, theta, x):
        return 2 * super()._log_prob(theta, x)


def test_the_routes_share_nothing():
    # One route sees only the score, the other only the density; neither sees the closed form.
    right = ng.Gaussian().fisher([0, 2])
    assert_close(ng.fisher_information(WrongScore(), [0, 2]), 4 * right, QUADRATURE)
    assert_close(ng.fisher_from_hessian(WrongScore(), [0, 2]), right, DIFFERENCES)
    assert_close(ng.fisher_information(WrongDensity(), [0, 2]), right, QUADRATURE)
    assert_close(ng.fisher_from_hessian(WrongDensity(), [0, 2]), 2 * right, DIFFERENCES)
    assert (WrongScore().fisher([0, 2]) == right).all()


def test_standard_errors_are_those_of_repeated_estimates():
    # The spread of 300 estimates against the mean of their standard errors.
    draws = [ng.fisher_monte_carlo(ng.Gaussian(), [0, 2], 400, np.random.default_rng(seed)) for seed in range(300)]
    spread = np.std([draw.value for draw in draws], axis=0, ddof=1)
    claimed = np.mean([draw.error for draw in draws], axis=0)
    # A spread of 300 has itself an error of 1/√600.
    assert (np.abs(spread / claimed - 1) < MONTE_CARLO / np.sqrt(600)).all()


def test_standard_errors_of_two_draws():
    # Two draws: the mean is half of the sum, its error half of the difference.
    theta, x = [0.0, 1.0], ng.Gaussian().sample([0, 1], 2, np.random.default_rng(3))
    scores = ng.Gaussian().score(theta, x)
    a, b = (np.outer(s, s) for s in scores)
    value, error = ng.fisher_monte_carlo(ng.Gaussian(), theta, 2, np.random.default_rng(3))
    assert_close(value, (a + b) / 2, EXACT)
    assert_close(error, np.abs(a - b) / 2, EXACT)


def test_errors_fall_with_the_root_of_the_size():
    sizes = np.array([1_000, 10_000, 100_000])
    errors = [ng.fisher_monte_carlo(ng.Bernoulli(), [0.3], n, np.random.default_rng(0))[1].item() for n in sizes]
    assert (np.abs(ng.observed_order(errors, sizes) + 0.5) < ORDER).all()


def test_empirical_fisher():
    scores = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]])
    expected = [[10 / 3, -1 / 3], [-1 / 3, 5.25 / 3]]
    assert_close(ng.empirical_fisher(scores), expected, EXACT)
    assert_close(ng.empirical_fisher([[2, 3]]), [[4, 6], [6, 9]], EXACT)


def test_empirical_fisher_of_other_data_is_another_matrix():
    family, theta, generator = ng.Gaussian(), [0.0, 1.0], np.random.default_rng(0)
    scores = family.score(theta, family.sample(theta, 100_000, generator))
    error = (scores[:, :, None] * scores[:, None, :]).std(axis=0) / np.sqrt(100_000)
    other = family.sample([0.0, 0.25], 100_000, generator)
    foreign = ng.empirical_fisher(family.score(theta, other))
    assert_close(ng.empirical_fisher(scores), np.diag([1.0, 0.5]), MONTE_CARLO, error)
    # E[x²] = 4 takes the place of E[x²] = 1, with an error of √(E[x⁴] − 16) = √32 per draw.
    assert abs(foreign[0, 0] - 4) <= MONTE_CARLO * np.sqrt(32 / 100_000)


def test_fisher_metrics_of_several_parameters():
    metric = ng.fisher_metric(ng.Gaussian(), [[0, 1], [0, 4], [3, 4]])
    assert metric.batch == (3,)
    assert_close(metric.solve([1, 1]), [[1, 2], [0.25, 32], [0.25, 32]], EXACT)
