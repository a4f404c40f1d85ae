"""Logarithms and Gamma functions without cancellation, against mpmath."""

import math

import mpmath as mp
import numpy as np
import pytest
from tolerances import DIVERGENCE, FULL, assert_close

from natgrad._special import (
    SERIES_RADIUS,
    SLOPE_STEP,
    SLOPES,
    START,
    STIRLING,
    exact_sum,
    excess_divergence,
    log_gamma_excess,
    near_u_minus_log1p,
    product,
    series,
    turn,
    u_minus_log1p,
)
from natgrad.positive import _digamma_rise, _trigamma_fall


def exact(u):
    with mp.workdps(60):
        return float(mp.mpf(u) - mp.log1p(mp.mpf(u)))


EDGE = SERIES_RADIUS
SAMPLES = [1e-300, 1e-20, 1e-9, 1e-3, 0.02, np.nextafter(EDGE, 0), EDGE, 0.3, 1.0, 50.0, 1e10, 1e300]
SAMPLES += [-u for u in SAMPLES if u < 1] + [-0.4999, -0.5, -0.5001, -0.99, -1 + 1e-15]


@pytest.mark.parametrize("u", SAMPLES)
def test_u_minus_log1p_keeps_all_digits(u):
    with mp.workdps(60):
        one_plus_u = float(1 + mp.mpf(u))
    expected = exact(u)
    assert_close(u_minus_log1p(np.array(u), np.array(one_plus_u)), expected, FULL, expected)


def test_u_minus_log1p_keeps_all_digits_throughout():
    u = np.random.default_rng(0).uniform(-0.9, 0.9, 3000)
    with mp.workdps(40):
        expected = np.array([exact(v) for v in u])
        one_plus_u = np.array([float(1 + mp.mpf(v)) for v in u])
    assert_close(u_minus_log1p(u, one_plus_u), expected, FULL, expected)


def test_the_series_of_u_minus_log1p_ends_where_nothing_is_left():
    # At its edge, on average over what rounding does.
    u = np.linspace(-SERIES_RADIUS, -0.195, 200)[1:]
    errors = near_u_minus_log1p(u.copy()) / np.array([exact(v) for v in u]) - 1
    assert abs(errors.mean()) < 5e-16


def test_u_minus_log1p_where_u_is_minus_one_to_all_its_digits():
    assert_close(u_minus_log1p(np.array(-1.0), np.array(1e-100)), -1 + 100 * np.log(10), FULL)


def test_u_minus_log1p_of_zero():
    assert u_minus_log1p(np.array(0.0), np.array(1.0)) == 0


def test_float32_stays_float32():
    u = np.array([1e-3, 0.5], dtype=np.float32)
    assert u_minus_log1p(u, 1 + u).dtype == np.float32


@pytest.mark.parametrize("a", [1e-9, 1e-3, 0.3, 1.0, 4.0, 9.99, 10.0, 17.0, 300.0, 1e8])
def test_divergence_of_log_gamma_keeps_its_digits(a):
    excess = lambda x: mp.loggamma(x) - x * mp.log(x) + x
    slope = lambda x: mp.digamma(x) - mp.log(x)
    for distance in (1e-9, -1e-6, 1e-3, -0.1, 0.3, -0.7, 1.5, -4.0, 9.0):
        b = a * np.exp(distance)
        with mp.workdps(60):
            p, q = mp.mpf(a), mp.mpf(b)
            expected = excess(q) - excess(p) - slope(p) * (q - p)
            step = np.array([float(q - p)])
        assert_close(excess_divergence(np.array([b]), np.array([a]), step), [float(expected)], DIVERGENCE)
        with mp.workdps(30):
            assert_close(log_gamma_excess(np.array([b])), [float(excess(q))], FULL, max(1.0, abs(float(excess(q)))))


@pytest.mark.parametrize("step", [1e-12, 1e-3, 1.0, 1e6])
def test_differences_of_polygamma_functions_keep_their_digits(step):
    for a in (1e-3, 0.7, 12.0, 1e5):
        with mp.workdps(60):
            p, q = mp.mpf(a), mp.mpf(a) + mp.mpf(step)
            rise, fall = mp.digamma(q) - mp.digamma(p), mp.psi(1, p) - mp.psi(1, q)
        assert_close(_digamma_rise(np.array(a), np.array(step)), float(rise), FULL)
        assert_close(_trigamma_fall(np.array(a), np.array(step)), float(fall), FULL)


