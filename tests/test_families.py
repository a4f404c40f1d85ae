"""One contract for every family: its closed forms are claims, held against mpmath, scipy and sampling."""

from collections.abc import Callable
from typing import NamedTuple

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, stats
from tolerances import (
    EXACT,
    FULL,
    MONTE_CARLO,
    ORDER,
    PLAUSIBLE,
    QUADRATURE,
    SINGLE,
    assert_close,
)

import natgrad as ng

# So many that cancellation is no concern.
DIGITS = 60
# How many standard deviations of a density on the real line are integrated over.
REACH = 38


class Case(NamedTuple):
    family: ng.Family
    # From θ to the density as scipy has it.
    scipy: Callable
    # ln p_θ(x), written in mpmath from the definition.
    log_prob: Callable
    # From θ and a distance to another θ, that distance away in units of the family's own scale.
    move: Callable
    thetas: list

    def support(self, theta):
        """All observations, or None for the real line."""
        low, high = self.scipy(theta).support()
        return None if np.isinf(low) else np.arange(low, high + 1.0)

    def observations(self, theta):
        """Some typical observations and some rare ones."""
        if (support := self.support(theta)) is not None:
            return support
        density = self.scipy(theta)
        return density.mean() + density.std() * np.array([-6.0, -1.0, 0.0, 0.3, 2.5, 9.0])

    def mean(self, theta, f):
        """E[f(x)] of a function of order one, number or array, by scipy's quadrature or by a sum."""
        density = self.scipy(theta)
        if (support := self.support(theta)) is not None:
            return sum(density.pmf(x) * f(x) for x in support)
        center, width = density.mean(), density.std()
        return integrate.quad_vec(
            lambda z: width * density.pdf(center + width * z) * f(center + width * z),
            -REACH,
            REACH,
            points=(-8, -3, 0, 3, 8),
            epsabs=1e-12,
            norm="max",
        )[0]

    def precise_mean(self, theta, f):
        """E[f(x)] to DIGITS digits."""
        p = [mp.mpf(t) for t in theta]
        if (support := self.support(theta)) is not None:
            return mp.fsum(mp.exp(self.log_prob(p, x)) * f(x) for x in support)
        center, width = mp.mpf(self.scipy(theta).mean()), mp.mpf(self.scipy(theta).std())
        ends = [center + width * z for z in (-16, -11, -7, -4, -2, 0, 2, 4, 7, 11, 16)]
        return mp.quad(lambda x: mp.exp(self.log_prob(p, x)) * f(x), ends, method="gauss-legendre")


def move_odds(theta, distance):
    return [float(1 / (1 + (1 / theta[0] - 1) * np.exp(-distance)))]


def move_gaussian(theta, distance):
    mu, tau = theta
    return [mu + 0.7 * distance / np.sqrt(tau), tau * np.exp(distance)]


# A new family is one entry here.
CASES = {
    "Bernoulli": Case(
        ng.Bernoulli(),
        lambda theta: stats.bernoulli(theta[0]),
        lambda theta, x: mp.log(theta[0] if x == 1 else 1 - theta[0]),
        move_odds,
        [[0.6], [0.5], [0.01], [1e-8], [1e-15], [1 - 1e-6]],
    ),
    "Gaussian": Case(
        ng.Gaussian(),
        lambda theta: stats.norm(theta[0], theta[1] ** -0.5),
        lambda theta, x: (mp.log(theta[1] / (2 * mp.pi)) - theta[1] * (x - theta[0]) ** 2) / 2,
        move_gaussian,
        [[0.0, 1.0], [0.3, 2.0], [-5.0, 1e-3], [1e3, 1e4], [0.0, 1e-60]],
    ),
}
POINTS = [(name, theta) for name, case in CASES.items() for theta in case.thetas]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=POINTS, ids=[f"{name} {theta}" for name, theta in POINTS])
def at(request):
    """A family and a point in it."""
    name, theta = request.param
    return CASES[name], theta


