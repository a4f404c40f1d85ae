"""One contract for every family: its closed forms are claims, held against mpmath, scipy and sampling."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats
from tolerances import (
    DIFFERENCES,
    DIVERGENCE,
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
from natgrad._quadrature import FALL, hermite, sinh_rule

# So many that cancellation is no concern.
DIGITS = 60
# A density is integrated between neighbours of these quantiles, on either side of the median.
TAILS = (1e-22, 1e-19, 1e-16, 1e-13, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5)
NODES = 24


class Chart(NamedTuple):
    """A map from the real line to the support, under which the density and its tails become smooth and short."""

    to_x: Callable
    slope: Callable
    to_v: Callable


LINE = Chart(lambda v: v, lambda v: 1, lambda x: x)
HALF_LINE = Chart(lambda v: np.exp(v), lambda v: np.exp(v), np.log)
INTERVAL = Chart(
    lambda v: 1 / (1 + np.exp(-v)), lambda v: 1 / (2 + np.exp(v) + np.exp(-v)), lambda x: np.log(x) - np.log1p(-x)
)
HEAVY = Chart(np.sinh, np.cosh, np.arcsinh)


class Case(NamedTuple):
    family: ng.Family
    # From θ to the density as scipy has it.
    scipy: Callable
    # ln p_θ(x), written in mpmath from the definition.
    log_prob: Callable
    # From θ and a distance to another θ, that distance away in units of the family's own scale.
    move: Callable
    thetas: list
    # KL(p_θ₀ ‖ p_θ₁), written in mpmath as textbooks have it.
    kl: Callable
    chart: Chart | None = None

    def support(self, theta):
        """All observations that matter, or None where there is a density."""
        if self.chart:
            return None
        density = self.scipy(theta)
        low, high = density.support()
        return np.arange(low, min(high, density.isf(1e-14) + 40) + 1.0)

    def observations(self, theta):
        """Some typical observations and some rare ones."""
        if (support := self.support(theta)) is not None:
            return support
        return self.scipy(theta).ppf([1e-9, 0.01, 0.2, 0.5, 0.7, 0.99, 1 - 1e-12])

    def integral(self, theta, g):
        """∫ g(x) dx over the support, g as large as the density."""
        density, tails = self.scipy(theta), np.array(TAILS)
        edges = self.chart.to_v(np.concatenate([density.ppf(tails), density.isf(tails[-2::-1])]))
        edges, (z, w) = edges[np.isfinite(edges)], np.polynomial.legendre.leggauss(NODES)
        half = np.diff(edges)[:, None] / 2
        v, weights = (edges[:-1, None] + half * (z + 1)).ravel(), (half * w).ravel()
        return sum(a * self.chart.slope(u) * g(self.chart.to_x(u)) for u, a in zip(v, weights, strict=True))

    def mean(self, theta, f):
        """E[f(x)] of a function of order one, number or array, by quadrature or by a sum."""
        density = self.scipy(theta)
        if (support := self.support(theta)) is not None:
            return sum(density.pmf(x) * f(x) for x in support)
        return self.integral(theta, lambda x: density.pdf(x) * f(x))


def move_odds(theta, distance):
    return [float(1 / (1 + (1 / theta[0] - 1) * np.exp(-distance)))]


def move_simplex(theta, distance):
    odds = np.array([1 - sum(theta), *theta]) * np.exp(distance * np.linspace(-1, 0.6, len(theta) + 1))
    return list((odds / odds.sum())[1:])


def move_gaussian(theta, distance):
    mu, tau = theta
    return [mu + 0.7 * distance / np.sqrt(tau), tau * np.exp(distance)]


def move_student(theta, distance):
    mu, sigma = theta
    return [mu + 0.7 * distance * sigma, sigma * np.exp(0.5 * distance)]


def move_positive(theta, distance):
    return [t * np.exp(distance * c) for t, c in zip(theta, (1, -0.4), strict=False)]


def log_prob_categorical(theta, x):
    return mp.log(([1 - mp.fsum(theta), *theta])[int(x)])


def kl_categorical(p, q):
    return mp.fsum(a * mp.log(a / b) for a, b in zip([1 - mp.fsum(p), *p], [1 - mp.fsum(q), *q], strict=True))


def kl_gaussian(p, q):
    (mu0, tau0), (mu1, tau1) = p, q
    return (tau1 / tau0 - 1 - mp.log(tau1 / tau0) + tau1 * (mu1 - mu0) ** 2) / 2


def kl_gamma(p, q):
    (k0, r0), (k1, r1) = p, q
    gamma = (k0 - k1) * mp.digamma(k0) - mp.loggamma(k0) + mp.loggamma(k1)
    return gamma + k1 * mp.log(r0 / r1) + k0 * (r1 - r0) / r0


def kl_beta(p, q):
    (a, b), (c, d) = p, q
    log_beta = lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    slopes = (a - c) * mp.digamma(a) + (b - d) * mp.digamma(b) + (c - a + d - b) * mp.digamma(a + b)
    return log_beta(c, d) - log_beta(a, b) + slopes


def kl_cauchy(p, q):
    (mu0, sigma0), (mu1, sigma1) = p, q
    return mp.log(((sigma0 + sigma1) ** 2 + (mu0 - mu1) ** 2) / (4 * sigma0 * sigma1))


def log_prob_student(dof):
    def log_prob(theta, x):
        mu, sigma = theta
        scale = mp.loggamma(mp.mpf(dof + 1) / 2) - mp.loggamma(mp.mpf(dof) / 2) - mp.log(mp.pi * dof) / 2
        return scale - mp.log(sigma) - mp.mpf(dof + 1) / 2 * mp.log(1 + ((x - mu) / sigma) ** 2 / dof)

    return log_prob


def kl_student(dof):
    def kl(p, q):
        log_prob, ((mu, sigma), _) = log_prob_student(dof), (p, q)
        log_ratio = lambda x: log_prob(p, x) - log_prob(q, x)
        f = lambda v: mp.exp(log_prob(p, mu + sigma * mp.sinh(v))) * log_ratio(mu + sigma * mp.sinh(v)) * mp.cosh(v)
        # Panels as narrow as either density is.
        of_q = [mp.asinh((q[0] + q[1] * mp.sinh(v) - mu) / sigma) for v in range(-24, 25, 2)]
        return mp.quad(
            lambda v: sigma * f(v), sorted([*range(-24, 25, 2), *of_q]), method="gauss-legendre", maxdegree=5
        )

    return kl


def in_the_new_coordinates(to_theta, log_prob):
    return lambda phi, *others: log_prob(to_theta(*phi), *others)


def gaussian_in(coordinates, to_theta, move, thetas):
    """The Gaussian in other coordinates, whose map is written again here."""
    gaussian = CASES["Gaussian"]
    return Case(
        ng.reparametrize(ng.Gaussian(), coordinates),
        lambda phi: gaussian.scipy([float(t) for t in to_theta(*phi)]),
        lambda phi, x: gaussian.log_prob(to_theta(*phi), x),
        move,
        thetas,
        lambda p, q: kl_gaussian(to_theta(*p), to_theta(*q)),
        LINE,
    )


# A new family is one entry here.
CASES = {
    "Bernoulli": Case(
        ng.Bernoulli(),
        lambda theta: stats.bernoulli(theta[0]),
        log_prob_categorical,
        move_odds,
        [[0.6], [0.5], [0.01], [1e-8], [1e-15], [1 - 1e-6]],
        kl_categorical,
    ),
    "Categorical": Case(
        ng.Categorical(4),
        lambda theta: stats.rv_discrete(values=(range(4), [1 - sum(theta), *theta])),
        log_prob_categorical,
        move_simplex,
        [[0.1, 0.2, 0.3], [1e-9, 0.3, 0.5], [0.4, 0.35, 0.24]],
        kl_categorical,
    ),
    "Gaussian": Case(
        ng.Gaussian(),
        lambda theta: stats.norm(theta[0], theta[1] ** -0.5),
        lambda theta, x: (mp.log(theta[1] / (2 * mp.pi)) - theta[1] * (x - theta[0]) ** 2) / 2,
        move_gaussian,
        [[0.0, 1.0], [0.3, 2.0], [-5.0, 1e-3], [1e3, 1e4], [0.0, 1e-60]],
        kl_gaussian,
        LINE,
    ),
    "Poisson": Case(
        ng.Poisson(),
        lambda theta: stats.poisson(theta[0]),
        lambda theta, x: x * mp.log(theta[0]) - theta[0] - mp.loggamma(x + 1),
        move_positive,
        [[2.5], [1e-6], [40.0]],
        lambda p, q: p[0] * mp.log(p[0] / q[0]) - p[0] + q[0],
    ),
    "Exponential": Case(
        ng.Exponential(),
        lambda theta: stats.expon(scale=1 / theta[0]),
        lambda theta, x: mp.log(theta[0]) - theta[0] * x,
        move_positive,
        [[1.0], [1e-3], [50.0]],
        lambda p, q: mp.log(p[0] / q[0]) - 1 + q[0] / p[0],
        HALF_LINE,
    ),
    "Gamma": Case(
        ng.Gamma(),
        lambda theta: stats.gamma(theta[0], scale=1 / theta[1]),
        lambda theta, x: theta[0] * mp.log(theta[1] * x) - theta[1] * x - mp.log(x) - mp.loggamma(theta[0]),
        move_positive,
        [[2.5, 1.5], [0.3, 10.0], [200.0, 1e-3]],
        kl_gamma,
        HALF_LINE,
    ),
    "Beta": Case(
        ng.Beta(),
        lambda theta: stats.beta(*theta),
        lambda theta, x: (
            (theta[0] - 1) * mp.log(x) + (theta[1] - 1) * mp.log(1 - x) - mp.log(mp.beta(theta[0], theta[1]))
        ),
        move_positive,
        [[2.5, 1.7], [0.8, 3.0], [60.0, 90.0]],
        kl_beta,
        INTERVAL,
    ),
    "StudentT": Case(
        ng.StudentT(5),
        lambda theta: stats.t(5, *theta),
        log_prob_student(5),
        move_student,
        [[0.5, 2.0], [-30.0, 0.01]],
        kl_student(5),
        HEAVY,
    ),
}
CASES |= {
    "Gaussian (mu, sigma)": gaussian_in(
        ng.gaussian_mean_scale,
        lambda mu, sigma: (mu, 1 / sigma**2),
        move_student,
        [[0.3, 2.0], [5.0, 1e3], [-2e-3, 1e-3]],
    ),
    "Gaussian (mu, variance)": gaussian_in(
        ng.gaussian_mean_variance,
        lambda mu, variance: (mu, 1 / variance),
        move_student,
        [[0.3, 2.0]],
    ),
    "Gaussian (mu, log sigma)": gaussian_in(
        ng.gaussian_mean_log_scale,
        lambda mu, log: (mu, mp.exp(-2 * log)),
        lambda theta, distance: [theta[0] + distance, theta[1] - 0.4 * distance],
        [[0.3, 0.7]],
    ),
    "Gaussian, natural": gaussian_in(
        ng.gaussian_natural,
        lambda a, b: (-a / (2 * b), -2 * b),
        lambda theta, distance: [theta[0] + distance, theta[1] * np.exp(0.5 * distance)],
        [[0.3, -0.7]],
    ),
    "Gaussian, moments": gaussian_in(
        ng.gaussian_moments,
        lambda a, b: (a, 1 / (b - a**2)),
        lambda theta, distance: [theta[0] + 0.1 * np.tanh(distance), theta[1] * np.exp(0.05 * distance)],
        [[0.3, 2.0]],
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
    # The density is natgrad's, the points are scipy's.
    if (support := case.support(theta)) is not None:
        assert_close(np.exp(case.family.log_prob(theta, support)).sum(), 1.0, EXACT)
        return
    mass = case.integral(theta, lambda x: np.exp(case.family.log_prob(theta, x)))
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


# An outcome that hardly ever happens is not to be judged by a sample.
COMMON = [
    (name, theta) for name, theta in POINTS if CASES[name].chart or CASES[name].scipy(theta).pmf([0, 1]).min() > 1e-4
]


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
        error = abs(mp.mpf(float(case.family.kl(theta, other))) / case.kl(p, q) - 1)
    assert error <= (FULL if case.family.dim == 1 or isinstance(case.family, ng.Gaussian) else DIVERGENCE)


@pytest.mark.parametrize("distance", [-1.5, 0.2, 0.7])
def test_textbook_divergences_are_their_definition(at, distance):
    # What the digits were compared with, against the definition.
    case, theta = at
    other = case.move(theta, distance)
    with mp.workdps(DIGITS):
        p, q = [mp.mpf(t) for t in theta], [mp.mpf(t) for t in other]
        log_ratio = lambda x: float(case.log_prob(p, mp.mpf(x)) - case.log_prob(q, mp.mpf(x)))
        assert_close(case.mean(theta, log_ratio), float(case.kl(p, q)), QUADRATURE, 1.0)


@pytest.mark.parametrize(
    ("a", "b"), [(0.3, 1e6), (5e-5, 6e5), (1e-3, 1e3), (25.0, 3e4), (9.5, 11.0), (1e-8, 12.0), (1e-20, 1e3)]
)
def test_kl_of_beta_with_parameters_far_apart(a, b):
    family = ng.Beta()
    for distance in (1e-7, -1e-5, -1e-3, 0.3, 3.0):
        for rise, fall in (1, -0.7), (1, 1), (-0.02, 1):
            other = [a * np.exp(rise * distance), b * np.exp(fall * distance)]
            with mp.workdps(DIGITS):
                exact = kl_beta([mp.mpf(a), mp.mpf(b)], [mp.mpf(t) for t in other])
                error = abs(mp.mpf(float(family.kl([a, b], other))) / exact - 1)
            assert error <= DIVERGENCE
            # Whichever of the two is larger.
            assert family.kl([a, b], other) == family.kl([b, a], other[::-1])


@pytest.mark.parametrize(
    ("family", "theta"),
    [
        *((ng.Beta(), theta) for theta in ([0.05, 0.05], [0.2, 1e4], [1e4, 0.2])),
        *((ng.Beta(), theta) for theta in ([1e9, 0.5], [3, 1e10], [1e12, 1e3], [1, 1e14])),
        *((ng.Gamma(), theta) for theta in ([0.2, 1e100], [0.2, 1e-100], [1e4, 1e100], [1e4, 1e-100])),
        *((ng.Poisson(), theta) for theta in ([1e-60], [3e3], [1e6], [1e9])),
    ],
)
def test_quadrature_of_densities_far_from_one(family, theta):
    expected = family.fisher(theta)
    assert_close(ng.fisher_information(family, theta), expected, EXACT, scale_of(expected))


def scale_of(fisher):
    length = np.sqrt(np.diag(fisher))
    return np.outer(length, length)


def test_the_hessian_of_rare_outcomes():
    family, theta = ng.Categorical(4), [1e-3, 1e-3, 0.997]
    expected = family.fisher(theta)
    assert_close(ng.fisher_from_hessian(family, theta), expected, DIFFERENCES, scale_of(expected))


@pytest.mark.parametrize("x", [1e12, -3e30, 1e200])
def test_the_density_of_student_far_out(x):
    with mp.workdps(DIGITS):
        expected = float(log_prob_student(5)([mp.mpf(1), mp.mpf(2)], mp.mpf(x)))
    assert_close(ng.StudentT(5).log_prob([1, 2], x), expected, EXACT)


def test_proportions_stay_between_zero_and_one():
    draws = ng.Beta().sample([1e-3, 1e-3], 10_000, np.random.default_rng(0))
    assert draws.min() > 0
    assert draws.max() == 1 - np.finfo(float).epsneg
    assert np.isfinite(ng.Beta().score([1e-3, 1e-3], draws)).all()


def test_estimates_are_those_of_the_better_rule():
    lorentzian = lambda x: 1 / (1 + x**2)
    value, error = ng.Gaussian().estimate([0, 1], lorentzian)
    exact = np.sqrt(np.pi / 2) * np.exp(0.5) * special.erfc(np.sqrt(0.5))
    assert 1e-8 < error < 1e-5
    assert abs(value - exact) < error / 10
    narrow = lambda x: 1 / (1 + (x / 2) ** 2)
    assert ng.Gaussian().expect([0, 1], narrow) == ng.Gaussian().estimate([0, 1], narrow).value


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
    if isinstance(case.family, ng.Categorical):
        inside = min(inside, float((1 - theta.sum()) / np.abs(direction).sum()))
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
        # The least of so many, on Bonferroni's terms.
        plausibility = len(counts) * min(
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


def test_draws_of_location_and_scale_go_up_with_those_they_are_made_of():
    theta, seed = [1, 4], np.random.default_rng
    assert (ng.Gaussian().sample(theta, 9, seed(3)) == 1 + seed(3).standard_normal(9) / 2).all()
    assert (ng.StudentT(5).sample(theta, 9, seed(3)) == 1 + 4 * seed(3).standard_t(5, 9)).all()


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
    # Of heavy tails, where an oscillation can't be followed, only what settles down.
    for f in (np.ones_like, np.arctan, np.square) if case.chart is HEAVY else (np.ones_like, np.sin, np.cos, np.square):
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


def test_estimates_say_how_far_two_rules_differ():
    exact = ng.Gaussian().estimate([0, 1], lambda x: x**4)
    assert_close(exact.value, 3.0, EXACT)
    assert exact.error < EXACT
    step = ng.Gaussian().estimate([0, 1], lambda x: x > 0.5)
    truth = stats.norm.sf(0.5)
    assert 1e-4 < step.error < 0.1
    assert abs(step.value - truth) < 2 * step.error
    assert ng.Categorical(3).estimate([0.2, 0.3], lambda x: x**2) == (pytest.approx(1.4), 0)


@pytest.mark.parametrize(
    ("family", "thetas"),
    [
        (ng.Gamma(), [[k, r] for k in (0.06, 0.1, 0.4, 1, 3, 30, 1e3) for r in (1e-3, 1, 70)]),
        (ng.Beta(), [[a, b] for a in (0.1, 0.6, 2, 9, 100) for b in (0.1, 0.9, 7, 100)]),
        (ng.Exponential(), [[1e-5], [1], [1e5]]),
        (ng.Poisson(), [[1e-8], [0.1], [1], [30], [1e3], [1e5], [1e9]]),
        *((ng.StudentT(dof), [[0, 1], [3, 50]]) for dof in (0.1, 0.5, 1, 3, 30, 1e3, 1e6)),
        (ng.Gaussian(), [[0, 1], [-3, 50]]),
        (ng.Categorical(5), [[0.1, 0.2, 0.3, 0.15]]),
        (ng.MultivariateGaussian(3), [[1, 2, 3, 2, 0.5, 1, -0.3, 0.2, 4]]),
    ],
)
def test_quadrature_is_exact_to_thirteen_digits(family, thetas):
    for theta in thetas:
        fisher = family.fisher(theta)
        scale = np.sqrt(np.outer(np.diag(fisher), np.diag(fisher)))
        assert_close(ng.fisher_information(family, theta), fisher, DIVERGENCE, scale)


@pytest.mark.parametrize("distance", DISTANCES)
def test_cauchy_divergence_in_closed_form(distance):
    for theta in ([0.0, 1.0], [3.0, 100.0]):
        for other in (
            move_student(theta, distance),
            [theta[0], theta[1] * np.exp(distance)],
            [theta[0] + theta[1] * np.sinh(distance), theta[1]],
        ):
            with mp.workdps(DIGITS):
                p, q = [mp.mpf(t) for t in theta], [mp.mpf(t) for t in other]
                error = abs(mp.mpf(float(ng.StudentT(1).kl(theta, other))) / kl_cauchy(p, q) - 1)
            assert error <= DIVERGENCE


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


# Vectors: what the contract above says about numbers.
VECTORS = {n: ng.MultivariateGaussian(n) for n in (1, 2, 4)}


def random_vectors(n, seed):
    """A mean, a precision matrix, and both as θ."""
    rng = np.random.default_rng(seed)
    frame = rng.standard_normal((n, 2 * n))
    mu, precision = rng.standard_normal(n), frame @ frame.T / n
    return mu, precision, np.concatenate([mu, precision[np.tril_indices(n)]])


vectors = pytest.mark.parametrize("n", VECTORS)


@vectors
def test_vectors_against_scipy(n):
    mu, precision, theta = random_vectors(n, 1)
    x = stats.multivariate_normal(mu, np.linalg.inv(precision))
    points = x.rvs(6, random_state=0).reshape(6, n)
    assert_close(VECTORS[n].log_prob(theta, points), np.atleast_1d(x.logpdf(points)), EXACT)
    assert VECTORS[n].parameters[0] == "mu_1"
    assert VECTORS[n].dim == n + n * (n + 1) // 2


@vectors
def test_score_and_fisher_of_vectors(n):
    family, (_, _, theta) = VECTORS[n], random_vectors(n, 2)
    x = family.sample(theta, 200_000, np.random.default_rng(3))
    slope = ng.numerical_gradient(lambda t: family.log_prob(t, x[:5]), theta, 0.1)
    scores = family.score(theta, x)
    assert_close(scores[:5], slope, DIFFERENCES)
    fisher = family.fisher(theta)
    scale = np.sqrt(np.outer(np.diag(fisher), np.diag(fisher)))
    assert_close(ng.fisher_information(family, theta), fisher, DIVERGENCE, scale)
    if n <= 2:
        assert_close(ng.fisher_from_hessian(family, theta), fisher, DIFFERENCES, scale)
    products = scores[:1000, :, None] * scores[:1000, None]
    error = products.std(axis=0) / np.sqrt(len(x))
    assert (np.abs(scores.T @ scores / len(x) - fisher) <= 1.5 * MONTE_CARLO * error).all()
    assert (fisher == fisher.T).all()


@vectors
def test_samples_of_vectors(n):
    mu, precision, theta = random_vectors(n, 4)
    x = VECTORS[n].sample(theta, (50, 400), np.random.default_rng(5))
    assert x.shape == (50, 400, n)
    white = (x.reshape(-1, n) - mu) @ np.linalg.cholesky(precision)
    assert min(stats.kstest(column, "norm").pvalue for column in white.T) > PLAUSIBLE
    assert stats.kstest((white**2).sum(axis=1), stats.chi2(n).cdf).pvalue > PLAUSIBLE


@vectors
@pytest.mark.parametrize("distance", DISTANCES)
def test_kl_of_vectors_keeps_all_digits(n, distance):
    _, precision, theta = random_vectors(n, 6)
    _, other, direction = random_vectors(n, 7)
    if abs(distance) < 0.1:
        end = theta + 0.1 * distance * direction
    else:
        # Far apart, along a path that stays inside.
        mixed = precision + abs(distance) ** 3 * other if distance > 0 else precision / (1 - distance) ** 3
        end = np.concatenate([theta[:n] + distance * direction[:n], mixed[np.tril_indices(n)]])
    with mp.workdps(DIGITS):

        def unpack(t):
            matrix = mp.matrix(n)
            for i, j, v in zip(*np.tril_indices(n), t[n:], strict=True):
                matrix[int(i), int(j)] = matrix[int(j), int(i)] = mp.mpf(float(v))
            return mp.matrix([mp.mpf(float(v)) for v in t[:n]]), matrix

        (mu0, p0), (mu1, p1) = unpack(theta), unpack(end)
        ratio, gap = p1 * p0**-1, mu1 - mu0
        exact = (sum(ratio[i, i] for i in range(n)) - n - mp.log(mp.det(ratio)) + (gap.T * p1 * gap)[0]) / 2
        assert abs(mp.mpf(float(VECTORS[n].kl(theta, end))) / exact - 1) <= DIVERGENCE
    if 1e-3 <= abs(distance) <= 0.1:
        assert_close(ng.kl_divergence(VECTORS[n], theta, end), float(exact), QUADRATURE, 1.0)


def test_close_and_distant_vectors_in_one_batch():
    family, theta = ng.MultivariateGaussian(3), [0.1, 0.2, 0.3, 2, 0.5, 1.5, -0.3, 0.2, 1]
    others = [np.add(theta, step) for step in (1e-7, 3.0, 1e-3)]
    assert_close(
        family.kl(theta, others), [family.kl(theta, other) for other in others], FULL, family.kl(theta, others)
    )


@pytest.mark.parametrize("unit", [1e-60, 1e-20, 1, 1e20, 1e60])
def test_units_decide_nothing_about_precisions(unit):
    family, length = ng.MultivariateGaussian(2), unit**-0.5
    assert_close(family.kl([0, 0, 2 * unit, unit, 2 * unit], [length, 0, 2 * unit, unit, 2 * unit]), 1.0, EXACT)
    with pytest.raises(ValueError, match="^`theta` must have a positive definite precision P, but its smallest eig"):
        family.fisher([0, 0, unit, unit, unit * (1 + 2.3e-16)])


def test_the_first_wrong_precision_is_the_one_named():
    family = ng.MultivariateGaussian(2)
    with pytest.raises(ValueError, match=r"but its smallest eigenvalue is -1\.$"):
        family.fisher([[0, 0, 1, 0, 1], [0, 0, 2, 3, 2], [0, 0, 1, 5, 1]])


@pytest.mark.parametrize(("n", "sizes"), [(1, (64, 100)), (2, (64, 100)), (3, (29, 46)), (5, (6, 10)), (8, (3, 4))])
def test_as_many_nodes_as_are_affordable(n, sizes):
    nodes, weights = hermite(n)
    assert nodes.shape == (n, sum(size**n for size in sizes))
    assert [np.count_nonzero(row) for row in weights] == [size**n for size in sizes]
    assert_close(weights @ nodes.T**2, np.ones((2, n)), EXACT)


def test_the_only_parameter_of_a_coin_needs_no_number():
    assert ng.Bernoulli().parameters == ("theta",)
    assert ng.Categorical(3).parameters == ("theta_1", "theta_2")
    # Nor do indices of one digit need a comma.
    assert ng.MultivariateGaussian(9).parameters[-1] == "P_99"
    assert ng.MultivariateGaussian(10).parameters[-2:] == ("P_10,9", "P_10,10")


def test_too_many_dimensions_to_integrate_over():
    theta = np.append(np.zeros(9), np.eye(9)[np.tril_indices(9)])
    with pytest.raises(ValueError, match=r"^`theta` must have at most 8 dimensions to be integrated over, but there"):
        ng.MultivariateGaussian(9).expect(theta, lambda x: x)


def test_one_dimensional_vectors_are_numbers():
    single, number = VECTORS[1], ng.Gaussian()
    theta, other, x = [0.3, 2.0], [[0.5, 1.0], [-1.0, 3.0]], np.array([0.1, -2.0, 0.7])
    assert_close(single.log_prob(theta, x[:, None]), number.log_prob(theta, x), EXACT)
    assert_close(single.score(theta, x[:, None]), number.score(theta, x), EXACT)
    assert_close(single.fisher(other), number.fisher(other), EXACT)
    assert_close(single.kl(theta, other), number.kl(theta, other), FULL)
    assert_close(single.expect(theta, lambda x: x[:, 0] ** 2), 0.59, EXACT)


def test_batches_of_vectors():
    family, thetas = VECTORS[2], np.stack([random_vectors(2, seed)[2] for seed in range(3)])
    x = np.random.default_rng(0).standard_normal((4, 1, 2))
    assert family.log_prob(thetas, x).shape == (4, 3)
    assert family.score(thetas, x).shape == (4, 3, 5)
    assert family.fisher(thetas).shape == (3, 5, 5)
    assert family.sample(thetas, 6, np.random.default_rng(0)).shape == (6, 3, 2)
    table = family.kl(thetas[:, None], thetas)
    for i, j in np.ndindex(3, 3):
        assert_close(table[i, j], family.kl(thetas[i], thetas[j]), FULL, 1.0)
        assert_close(family.log_prob(thetas, x)[i, j], family.log_prob(thetas[j], x[i, 0]), FULL, 1.0)
    assert_close(family.fisher(thetas)[1], family.fisher(thetas[1]), FULL)
    assert family.kl(thetas.astype(np.float32), thetas[0].astype(np.float32)).dtype == np.float32


def test_large_batches_are_cut_into_blocks():
    rng = np.random.default_rng(0)
    theta0, theta1 = np.exp(rng.standard_normal((2, 3, 7000, 2)))
    table = ng.Gamma().kl(theta0, theta1)
    for i, j in ((0, 0), (1, 4095), (2, 6999)):
        assert table[i, j] == ng.Gamma().kl(theta0[i, j], theta1[i, j])
    assert (ng.Gamma().kl(theta0, theta1[0, 0]) == [ng.Gamma().kl(row, theta1[0, 0]) for row in theta0]).all()


TOO_NARROW = [
    (ng.Gaussian(), [1, 1e40]),
    (ng.StudentT(5), [1, 1e-20]),
    (ng.Gamma(), [1e50, 1e50]),
    # Only one of its coordinates is, the other isn't.
    (ng.MultivariateGaussian(2), [0, 1, 1, 0, 1e40]),
]


@pytest.mark.parametrize(("family", "theta"), TOO_NARROW)
def test_densities_too_narrow_to_tell_observations_apart_are_refused(family, theta):
    reason = "must have observations that float64 can tell apart, but all are rounded to one"
    for call in (
        lambda: family.expect(theta, lambda x: x.reshape(len(x), -1)[:, 0]),
        lambda: family.estimate(theta, lambda x: x.reshape(len(x), -1)[:, 0]),
        lambda: ng.fisher_information(family, theta),
        lambda: ng.fisher_monte_carlo(family, theta, 100, np.random.default_rng(0)),
    ):
        with pytest.raises(ValueError, match=f"^`theta` {reason}"):
            call()
    for call in ng.kl_divergence, ng.chi2_divergence:
        with pytest.raises(ValueError, match=f"^`p` {reason}"):
            call(family, theta, theta)


def test_proportions_that_are_told_apart_by_one_of_their_two_forms():
    # 1 − x is rounded to one; the mean square of ln x is that of −1/a.
    value, error = ng.fisher_monte_carlo(ng.Beta(), [1, 1e18], 1000, np.random.default_rng(0))
    assert abs(value[0, 0] - ng.Beta().fisher([1, 1e18])[0, 0]) < MONTE_CARLO * error[0, 0]


@pytest.mark.parametrize("rate", [1e3, 5e6, 1e9])
def test_no_count_is_skipped(rate):
    for period in range(2, 10):
        found = ng.Poisson().expect([rate], lambda x, period=period: x % period == 0)
        assert_close(found, 1 / period, QUADRATURE)


@pytest.mark.parametrize("rate", [2e3, 4.5e3, 1e6])
def test_single_counts(rate):
    with mp.workdps(DIGITS):
        chance = float(mp.exp((rate + 1) * mp.log(rate) - rate - mp.loggamma(rate + 2)))
    assert_close(ng.Poisson().expect([rate], lambda x: x == rate + 1), chance, QUADRATURE)


def test_a_coin_shows_heads_where_a_uniform_number_is_below_its_chance():
    draw, uniform = np.random.default_rng(0), np.random.default_rng(0)
    assert (ng.Bernoulli().sample([0.3], 50, draw) == (uniform.random(50) < 0.3)).all()


def test_as_much_of_small_proportions_as_float64_can_hold():
    assert_close(ng.Beta().estimate([0.0283, 0.0283], lambda x: x).value, 0.5, 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_kl_between_close_precisions_of_many_dimensions(seed):
    rng, n = np.random.default_rng(seed), 10
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    first = (q * np.logspace(0, -4, n)) @ q.T
    root = np.linalg.cholesky(first)
    change = rng.standard_normal((n, n))
    second = first + root @ (change + change.T) @ root.T * (0.12 / np.linalg.norm(change + change.T))
    rows = np.tril_indices(n)
    found = ng.MultivariateGaussian(n).kl(*(np.append(np.zeros(n), matrix[rows]) for matrix in (first, second)))
    with mp.workdps(DIGITS):
        a, b = (mp.matrix((np.tril(m) + np.tril(m, -1).T).tolist()) for m in (first, second))
        ratio = b * a**-1
        exact = (sum(ratio[i, i] for i in range(n)) - n - mp.log(mp.det(ratio))) / 2
    assert abs(mp.mpf(float(found)) / exact - 1) < DIVERGENCE


@pytest.mark.parametrize("k", [1e4, 100.0, 1.0, 0.1])
def test_nodes_reach_as_far_as_a_density_falls(k):
    log_density = lambda v: k * (v - np.expm1(v))
    nodes, _ = sinh_rule(log_density, k, 0.0, -1e9, 700.0)
    ends = log_density(nodes[[0, -1]])
    assert (ends > -FALL).all()
    assert (ends < -0.85 * FALL).all()


@pytest.mark.parametrize("family", [ng.Bernoulli(), ng.Poisson()])
def test_an_outcome_that_is_nearly_certain_is_not_refused(family):
    assert_close(family.expect([1e-20], lambda x: x), 1e-20, EXACT)
    assert_close(ng.fisher_information(family, [1e-20]), [[1e20]], EXACT)
    value, error = ng.fisher_monte_carlo(family, [1e-20], 100, np.random.default_rng(0))
    assert (value, error) == (1, 0)
    assert_close(ng.Gaussian().expect([0, 1e40], lambda x: x**2), 1e-40, EXACT)


def test_quadrature_in_single_precision_is_that_of_the_same_number(case):
    theta = np.array(case.thetas[0], np.float32)
    expected = ng.fisher_information(case.family, theta.astype(float))
    found = ng.fisher_information(case.family, theta)
    assert found.dtype == np.float64
    assert (found == expected).all()
    assert case.family.expect(theta, lambda x: x) == case.family.expect(theta.astype(float), lambda x: x)
    assert ng.kl_divergence(case.family, theta, theta) == 0


@pytest.mark.parametrize("dof", [0.1, 5.0, 1e6])
@pytest.mark.parametrize("sigma", [1.5e-154, 5e153, 6.7e153])
def test_fisher_of_students_t_at_any_legal_scale(dof, sigma):
    with mp.workdps(DIGITS):
        precision = 1 / (mp.mpf(sigma) ** 2 * (dof + 3))
        expected = [[float((dof + 1) * precision), 0], [0, float(2 * dof * precision)]]
    # Of subnormal numbers not all digits exist.
    assert_close(ng.StudentT(dof).fisher([0, sigma]), expected, FULL, np.abs(expected) + np.finfo(float).tiny)


@pytest.mark.parametrize("size", [1.0, 1e4, 1e8, 1e12])
@pytest.mark.parametrize(("family", "kl"), [(ng.Gamma(), kl_gamma), (ng.Beta(), kl_beta)])
def test_kl_between_nearly_equal_means_keeps_its_digits(family, kl, size):
    # Both parameters move by nearly the same factor.
    rng = np.random.default_rng(0)
    p = size * np.exp(rng.standard_normal((60, 2)))
    q = p * np.exp(rng.uniform(-3, 3, (60, 1)) ** 3) * (1 + 0.3 * rng.uniform(-1, 1, (60, 2)) / np.sqrt(size))
    with mp.workdps(DIGITS):
        expected = [float(kl(list(map(mp.mpf, a)), list(map(mp.mpf, b)))) for a, b in zip(p, q, strict=True)]
    assert_close(family.kl(p, q), expected, DIVERGENCE, expected)


@pytest.mark.parametrize(("family", "kl"), [(ng.Gamma(), kl_gamma), (ng.Beta(), kl_beta)])
def test_kl_keeps_its_digits_where_small_parameters_are_shifted(family, kl):
    # Both parameters move by the same factor, the first from one side of the shift to the other.
    rng = np.random.default_rng(0)
    p = np.exp(rng.uniform(np.log([4, 0.1]), np.log([40, 1e6]), (300, 2)))
    q = p * np.exp(rng.choice([-1, 1], (300, 1)) * 10 ** rng.uniform(-3, 0, (300, 1)))
    with mp.workdps(DIGITS):
        expected = [float(kl(list(map(mp.mpf, a)), list(map(mp.mpf, b)))) for a, b in zip(p, q, strict=True)]
    assert_close(family.kl(p, q), expected, DIVERGENCE, expected)


def test_moments_close_to_a_variance_of_zero():
    # The variance is 3e-6, of which the square of the mean, rounded, would leave eight digits.
    phi = [14.085852440619108, 198.41124168193446]
    with mp.workdps(DIGITS):
        m, s = map(mp.mpf, phi)
        v = s - m * m
        expected = [[1 / v + 2 * m**2 / v**2, -m / v**2], [-m / v**2, 1 / (2 * v**2)]]
    found = ng.reparametrize(ng.Gaussian(), ng.gaussian_moments).fisher(phi)
    assert_close(found, np.array(expected, float), FULL)


FAR_APART = [
    (0, 1e-14),
    (0, 1e-20),
    (0, 1e15),
    (0, 1e60),
    (1e8, 1),
    (1e10, 1),
    (1e20, 1),
    (1e10, 1e-30),
    (1e-30, 1e-30),
]
FAR_APART += [(1e30, 1e10), (1e10, 1e-14), (1e6, 1e-10), (1e3, 1e-3), (0.1, 1.2)]
FAR_APART += [(1e-9, 1), (3, 1 + 1e-9), (0, 1 - 1e-9), (1e-9, 1 - 1e-6)]


def test_kl_of_student_between_densities_far_apart():
    with mp.workdps(DIGITS + 200):
        expected = np.array([float(kl_cauchy([0, 1], [mp.mpf(v) for v in pair])) for pair in FAR_APART])
    found = np.array([ng.StudentT(1).kl([0, 1], pair) for pair in FAR_APART])
    assert_close(found, expected, DIVERGENCE, expected)
    # In other units the ratio of the scales is rounded.
    for pair in (0, 3 - 1e-9), (1e-9, 3 - 1e-6):
        with mp.workdps(DIGITS):
            exact = float(kl_cauchy([0, 3], [mp.mpf(v) for v in pair]))
        assert_close(ng.StudentT(1).kl([0, 3], pair), exact, DIVERGENCE)
    # All in one block, and the other way round.
    assert_close(ng.StudentT(1).kl([0, 1], FAR_APART), expected, DIVERGENCE, expected)
    assert_close(ng.StudentT(1).kl(FAR_APART, [0, 1]), expected, DIVERGENCE, expected)


def test_kl_of_student_with_the_heaviest_and_the_lightest_tails():
    # Found by sums in the logarithms of the distances from both means, with sixty digits.
    for dof, theta, expected in (
        (0.1, [0, 1e-14], 3.0984662037330786),
        (0.1, [0, 1e-20], 4.480017259529505),
        (0.5, [0, 1e15], 32.18258198509203),
        (3, [1e12, 1], 107.55427116413819),
        (30, [1e16, 1], 1088.8383737048748),
    ):
        assert_close(ng.StudentT(dof).kl([0, 1], theta), expected, DIVERGENCE)


@pytest.mark.parametrize("a", [150.0, 1e6, 1e10, 1e14])
@pytest.mark.parametrize("b", [120.0, 1e6, 1e14])
def test_the_density_of_beta_with_large_parameters(a, b):
    x = a / (a + b) + np.sqrt(a * b / (a + b)) / (a + b) * np.array([-2, -0.5, 0, 1])
    with mp.workdps(DIGITS):
        m, n = mp.mpf(a), mp.mpf(b)
        log_beta = mp.loggamma(m) + mp.loggamma(n) - mp.loggamma(m + n)
        exact = [(m - 1) * mp.log(v) + (n - 1) * mp.log1p(-mp.mpf(v)) - log_beta for v in x.tolist()]
    # What is lost when 1 − x is rounded is lost, a few roundings of x in units of the width.
    lost = 10 * np.finfo(float).eps * np.sqrt(a + b) * np.sqrt(max(a / b, b / a))
    assert_close(ng.Beta().log_prob([a, b], x), [float(v) for v in exact], EXACT + lost, 10.0)


def test_divergences_of_beta_with_large_parameters():
    family = ng.Beta()
    for size in 1e6, 1e8, 1e10:
        p, q = [size, size], [size * (1 + 0.5 / np.sqrt(size)), size]
        assert_close(ng.kl_divergence(family, p, q), family.kl(p, q), QUADRATURE)


def test_gaussian_numbers_that_leave_their_range_only_on_the_way():
    family = ng.Gaussian()
    assert_close(family.kl([0, 1e150], [1e-170, 1e150]), 5e-191, FULL)
    assert_close(family.kl([0, 1e-150], [1e160, 1e-150]), 5e169, FULL)
    assert_close(family.log_prob([0, 1e-100], 1e170), -5e239, FULL)


def test_expectations_of_what_has_lost_its_digits_are_refused():
    with pytest.raises(ValueError, match="^`theta` must have observations that float64 can tell apart"):
        ng.Beta().expect([1e20, 1], lambda x: 1 - x)
    with pytest.raises(ValueError, match="^`theta` must have observations that float64 can tell apart"):
        ng.Gaussian().expect([1e14, 1], lambda x: x)
    assert_close(ng.Gaussian().expect([1e11, 1], lambda x: x), 1e11, EXACT)
    # The score needs 1 − x, which is known.
    expected = ng.Beta().fisher([1e20, 1])
    assert_close(ng.fisher_information(ng.Beta(), [1e20, 1]), expected, EXACT, scale_of(expected))


def test_coordinates_are_the_same_whichever_point_comes_first():
    far = [1e12, 1]
    family = ng.reparametrize(ng.Gaussian(), ng.gaussian_mean_scale)
    assert (family.fisher(far) == [[1, 0], [0, 2]]).all()
    # A wrong Jacobian is found at the first point where differences can see it.
    wrong = ng.Coordinates(("mu", "tau"), lambda phi: phi, lambda phi: 2 * np.eye(2) + 0 * phi[..., None])
    family = ng.reparametrize(ng.Gaussian(), wrong)
    family.fisher(far)
    with pytest.raises(ValueError, match="^`coordinates` must have the Jacobian of their own map"):
        family.fisher([[0, 1], far])
    with pytest.raises(ValueError, match="^`coordinates` must have the Jacobian of their own map"):
        family.fisher([0, 1])


MAPS = {
    "mean and scale": (ng.gaussian_mean_scale, [0.3, 2.0], lambda m, s: (m, 1 / s**2)),
    "mean and log scale": (ng.gaussian_mean_log_scale, [0.3, 0.7], lambda m, s: (m, mp.exp(-2 * s))),
    "natural": (ng.gaussian_natural, [0.5, -0.7], lambda a, b: (-a / (2 * b), -2 * b)),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("digits", range(1, 10))
def test_kl_in_other_coordinates_keeps_its_digits_at_every_distance(name, digits):
    coordinates, p, to_theta = MAPS[name]
    family = ng.reparametrize(ng.Gaussian(), coordinates)
    for along in 1, -1, 0.37:
        q = [p[0] + along * 10.0**-digits, p[1] * (1 + 0.7 * 10.0**-digits)]
        with mp.workdps(DIGITS):
            exact = kl_gaussian(to_theta(*map(mp.mpf, p)), to_theta(*map(mp.mpf, q)))
            error = abs(mp.mpf(float(family.kl(p, q))) / exact - 1)
        assert error <= FULL


def test_coordinates_are_checked_once():
    calls = []
    to_theta = lambda phi: calls.append(1) or phi
    identity = ng.Coordinates(("mu", "tau"), to_theta, lambda phi: np.eye(2) + 0 * phi[..., None])
    family, counts = ng.reparametrize(ng.Gaussian(), identity), []
    for _ in range(3):
        calls.clear()
        family.fisher([0, 1])
        counts.append(len(calls))
    assert counts[0] > counts[1] == counts[2] == 1


def test_the_density_of_beta_far_from_its_mean():
    a, b = 150.0, 120.0
    for x in 0.05, 0.3, 0.8, 0.95:
        with mp.workdps(DIGITS):
            exact = (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-mp.mpf(x)) - mp.log(mp.beta(a, b))
        assert_close(ng.Beta().log_prob([a, b], x), float(exact), EXACT)


def test_so_many_counts_that_their_sum_is_out_of_reach_are_refused():
    message = r"^`theta` must have a rate between 1e-\d+ and 1e\+09, but it contains 1\.01e\+09\.$"
    calls = (
        lambda family, theta: family.expect(theta, lambda x: x),
        lambda family, theta: family.fisher(theta),
        lambda family, theta: family.log_prob(np.float32(theta), np.float32(1)),
        lambda family, theta: family.sample(theta, 1, np.random.default_rng(0)),
        ng.fisher_information,
    )
    for call in calls:
        call(ng.Poisson(), [9.9e8])
        with pytest.raises(ValueError, match=message):
            call(ng.Poisson(), [1.01e9])


def test_a_fisher_matrix_out_of_range_is_said_of_theta():
    family = ng.reparametrize(ng.Gaussian(), ng.gaussian_natural)
    with pytest.raises(ValueError, match="^`theta` must have a Fisher matrix that float64 can hold, but one of its"):
        family.fisher([1e10, -1e-150])


def test_densities_where_the_smallest_numbers_are():
    with mp.workdps(DIGITS):
        for a, b, x in (1e-3, 1e-3, 5e-324), (1e-20, 1e-20, 1e-305), (0.2, 0.2, 1e-45):
            m, n = mp.mpf(a), mp.mpf(b)
            exact = (m - 1) * mp.log(x) + (n - 1) * mp.log1p(-mp.mpf(x)) - mp.log(mp.beta(m, n))
            assert_close(ng.Beta().log_prob([a, b], x), float(exact), EXACT)
    # Quadrature has nodes there, and takes the density at them.
    theta = [0.0278198, 0.4597989]
    expected = ng.Beta().fisher(theta)
    assert_close(ng.fisher_from_hessian(ng.Beta(), theta), expected, DIFFERENCES)


def test_a_map_that_fails_beside_the_point_hides_no_wrong_jacobian():
    wrong = ng.Coordinates(("mean",), lambda m: np.where(m < 5, 1 / m, np.nan), lambda m: -3 / m[..., None] ** 2)
    with pytest.raises(ValueError, match="^`theta` must have finite coordinates in the family"):
        ng.reparametrize(ng.Exponential(), wrong).score([4.999], 1)


def test_the_outcome_that_nearly_never_happens_keeps_its_digits():
    for theta in [0.3, 0.7 - 1e-15], [0.1, 0.2, 0.7 - 3e-15], [0.6, 0.4 - 1e-14]:
        rest = 1 - sum(map(Fraction, theta))
        assert_close(ng.Categorical(len(theta) + 1).log_prob(theta, 0), math.log(rest), EXACT)
