"""Families on the half-line and on an interval, made of powers and exponentials, and of Γ, which normalises them."""

from functools import lru_cache

import numpy as np

from ._quadrature import sinh_rule
from ._special import START, excess_divergence, log_gamma_excess, polygamma, series, turn, u_minus_log1p
from .family import Family, refuse

# Logarithms of the largest and the smallest numbers that a node may be.
LARGEST = 700.0
LEAST = -744.0


class Exponential(Family):
    """Waiting times x ≥ 0 with density r exp(−r x), θ = (rate,).

    Examples
    --------
    >>> Exponential().fisher([2])
    array([[0.25]])
    """

    parameters = ("rate",)
    _positive = {0: "rate"}

    def _observation(self, x):
        return refuse(x, x < 0, "x", "not be negative")

    def _log_prob(self, theta, x):
        return np.log(theta[0]) - theta[0] * x

    def _score(self, theta, x):
        return [1 / theta[0] - x]

    def _sample(self, theta, shape, rng):
        return rng.standard_exponential(shape) / theta[0]

    def _rules(self, theta):
        x, weights = _unit_exponential()
        return x / theta[0], weights

    def _fisher(self, theta):
        return [[1 / theta[0] ** 2]]

    def _kl(self, theta0, theta1, step):
        (p,), (q,), (change,) = theta0, theta1, step
        return u_minus_log1p(change / p, q / p)


class Gamma(Family):
    """Positive x with density rᵏ xᵏ⁻¹ exp(−r x) / Γ(k), θ = (shape k, rate r).

    Examples
    --------
    >>> Gamma().fisher([1, 2]).round(6)
    array([[ 1.644934, -0.5     ],
           [-0.5     ,  0.25    ]])
    """

    parameters = ("shape", "rate")
    _positive = {0: "shape", 1: "rate"}

    def _observation(self, x):
        return refuse(x, x <= 0, "x", "be positive")

    def _plain(self, x):
        return np.maximum(x, np.finfo(float).tiny)

    def _log_prob(self, theta, x):
        # With y = r x: k ln y − y − ln Γ(k) = −k h(y/k − 1) − G(k), in which no large terms cancel.
        shape, rate = theta
        fall = shape * u_minus_log1p((rate * x - shape) / shape, x * (rate / shape))
        return -fall - log_gamma_excess(shape) - np.log(x)

    def _score(self, theta, x):
        shape, rate = theta
        return [np.log(x * (rate / shape)) + (np.log(shape) - polygamma(0, shape)), (shape - rate * x) / rate]

    def _sample(self, theta, shape, rng):
        return rng.standard_gamma(theta[0], shape) / theta[1]

    def _rules(self, theta):
        # In v = ln(r x / k).
        shape, rate = theta
        scale = -log_gamma_excess(shape)
        log_density = lambda v: scale - shape * u_minus_log1p(np.expm1(v), np.exp(v))
        low, high = (edge - np.log(shape / rate) for edge in (LEAST, LARGEST))
        v, weights = sinh_rule(log_density, shape, max(0.0, -np.log(shape)), low, high)
        return shape / rate * np.exp(v), weights

    def _fisher(self, theta):
        shape, rate = theta
        return [[polygamma(1, shape), -1 / rate], [-1 / rate, shape / rate**2]]

    def _kl(self, theta0, theta1, step):
        # In shape and mean, which are orthogonal: no term is negative.
        (k0, r0), (k1, r1) = theta0, theta1
        w = turn(k0, r0, k1, r1, *step) / (k1 * r0)
        return excess_divergence(k1, k0, step[0]) + k1 * u_minus_log1p(w, (k0 / k1) * (r1 / r0))


