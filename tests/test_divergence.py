"""Divergences from their definitions, the series and the quadratic form, against scipy, mpmath and closed forms."""

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, stats
from tolerances import EXACT, ORDER, QUADRATURE, assert_close

import natgrad as ng

COIN, BELL = ng.Bernoulli(), ng.Gaussian()
COINS = [([0.6], [0.5]), ([0.6], [0.9]), ([0.5], [0.01]), ([0.01], [0.02]), ([0.3], [0.3])]
BELLS = [
    ([0.0, 1.0], [0.1, 1.2]),
    ([2.0, 3.0], [1.5, 2.0]),
    ([0.0, 1.0], [0.0, 0.7]),
    ([-4.0, 0.01], [1.0, 0.009]),
    ([0.0, 1.0], [1.0, 3.0]),
]


def coin_mean(p, q, f):
    """E_p[f(p(x), q(x))] in exact arithmetic of 50 digits."""
    with mp.workdps(50):
        (p,), (q,) = map(mp.mpf, p), map(mp.mpf, q)
        return float(p * f(p, q) + (1 - p) * f(1 - p, 1 - q))


def bell_mean(p, q, f):
    """E_p[f(p(x), q(x))] by scipy's quadrature and densities."""
    p, q = (stats.norm(mu, tau**-0.5) for mu, tau in (p, q))
    center, width = p.mean(), p.std()

    def integrand(z):
        x = center + width * z
        return width * p.pdf(x) * f(p.pdf(x), q.pdf(x))

    # Sections, so that none of them is mostly zero.
    ends = np.linspace(-20, 20, 11)
    parts = [
        integrate.quad(integrand, a, b, epsabs=1e-14, epsrel=1e-12)[0] for a, b in zip(ends[:-1], ends[1:], strict=True)
    ]
    return sum(parts)


PAIRS = [(COIN, coin_mean, *pair) for pair in COINS] + [(BELL, bell_mean, *pair) for pair in BELLS]
pairs = pytest.mark.parametrize(("family", "mean", "p", "q"), PAIRS)


@pairs
def test_kl_divergence_is_its_definition(family, mean, p, q):
    expected = mean(p, q, lambda a, b: mp.log(a / b) if mean is coin_mean else np.log(a / b))
    assert_close(ng.kl_divergence(family, p, q), expected, QUADRATURE)
    # The other order is another number.
    if p != q:
        assert abs(ng.kl_divergence(family, q, p) - expected) > 1e-6


@pairs
def test_chi2_divergence_is_its_definition(family, mean, p, q):
    expected = mean(p, q, lambda a, b: ((a - b) / a) ** 2)
    assert_close(ng.chi2_divergence(family, p, q), expected, QUADRATURE)


@pairs
def test_the_series_is_its_definition(family, mean, p, q):
    if family is BELL:
        # Closer by, where five terms exist and quadrature finds them.
        q = list(np.array(p) + (np.array(q) - p) / 4)
    terms = [mean(p, q, lambda a, b, k=k: ((a - b) / a) ** k) / k for k in range(1, 6)]
    # Relative to the first term that is not zero, of which the others are corrections.
    scale = max(abs(terms[1]), 1e-3)
    found = ng.kl_series(family, p, q, 5)
    assert_close(found, np.cumsum(terms), QUADRATURE, scale * np.ones(5))


@pairs
def test_the_first_term_vanishes_and_the_second_is_half_of_chi2(family, mean, p, q):
    first, second = ng.kl_series(family, p, q, 2)
    assert abs(first) < EXACT
    assert_close(second, ng.chi2_divergence(family, p, q) / 2, EXACT)


@pairs
def test_no_divergence_is_negative(family, mean, p, q):
    for divergence in (ng.kl_divergence, ng.chi2_divergence):
        # Up to the rounding of a sum whose terms nearly cancel.
        assert divergence(family, p, q) >= (-EXACT if p != q else 0)
        assert abs(divergence(family, p, p)) == 0


def test_chi2_between_gaussians_in_closed_form():
    # E_p[(q/p)²] = τ_q/√(τ_p(2τ_q − τ_p)) exp(τ_p τ_q Δ²/(2τ_q − τ_p)), completed to a square by hand.
    for (mu0, tau0), (mu1, tau1) in BELLS:
        excess = 2 * tau1 - tau0
        ratio = tau1 / np.sqrt(tau0 * excess)
        expected = ratio * np.exp(tau0 * tau1 * (mu1 - mu0) ** 2 / excess) - 1
        found = ng.chi2_divergence(BELL, [mu0, tau0], [mu1, tau1])
        assert_close(found, expected, QUADRATURE)


@pytest.mark.parametrize("tau", [0.5, 0.4, 0.01])
def test_infinite_chi2_is_infinite(tau):
    assert ng.chi2_divergence(BELL, [0, 1], [0, tau]) == np.inf
    assert ng.chi2_divergence(BELL, [0, 1], [7, tau]) == np.inf