def precise_score(case, theta, x):
    """S by mpmath's numerical derivative of ln p."""
    with mp.workdps(DIGITS):
        theta, x = [mp.mpf(t) for t in theta], mp.mpf(x)
        score = []
        for i, t in enumerate(theta):
            # A step that suits the size of the parameter.
            unit = abs(t) or mp.mpf(1)
            moved = lambda s, i=i, unit=unit: [*theta[:i], theta[i] + s * unit, *theta[i + 1 :]]
            slope = mp.diff(lambda s, moved=moved: case.log_prob(moved(s), x), 0, h=mp.mpf("1e-20"))
            score.append(float(slope / unit))
        return np.array(score)


def units(case, theta):
    """Factors that make the scores of order one, so that no tolerance depends on units."""
    x = case.observations(theta)
    square = np.array([precise_score(case, theta, v) ** 2 for v in x])
    weights = case.scipy(theta).pmf(x) if case.support(theta) is not None else np.ones(len(x))
    return 1 / np.sqrt(weights @ square)


def test_names_and_dimension(case):
    assert case.family.dim == len(case.family.parameters) == len(case.thetas[0])
    assert len(set(case.family.parameters)) == case.family.dim


def test_log_prob_against_scipy(at):
    case, theta = at
    x, density = case.observations(theta), case.scipy(theta)
    expected = density.logpdf(x) if case.support(theta) is None else density.logpmf(x)
    found = case.family.log_prob(theta, x)
    assert_close(found, expected, EXACT, np.maximum(np.abs(expected), 1))


def test_log_prob_against_mpmath(at):
    case, theta = at
    x = case.observations(theta)
    with mp.workdps(DIGITS):
        p = [mp.mpf(t) for t in theta]
        expected = [float(case.log_prob(p, mp.mpf(v))) for v in x]
    assert_close(case.family.log_prob(theta, x), expected, EXACT, np.maximum(np.abs(expected), 1))


def test_densities_have_mass_one(at):
    case, theta = at
    # The density is natgrad's, the points and the rule scipy's.
    if (support := case.support(theta)) is not None:
        assert_close(np.exp(case.family.log_prob(theta, support)).sum(), 1.0, EXACT)
        return
    density = case.scipy(theta)
    center, width = density.mean(), density.std()
    mass = integrate.quad(
        lambda z: width * np.exp(case.family.log_prob(theta, center + width * z)),
        -REACH,
        REACH,
        points=[-8, 0, 8],
    )[0]
    assert_close(mass, 1.0, QUADRATURE)


def test_score_is_the_derivative_of_log_prob(at):
    case, theta = at
    x = case.observations(theta)
    expected = np.array([precise_score(case, theta, v) for v in x])
    scale = np.abs(expected).max(axis=0)
    assert_close(case.family.score(theta, x), expected, EXACT, scale)


def test_the_mean_score_is_zero(at):
    case, theta = at
    unit = units(case, theta)
    mean = case.mean(theta, lambda x: unit * case.family.score(theta, x))
    assert_close(mean, np.zeros(case.family.dim), QUADRATURE)


def test_fisher_is_the_mean_square_of_the_score(at):
    # The score is mpmath's derivative and the mean scipy's: nothing of natgrad on that side.
    case, theta = at
    unit = units(case, theta)

    def square(x):
        score = unit * precise_score(case, theta, x)
        return np.outer(score, score)

    found = np.outer(unit, unit) * case.family.fisher(theta)
    assert_close(found, case.mean(theta, square), QUADRATURE)


def test_fisher_is_minus_the_mean_hessian(at):
    case, theta = at
    unit, dim = units(case, theta), case.family.dim

    def hessian(x):
        with mp.workdps(DIGITS):
            x, center = mp.mpf(x), [mp.mpf(t) for t in theta]
            log_prob = lambda *s: case.log_prob([t + u * mp.mpf(d) for t, u, d in zip(center, unit, s, strict=True)], x)
            orders = np.eye(dim, dtype=int)[:, None] + np.eye(dim, dtype=int)
            entries = [
                [float(mp.diff(log_prob, [0] * dim, tuple(n), h=mp.mpf("1e-20"))) for n in row]
                for row in orders.tolist()
            ]
            return np.array(entries)

    found = np.outer(unit, unit) * case.family.fisher(theta)
    assert_close(found, -case.mean(theta, hessian), QUADRATURE)