def test_exact_sum():
    terms = np.random.default_rng(0).standard_normal((50, 3))
    terms[-1] = -(terms[:-1].sum(axis=0))
    expected = [math.fsum(column) for column in terms.T]
    assert_close(exact_sum(terms), expected, FULL, np.abs(expected))


def test_products_leave_nothing_behind():
    a, b = np.random.default_rng(0).standard_normal((2, 1000)) * 10.0 ** np.arange(-50, 50).repeat(10)
    high, low = product(a, b)
    with mp.workdps(60):
        assert all(mp.mpf(h) + mp.mpf(r) == mp.mpf(x) * mp.mpf(y) for x, y, h, r in zip(a, b, high, low, strict=True))


def test_sums_of_all_terms_by_their_first_and_an_integral():
    for a in 1e-3, 0.7, 12.0, 1e5:
        with mp.workdps(60):
            expected = float(mp.psi(1, mp.mpf(a)))
        assert_close(series(lambda x, a=a: 1 / (a + x) ** 2, 1 / (a + START)), expected, FULL)


def test_weights_of_slopes_are_those_of_euler_and_maclaurin():
    # The sum of xⁿ over the differences is −Bₙ₊₁/(n + 1) for odd n, as the derivatives at zero have it.
    at = SLOPE_STEP * np.arange(1, len(SLOPES) + 1)
    for n in range(1, 2 * len(SLOPES), 2):
        with mp.workdps(60):
            expected = -mp.bernoulli(n + 1) / (n + 1)
            found = mp.fsum(2 * mp.mpf(w) * mp.mpf(x) ** n for w, x in zip(SLOPES, at, strict=True))
            assert abs(found - expected) <= FULL * at[-1] ** n


def test_the_coefficients_of_stirlings_series():
    with mp.workdps(60):
        expected = [float(mp.bernoulli(2 * k) / (2 * k * (2 * k - 1))) for k in range(1, len(STIRLING) + 1)]
    assert list(STIRLING) == expected


@pytest.mark.parametrize("distance", [1e-15, 1e-9, 1e-3, 0.4, 0.7, 1.0, 30.0])
def test_turns_keep_their_digits(distance):
    # By the same factor but for a little, up and down.
    rng = np.random.default_rng(0)
    x0, y0 = np.exp(5 * rng.standard_normal((2, 300)))
    for sign in -1, 1:
        factor = np.exp(sign * distance)
        x1, y1 = x0 * factor, y0 * factor * (1 + 1e-10 * distance * rng.standard_normal(300))
        with mp.workdps(60):
            exact = [mp.mpf(a) * mp.mpf(d) - mp.mpf(b) * mp.mpf(c) for a, b, c, d in zip(x0, y0, x1, y1, strict=True)]
            expected = np.array([float(v) for v in exact])
        # In twice the precision: sixteen more digits than the products have.
        rounding = np.finfo(float).eps ** 2 * x0 * np.maximum(y1, np.abs(y1 - y0))
        assert_close(turn(x0, y0, x1, y1, x1 - x0, y1 - y0), expected, FULL, np.abs(expected) + 100 * rounding)


def test_turns_by_changes_of_which_more_is_known():
    # Digits of dx and dy that x1 and y1 have no place for, beside large numbers and small ones.
    rng = np.random.default_rng(1)
    x0, y0 = np.exp(5 * rng.standard_normal((2, 300)))
    dx, dy = 1e-9 * rng.standard_normal((2, 300)) * (x0, y0)
    with mp.workdps(60):
        exact = [mp.mpf(a) * mp.mpf(d) - mp.mpf(b) * mp.mpf(c) for a, b, c, d in zip(x0, y0, dx, dy, strict=True)]
        expected = np.array([float(v) for v in exact])
    assert_close(turn(x0, y0, x0 + dx, y0 + dy, dx, dy), expected, FULL, np.abs(expected))
