"""Fisher information by independent routes: they agree, and with what is known."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from families import mean_hessian
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
    assert_close(mean_hessian(WrongScore(), [0, 2]), right, DIFFERENCES)
    assert_close(ng.fisher_information(WrongDensity(), [0, 2]), right, QUADRATURE)
    assert_close(mean_hessian(WrongDensity(), [0, 2]), 2 * right, DIFFERENCES)
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


def test_empirical_fisher_of_any_size():
    scores = np.random.default_rng(0).standard_normal((50, 3))
    # A power of two, so that the result is the same to the last digit.
    for exponent in -480, 480:
        scaled = np.ldexp(scores, exponent)
        assert (ng.empirical_fisher(scaled) == np.ldexp(ng.empirical_fisher(scores), 2 * exponent)).all()
    # Squares that can't be represented are refused, in one column as in all; a column of zeros is not one of them.
    for factor in 1e-160, 1e160:
        for scaled in factor * scores, scores * [1, factor, 1], scores * [1, factor, 1] * np.eye(50, 1):
            with pytest.raises(ValueError, match="^`scores` must have a result within the range of float64"):
                ng.empirical_fisher(scaled)
    assert_close(ng.empirical_fisher(scores * [1, 0, 1])[1], np.zeros(3), EXACT)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_mean_hessian_of_vectors_in_any_unit(unit):
    family, length = ng.MultivariateGaussian(2), unit**-0.5
    theta = [0.3 * length, -0.2 * length, 2 * unit, 0.5 * unit, unit]
    expected = family.fisher(theta)
    # The roundings of some processors make it 1.7e-7; a step that doesn't follow the unit would lose every digit.
    assert_close(mean_hessian(family, theta), expected, 3 * DIFFERENCES, scale(expected))


def test_so_many_parameters_that_one_draw_fills_a_block():
    value, error = ng.fisher_monte_carlo(ng.Categorical(600), np.full(599, 1 / 600), 20, np.random.default_rng(0))
    assert (value == value.T).all()
    # Of the score of an observation one entry is 600 or all are -600.
    draws = np.diag(value) * 20 / 600**2
    assert_close(draws, draws.round(), EXACT)
    assert error.shape == (599, 599)


def test_validation_takes_no_memory():
    scores = np.ones((100_000, 4))
    accumulated = ng.EmpiricalFisher(4)
    for call in (lambda: ng.empirical_fisher(scores)), (lambda: accumulated.add(scores)):
        assert peak_memory(call) < 2**14


def peak_memory(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_data():
    theta, rng = [0.3, 2.0], np.random.default_rng(0)
    for size in 100_000, 400_000:
        assert peak_memory(lambda n=size: ng.fisher_monte_carlo(ng.Gaussian(), theta, n, rng)) < 8 * 2**20


def test_parts_in_any_order():
    generator = np.random.default_rng(0)
    rows = [generator.standard_normal((n, 3)) * 10.0**n for n in (1, 3, 2, 5)]
    everything = np.concatenate(rows)
    parts = [ng.EmpiricalFisher(3) for _ in rows]
    for part, scores in zip(parts, rows, strict=True):
        part.add(scores)
    for order in itertools.permutations(pickle.loads(pickle.dumps(parts))):
        total = sum(order, start=ng.EmpiricalFisher(3))
        assert total.count == 11
        assert_close(total.matrix(), everything.T @ everything / 11, EXACT)
    # Of any shape of tree, and none of the parts has changed.
    first, second, third, last = parts
    assert_close(((last + first) + (third + second)).matrix(), everything.T @ everything / 11, EXACT)
    assert [part.count for part in parts] == [1, 3, 2, 5]
    one = ng.EmpiricalFisher(3)
    for scores in rows:
        one.add(scores)
    assert_close(one.matrix(), total.matrix(), EXACT)
    with pytest.raises(TypeError):
        first + 1


def test_sums_are_made_in_float64():
    # Of float32 the sum would be off by more than one part in 10⁵ (the mean of squares is that of the rounded scores).
    scores = np.full((300_000, 1), 0.1, np.float32)
    scores[0] = 300
    total = ng.EmpiricalFisher(1)
    total.add(scores)
    assert_close(total.matrix(), [[(scores.astype(float) ** 2).mean()]], EXACT)


def test_what_is_refused_leaves_the_sum_as_it_was():
    total = ng.EmpiricalFisher(2)
    total.add([[1, 2]])
    before = total.matrix()
    bad = np.ones((300_000, 2))
    bad[-1, 1] = np.nan
    with pytest.raises(ValueError, match="must be finite, but it contains nan"):
        total.add(bad)
    huge = ng.EmpiricalFisher(2)
    huge.add([[1.2e154, 0]])
    for refused in lambda: huge.add([[1.2e154, 0]]), lambda: huge + huge:
        with pytest.raises(ValueError, match="must have a result within the range of float64, but it overflows"):
            refused()
    assert (total.count, huge.count) == (1, 1)
    assert (total.matrix() == before).all()


def test_draws_do_not_depend_on_the_blocks():
    # One block and several: the draws are the same, and so is the mean, up to rounding.
    family, theta, n = ng.Gaussian(), [0.3, 2.0], 300_001
    value, error = ng.fisher_monte_carlo(family, theta, n, np.random.default_rng(5))
    scores = family.score(theta, family.sample(theta, n, np.random.default_rng(5)))
    products = scores[:, :, None] * scores[:, None, :]
    assert_close(value, products.mean(axis=0), EXACT)
    assert_close(error, products.std(axis=0, ddof=1) / np.sqrt(n), EXACT)


@pytest.mark.parametrize(
    ("family", "theta"),
    [(ng.Gaussian(), [0, 1e100]), (ng.Gaussian(), [0, 1e-100]), (ng.Poisson(), [1e8]), (ng.Poisson(), [1e9])],
)
def test_by_sampling_in_any_unit(family, theta):
    fisher = family.fisher(theta)
    value, error = ng.fisher_monte_carlo(family, theta, 50_000, np.random.default_rng(1))
    assert (np.abs(value - fisher) <= MONTE_CARLO * error).all()
    # A product of two scores has a spread of order one in their units.
    assert (error > 0.001 * scale(fisher)).all()
    assert (error < 0.1 * scale(fisher)).all()


FAR = [
    (ng.Bernoulli(), [1e-100]),
    (ng.Gaussian(), [0, 1e-100]),
    (ng.Gaussian(), [0, 1e100]),
    (ng.Softmax(2), [-20]),
    (ng.Softmax(2), [600]),
    *((ng.Poisson(), [rate]) for rate in (1e-60, 1e-8, 30, 3e3, 1e6, 1e9)),
    (ng.MultivariateGaussian(3), [1, 2, 3, 2, 0.5, 1, -0.3, 0.2, 4]),
]


@pytest.mark.parametrize(("family", "theta"), FAR)
def test_by_expectation_in_any_unit(family, theta):
    fisher = family.fisher(theta)
    assert_close(ng.fisher_information(family, theta), fisher, QUADRATURE, scale(fisher))


def test_a_metric_that_is_singular_is_said_of_theta():
    message = "^`theta` must have a Fisher matrix that is positive definite beyond rounding, but"
    # Two outcomes, both nearly certain to be one of them: no digit of what tells them apart is left.
    with pytest.raises(ValueError, match=message):
        ng.fisher_metric(ng.Categorical(3), [0.5, 0.5 - 2**-53])


def test_memory_fits_the_answer():
    family, theta = ng.Categorical(1000), np.full(999, 1e-3)
    assert peak_memory(lambda: ng.fisher_information(family, theta)) < 6 * 8e6
    assert_close(ng.fisher_information(family, theta), family.fisher(theta), EXACT)
    for outcomes in family, ng.Softmax(1000):
        assert peak_memory(lambda outcomes=outcomes: outcomes.log_prob(theta, np.zeros(100_000))) < 5e6


def test_it_says_how_much_it_has_seen():
    found = ng.EmpiricalFisher(2)
    found.add(np.zeros((5, 2)))
    assert repr(found) == "EmpiricalFisher(dim=2, count=5)"