def test_fisher_is_symmetric_and_positive(at):
    case, theta = at
    fisher = case.family.fisher(theta)
    assert (fisher == fisher.T).all()
    assert (np.linalg.eigvalsh(fisher) > 0).all()


# A coin that hardly ever shows one of its sides is not to be judged by a sample.
COMMON = [(name, theta) for name, theta in POINTS if CASES[name].scipy(theta).std() > 1e-3]


@pytest.mark.parametrize(("name", "theta"), COMMON)
def test_fisher_against_samples(name, theta):
    case = CASES[name]
    unit = units(case, theta)
    x = case.family.sample(theta, 40_000, np.random.default_rng(7))
    scores = unit * case.family.score(theta, x)
    products = scores[:, :, None] * scores[:, None, :]
    errors = products.std(axis=0, ddof=1) / np.sqrt(len(x))
    difference = products.mean(axis=0) - np.outer(unit, unit) * case.family.fisher(theta)
    assert (np.abs(difference) <= MONTE_CARLO * errors).all()


DISTANCES = [1e-9, -1e-6, 1e-3, -0.04, 0.06, -0.5, 1.0, -3.0, 10.0, -10.0]


@pytest.mark.parametrize("distance", DISTANCES)
def test_kl_keeps_all_digits(at, distance):
    case, theta = at
    other = case.move(theta, distance)
    with mp.workdps(DIGITS):
        p, q = [mp.mpf(t) for t in theta], [mp.mpf(t) for t in other]
        exact = case.precise_mean(theta, lambda x: case.log_prob(p, x) - case.log_prob(q, x))
        error = abs(mp.mpf(float(case.family.kl(theta, other))) / exact - 1)
    assert error <= FULL


def test_kl_of_very_different_densities():
    # The densities of these have no digit in common, and the divergence is still a moderate number.
    for tau in (1e-20, 1e-100):
        exact = (tau - 1 - np.log(tau)) / 2
        assert_close(ng.Gaussian().kl([0, 1], [0, tau]), exact, FULL)
        exact = -(np.log(4 * tau) + np.log1p(-tau)) / 2
        assert_close(ng.Bernoulli().kl([0.5], [tau]), exact, FULL)


def test_kl_is_zero_only_between_equals(at):
    case, theta = at
    assert case.family.kl(theta, theta) == 0
    others = np.array([case.move(theta, d) for d in np.random.default_rng(5).normal(0, 2, 50)])
    assert (case.family.kl(theta, others) > 0).all()
    assert (case.family.kl(others, theta) > 0).all()


def test_kl_against_its_definition(at):
    case, theta = at
    for distance in (-1.5, 0.4):
        other = case.move(theta, distance)
        closed = case.family.kl(theta, other)
        assert_close(ng.kl_divergence(case.family, theta, other), closed, QUADRATURE)


@pytest.mark.parametrize("seed", range(4))
def test_kl_is_quadratic_up_to_third_order(at, seed):
    # An "≈" is a statement about order: KL − ½δᵀFδ falls with the third power of the step.
    case, theta = at
    theta = np.array(theta)
    fisher = case.family.fisher(theta)
    direction = np.random.default_rng(seed).standard_normal(theta.size) / np.sqrt(np.diag(fisher))
    # Well inside of the domain also where it is narrow.
    inside = min(1.0, np.min(np.abs(theta[theta != 0] / direction[theta != 0])))
    if case.support(theta.tolist()) is not None:
        inside = min(inside, float((1 - theta[0]) / abs(direction[0])))
    steps = 0.002 * inside * 2.0 ** -np.arange(5)
    deltas = steps[:, None] * direction
    # What is added to θ, after rounding.
    deltas = (theta + deltas) - theta
    quadratic = np.einsum("ki,ij,kj->k", deltas, fisher, deltas) / 2
    errors = np.abs(case.family.kl(theta, theta + deltas) - quadratic)
    orders = ng.observed_order(errors, steps)
    assert (orders > 3 - ORDER).all(), orders
    # A symmetric density, such as that of a fair coin, may do better; the first of each list does not.
    if list(theta) == case.thetas[0]:
        assert (np.abs(orders - 3) < ORDER).all(), orders