@pytest.mark.parametrize("tau", [50.0, 1e3, 1e6, 1e12, 1e100])
def test_a_density_too_narrow_to_be_seen_is_refused(tau):
    # Where no node for p falls on q, two rules may agree on a wrong value.
    with pytest.raises(ValueError, match="^`q` must "):
        ng.chi2_divergence(BELL, [0, 1], [0, tau])
    with pytest.raises(ValueError, match="^`q` must "):
        ng.kl_series(BELL, [0, 1], [0.3, tau], 3)


def test_the_series_converges_within_a_factor_of_two():
    for p, q in ([0.6], [0.5]), ([0.5], [0.01]), ([0.3], [0.59]):
        partial = ng.kl_series(COIN, p, q, 400)
        error = np.abs(partial - COIN.kl(p, q))
        assert error[-1] < 1e-2 * COIN.kl(p, q)
        assert error[-1] <= error[50] < error[5]


def test_the_series_diverges_beyond_a_factor_of_two():
    # q = 0.9 > 2 · 0.4: terms grow without bound.
    partial = ng.kl_series(COIN, [0.4], [0.9], 200)
    assert np.abs(partial[-1]) > 1e15
    terms = np.abs(np.diff(partial))
    assert (np.diff(terms[20:]) > 0).all()


def test_the_series_improves_by_one_order_with_each_term():
    p, steps = 0.6, 0.005 * 2.0 ** -np.arange(4)
    errors = np.array([np.abs(ng.kl_series(COIN, [p], [p + h], 4) - COIN.kl([p], [p + h])) for h in steps])
    for terms, order in (1, 2), (2, 3), (3, 4), (4, 5):
        orders = ng.observed_order(errors[:, terms - 1], steps)
        assert (np.abs(orders - order) < ORDER).all(), (terms, orders)


def test_half_of_chi2_is_a_third_order_approximation():
    steps = 0.005 * 2.0 ** -np.arange(4)
    direction = np.array([0.3, -0.8])
    p = np.array([0.5, 2.0])
    errors = [abs(ng.chi2_divergence(BELL, p, p + h * direction) / 2 - BELL.kl(p, p + h * direction)) for h in steps]
    assert (np.abs(ng.observed_order(errors, steps) - 3) < ORDER).all()


def test_the_series_has_as_many_terms_as_asked_for():
    assert ng.kl_series(COIN, [0.6], [0.5], 1).shape == (1,)
    seven, three = (ng.kl_series(COIN, [0.6], [0.5], terms) for terms in (7, 3))
    assert_close(seven[:3], three, EXACT)


# By their potentials A, 1 + χ² is exp(A(2η_q − η_p) − 2A(η_q) + A(η_p)).
EXPONENTIAL = [
    (ng.Poisson(), [2.0], [3.0], np.expm1(0.5)),
    (ng.Categorical(3), [0.2, 0.3], [0.3, 0.1], 0.1**2 / 0.2 + 0.2**2 / 0.3 + 0.1**2 / 0.5),
    # Two independent coordinates, of which one stays: 1 + χ² = τ_q/√(τ_p(2τ_q − τ_p)).
    (ng.MultivariateGaussian(2), [0, 0, 1, 0, 1], [0, 0, 0.8, 0, 1], 0.8 / np.sqrt(0.6) - 1),
]


@pytest.mark.parametrize(("family", "p", "q", "expected"), EXPONENTIAL)
def test_chi2_of_exponential_families_in_closed_form(family, p, q, expected):
    assert_close(ng.chi2_divergence(family, p, q), expected, QUADRATURE)
    first, second = ng.kl_series(family, p, q, 2)
    assert abs(first) < QUADRATURE
    assert_close(second, expected / 2, QUADRATURE)


@pytest.mark.parametrize(
    ("family", "p", "edge", "beyond"),
    [
        (ng.MultivariateGaussian(1), [0, 1], [0, 0.5], [1, 0.2]),
        (ng.MultivariateGaussian(2), [0, 0, 1, 0, 1], [0, 0, 0.5, 0, 1], [1, 0, 0.75, 0.4, 0.6]),
        (ng.MultivariateGaussian(2), [0, 0, 16, 0, 16], [0, 0, 8, 0, 16], [1, 0, 9, 3, 6]),
        (ng.MultivariateGaussian(2), [0, 0, 1, 0, 1], [0, 0, 1, 0, 0.5], [1, 0, 1, 0, 0.4]),
        (ng.reparametrize(BELL, ng.gaussian_mean_scale), [0.0, 0.5], [0.0, 0.5**0.5], [3.0, 0.8]),
    ],
)
def test_chi2_is_infinite_where_the_integral_diverges(family, p, edge, beyond):
    for q in (edge, beyond):
        assert ng.chi2_divergence(family, p, q) == np.inf
        assert ng.chi2_divergence(family, p, p) == 0
        assert np.isfinite(family.kl(p, q))


def test_chi2_of_logits_is_that_of_their_probabilities():
    assert_close(ng.chi2_divergence(ng.Softmax(2), [0.4], [-1]), coin_chi2(0.4, -1), QUADRATURE)


def coin_chi2(*logits):
    p, q = (1 / (1 + np.exp(-v)) for v in logits)
    return (p - q) ** 2 / (p * (1 - p))
