"""Logarithms and sums without cancellation, against mpmath."""

import math

import mpmath as mp
import numpy as np
import pytest
from tolerances import FULL, assert_close

from natgrad._special import (
    SERIES_RADIUS,
    STIRLING,
    TABLE,
    exact_sum,
    log_factorial_excess,
    u_minus_log1p,
)


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
    errors = u_minus_log1p(u, 1 + u) / np.array([exact(v) for v in u]) - 1
    assert abs(errors.mean()) < 5e-16


def test_u_minus_log1p_where_u_is_minus_one_to_all_its_digits():
    assert_close(u_minus_log1p(np.array(-1.0), np.array(1e-100)), -1 + 100 * np.log(10), FULL)


def test_u_minus_log1p_of_zero():
    assert u_minus_log1p(np.array(0.0), np.array(1.0)) == 0


def test_exact_sum():
    terms = np.random.default_rng(0).standard_normal((50, 3))
    terms[-1] = -(terms[:-1].sum(axis=0))
    expected = [math.fsum(column) for column in terms.T]
    assert_close(exact_sum(terms), expected, FULL, np.abs(expected))


def test_the_coefficients_of_stirlings_series():
    with mp.workdps(60):
        expected = [float(mp.bernoulli(2 * k) / (2 * k * (2 * k - 1))) for k in range(1, len(STIRLING) + 1)]
    assert list(STIRLING) == expected


def test_what_is_left_of_the_logarithm_of_a_factorial():
    n = np.array([*range(TABLE + 60), 1000, 1e6, 1e9, 1e15])
    with mp.workdps(60):
        log = lambda m: mp.log(m) if m else 0
        expected = [float(mp.loggamma(mp.mpf(m) + 1) - mp.mpf(m) * log(mp.mpf(m)) + mp.mpf(m)) for m in n]
    assert_close(log_factorial_excess(n), expected, FULL, np.maximum(expected, 1))