def test_samples_follow_the_density(at):
    case, theta = at
    x, density = case.family.sample(theta, 20_000, np.random.default_rng(11)), case.scipy(theta)
    if (support := case.support(theta)) is None:
        plausibility = stats.kstest(x, density.cdf).pvalue
    else:
        counts = [np.count_nonzero(x == value) for value in support]
        assert sum(counts) == x.size
        plausibility = min(
            stats.binomtest(count, x.size, density.pmf(value)).pvalue
            for count, value in zip(counts, support, strict=True)
        )
    assert plausibility > PLAUSIBLE


def test_samples_are_reproducible_and_independent(case):
    theta = case.thetas[0]
    draw = lambda seed: case.family.sample(theta, (500, 2), np.random.default_rng(seed))
    assert (draw(3) == draw(3)).all()
    assert (draw(3) != draw(4)).any()
    # Two columns of independent draws are uncorrelated, up to 1/√N.
    assert abs(np.corrcoef(draw(3).T)[0, 1]) < MONTE_CARLO / np.sqrt(500)


def test_sample_shapes(case):
    sample = lambda theta, size: case.family.sample(theta, size, np.random.default_rng(0))
    theta = np.array(case.thetas[0])
    several = np.broadcast_to(theta, (4, 3, theta.size))
    assert sample(theta, 5).shape == (5,)
    assert sample(theta, ()).shape == ()
    assert sample(theta, (5, 2)).shape == (5, 2)
    assert sample(several, 5).shape == (5, 4, 3)
    assert sample(several, ()).shape == (4, 3)


def test_each_parameter_vector_has_samples_of_its_own(case):
    thetas = np.array(case.thetas[:3])
    x = case.family.sample(thetas, 4000, np.random.default_rng(2))
    for theta, column in zip(thetas, x.T, strict=True):
        density = case.scipy(theta)
        assert abs(column.mean() - density.mean()) <= MONTE_CARLO * density.std() / np.sqrt(4000)


def test_leading_axes_broadcast(case):
    family, thetas, dim = case.family, np.array(case.thetas), case.family.dim
    x = case.observations(case.thetas[0])
    table = {
        "log_prob": family.log_prob(thetas[:, None], x),
        "score": family.score(thetas[:, None], x),
        "fisher": family.fisher(thetas),
        "kl": family.kl(thetas[:, None], thetas),
    }
    n, m = len(thetas), len(x)
    assert [a.shape for a in table.values()] == [(n, m), (n, m, dim), (n, dim, dim), (n, n)]
    for i, theta in enumerate(thetas):
        assert (table["fisher"][i] == family.fisher(theta)).all()
        for j, v in enumerate(x):
            assert table["log_prob"][i, j] == family.log_prob(theta, v)
            assert (table["score"][i, j] == family.score(theta, v)).all()
        for j, other in enumerate(thetas):
            assert table["kl"][i, j] == family.kl(theta, other)
    assert (family.kl(thetas[0], thetas[:, None, None]) == table["kl"][0][:, None, None]).all()


def test_float32_stays_float32(case):
    single = lambda array: np.array(array, dtype=np.float32)
    theta, other = single(case.thetas[0]), single(case.move(case.thetas[0], 0.5))
    x = single(case.observations(case.thetas[0]))
    for method, arguments in {
        "log_prob": (theta, x),
        "score": (theta, x),
        "fisher": (theta,),
        "kl": (theta, other),
    }.items():
        found = getattr(case.family, method)(*arguments)
        expected = getattr(case.family, method)(*(a.astype(float) for a in arguments))
        assert found.dtype == np.float32
        assert_close(found, expected, SINGLE)