class Beta(Family):
    """Proportions 0 < x < 1 with density xᵃ⁻¹ (1 − x)ᵇ⁻¹ / B(a, b), θ = (a, b).

    Examples
    --------
    >>> Beta().fisher([1, 1]).round(6)
    array([[ 1.      , -0.644934],
           [-0.644934,  1.      ]])
    """

    parameters = ("a", "b")
    _positive = {0: "parameter a", 1: "parameter b"}

    def _observation(self, x):
        # Both x and 1 − x, so that quadrature nodes close to one keep their digits.
        refuse(x, (x <= 0) | (x >= 1), "x", "lie strictly between 0 and 1")
        return np.stack([x, 1 - x])

    def _plain(self, x):
        return np.clip(x[0], np.finfo(float).tiny, 1 - np.finfo(float).epsneg)

    def _log_prob(self, theta, x):
        # With the logarithms of x and 1 − x taken at the mean, from where no large terms cancel.
        (a, b), (x, y) = theta, x
        s, gap = a + b, x * b - y * a
        fall = a * u_minus_log1p(gap / a, x * (s / a)) + b * u_minus_log1p(-gap / b, y * (s / b))
        scale = log_gamma_excess(s) - log_gamma_excess(a) - log_gamma_excess(b)
        return scale - fall - _log(x, y) - _log(y, x)

    def _score(self, theta, x):
        (a, b), (x, y) = theta, x
        return [_log(x, y) + _digamma_rise(a, b), _log(y, x) + _digamma_rise(b, a)]

    def _sample(self, theta, shape, rng):
        # Shares of two Gamma variables, in logarithms: one of shape k is one of shape k + 1 times the power 1/k of a
        # uniform number.
        logs = [np.log(rng.standard_gamma(k + 1, shape)) - rng.standard_exponential(shape) / k for k in theta]
        return np.exp(logs - np.logaddexp(*logs))

    def _rules(self, theta):
        # In v = logit x − logit m, with m = a/(a + b) where the logarithm of the density times x (1 − x) is largest.
        a, b = theta
        s, scale = a + b, log_gamma_excess(a + b) - log_gamma_excess(a) - log_gamma_excess(b)

        def log_density(v):
            # Of the two ways to write it, in which a and b change places, the one in which less cancels.
            w, less = (v, a) if a < b else (-v, b)
            rise = np.log1p(less / s * np.expm1(np.minimum(w, LARGEST))) + np.maximum(w - LARGEST, 0)
            return scale + less * w - s * rise

        odds, center = np.log(a / b), np.log(max(a, 1.0) / max(b, 1.0))
        v, weights = sinh_rule(log_density, a * (b / s), center - odds, LEAST - odds, -LEAST - odds)
        return np.exp(-np.logaddexp(0, np.stack([-v - odds, v + odds]))), weights

    def _fisher(self, theta):
        a, b = theta
        own, other, both = _trigamma_fall(a, b), _trigamma_fall(b, a), -polygamma(1, a + b)
        return [[own, both], [both, other]]

    def _kl(self, theta0, theta1, step):
        # KL is the Bregman divergence of ln B = ln Γ(a) + ln Γ(b) − ln Γ(s). That of the last two, which nearly cancel
        # if b is the larger parameter, is a sum over i, whose integral goes with the part x ln x of ln Γ(a).
        turned, pairs = theta0[0] > theta0[1], (theta0, theta1, step)
        (a0, b0), (a1, b1), (da, db) = ((np.where(turned, v, u), np.where(turned, u, v)) for u, v in pairs)
        s0, s1, turns = a0 + b0, a1 + b1, turn(a0, b0, a1, b1, da, db)

        def pair(x):
            # h(db/(b₀ + x)) − h(ds/(s₀ + x)), where 1 + t = (1 + db/(b₀ + x))/(1 + ds/(s₀ + x)).
            up, down = (b1 + x) * (s0 + x), (b0 + x) * (s1 + x)
            t = (turns - x * da) / down
            return u_minus_log1p(t, up / down) + (da + db) / (s0 + x) * t

        m0, m1, n0, n1 = b0 + START, b1 + START, s0 + START, s1 + START
        moved = (turns - START * da) / n0
        coins = a1 * u_minus_log1p(moved / a1, (a0 / n0) / (a1 / n1))
        coins += m1 * u_minus_log1p(-moved / m1, (m0 / n0) / (m1 / n1))
        return excess_divergence(a1, a0, da) + series(pair, coins)


def _digamma_rise(a, step):
    # ψ(a + step) − ψ(a) for positive steps, however small.
    return series(lambda x: step / (a + x) / (a + step + x), np.log1p(step / (a + START)))


def _trigamma_fall(a, step):
    # ψ′(a) − ψ′(a + step) likewise.
    fall = lambda x: step / (a + x) / (a + step + x)
    return series(lambda x: fall(x) * (1 / (a + x) + 1 / (a + step + x)), fall(START))


def _log(x, rest):
    # ln x, also where x = 1 − rest is so close to 1 that only the rest has its digits.
    return np.where(x < 0.5, np.log(x), np.log1p(-rest))


@lru_cache
def _unit_exponential() -> tuple[np.ndarray, np.ndarray]:
    return Gamma()._rules((np.float64(1), np.float64(1)))