def test_expect_against_quadrature(at):
    case, theta = at
    center, width = case.scipy(theta).mean(), case.scipy(theta).std()
    if case.support(theta) is not None:
        center, width = 0, 1
    for f in np.ones_like, np.sin, np.cos, np.square:
        moved = lambda x, f=f: f((x - center) / width)
        assert_close(case.family.expect(theta, moved), case.mean(theta, moved), QUADRATURE, 1.0)


def test_expect_takes_functions_of_any_shape(case):
    theta = case.thetas[0]
    f = lambda x: np.stack([np.ones((2, x.size)), x + np.zeros((2, x.size))]).T
    one, mean = 1.0, case.scipy(theta).mean()
    assert_close(case.family.expect(theta, f), [[one, mean], [one, mean]], EXACT)


def test_the_expectation_of_a_condition_is_its_probability():
    assert_close(ng.Bernoulli().expect([0.3], lambda x: x == 1), 0.3, EXACT)


def test_bernoulli_sums_are_exact():
    f = lambda x: np.where(x == 1, 1e300, -3.0)
    assert_close(ng.Bernoulli().expect([0.25], f), 0.25 * 1e300 - 0.75 * 3, EXACT)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.exp(x**2 / 2),
        lambda x: np.exp(0.6 * x**2),
        lambda x: 1 / x**2,
        lambda x: np.exp(x**2 / 2) / (1 + x**2),
    ],
    # The last one is finite, but its integrand falls too slowly.
    ids=["level", "growing", "pole", "slow tail"],
)
def test_expectations_out_of_reach_are_refused(f):
    with pytest.raises(ValueError, match=r"^`f` must have an expectation that quadrature can find"):
        ng.Gaussian().expect([0, 1], f)


def test_the_worst_of_several_expectations_is_named():
    first, last = (
        weights[nodes > 0.5].sum() / np.sqrt(2 * np.pi)
        for nodes, weights in map(np.polynomial.hermite_e.hermegauss, (64, 100))
    )
    with pytest.raises(ValueError, match=f"nodes give {first:.6g} and {last:.6g}"):
        ng.Gaussian().expect([0, 1], lambda x: np.stack([1e9 + 0 * x, x > 0.5, x], axis=1))


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="^`f` must give finite values"):
        ng.Bernoulli().expect([0.5], lambda x: np.where(x == 1, np.inf, 0.0))


def test_mistakes_of_the_function_are_not_hidden():
    def broken(x):
        raise KeyError("its own mistake")

    with pytest.raises(KeyError, match="its own mistake"):
        ng.Gaussian().expect([0, 1], broken)


def test_probabilities_too_small_to_have_a_score_are_refused():
    with pytest.raises(ValueError, match=r"^`theta` must be at least 2\.23e-308, but it contains 1e-310\.$"):
        ng.Bernoulli().score([1e-310], 1)


def test_the_smallest_probability_still_has_a_score():
    tiny = np.finfo(float).tiny
    assert_close(ng.Bernoulli().score([tiny], 1), [1 / tiny], FULL)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precisions_are_those_whose_square_can_be_inverted(dtype):
    largest = dtype(np.sqrt(np.finfo(dtype).max) / 2)
    for tau in (largest, 1 / largest):
        found = ng.Gaussian().fisher(np.array([0, tau], dtype=dtype))[1, 1]
        exact = float(1 / (2 * mp.mpf(float(tau)) ** 2))
        assert_close(found, exact, SINGLE if dtype == np.float32 else EXACT)
    for tau in (dtype(1.01) * largest, dtype(0.99) / largest):
        with pytest.raises(ValueError, match="^`theta` must have a precision tau between"):
            ng.Gaussian().fisher(np.array([0, tau], dtype=dtype))
