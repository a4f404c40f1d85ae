"""The families of densities: the note's two (section 3.6) and those that statistics uses most.

Each says what its parameters are; what can be done with a family is said in `Family`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from . import arrays
from ._kernels import cholesky_last, solve_lower_last
from ._special import (
    SERIES_RADIUS,
    STIRLING_FROM,
    TAU,
    digamma,
    exact_sum,
    log_gamma_excess,
    log_gamma_excess_divergence,
    near_u_minus_log1p,
    polygamma_differences,
    stirling_divergence,
    trigamma,
    u_minus_log1p,
)
from .family import Family

# Plain floats leave float32 what it is.
LOG_2PI = float(np.log(TAU))
# A good rule and a better one: the numbers of Gauss-Hermite nodes in one dimension and in all of them together,
# and, for rules of equal steps, the step and the smallest logarithm of a weight.
HERMITE = ((64, 0.64), (100, 1.0))
MOST_NODES = 1e5
STEPS = ((0.05, 150.0), (0.035, 300.0))
# Logarithms of the largest and the smallest numbers that a node may be.
LARGEST = 700.0
LEAST = -744.0
# Precisions are close if the part of the divergence that they make is below this, for each dimension.
CLOSE = 0.05


class Categorical(Family):
    """One of k outcomes, x = 0, …, k − 1: θᵢ is the probability of x = i for i ≥ 1, and 1 − Σθ that of x = 0.

    Parameters
    ----------
    k : int
        The number of outcomes, at least two.

    Examples
    --------
    >>> Categorical(3).fisher([0.25, 0.25])
    array([[6., 2.],
           [2., 6.]])
    """

    def __init__(self, k: int):
        self.k = arrays.count(k, "k", 2)
        self.parameters = ("theta",) if k == 2 else tuple(f"theta_{i}" for i in range(1, k))

    def _unpack(self, theta, name):
        outside = theta[(theta <= 0) | (theta >= 1)]
        if outside.size:
            raise ValueError(f"`{name}` must lie strictly between 0 and 1, but it contains {outside[0]:.6g}.")
        # Of a subnormal probability not even the score could be represented.
        smallest = np.finfo(theta.dtype).tiny
        if theta.min() < smallest:
            raise ValueError(f"`{name}` must be at least {smallest:.3g}, but it contains {theta.min():.6g}.")
        theta = np.ascontiguousarray(np.moveaxis(theta, -1, 0))
        rest = exact_sum([np.ones_like(theta[0]), *-theta])
        if rest.min() <= 0:
            raise ValueError(
                f"`{name}` must sum to less than 1, but its largest sum is {theta.sum(axis=0).max():.17g}."
            )
        return (rest, *theta)

    def _observation(self, x):
        outside = x[(x < 0) | (x >= self.k) | (x != np.floor(x))]
        if outside.size:
            allowed = "0 or 1" if self.k == 2 else f"one of 0, …, {self.k - 1}"
            raise ValueError(f"`x` must be {allowed}, but it contains {outside[0]:.6g}.")
        return x

    def _log_prob(self, theta, x):
        total = sum(theta[1:])
        logs = [np.where(total < 0.5, np.log1p(-np.minimum(total, 0.5)), np.log(theta[0])), *map(np.log, theta[1:])]
        return np.select([x == i for i in range(self.k)], logs)

    def _score(self, theta, x):
        rest = np.where(x == 0, -1 / theta[0], 0)
        return [np.where(x == i, 1 / theta[i], rest) for i in range(1, self.k)]

    def _sample(self, theta, shape, rng):
        # The outcomes 1, 2, … share the unit interval from its left end; what is left belongs to 0.
        u, edge, x = rng.random(shape), 0.0, np.zeros(shape)
        for i in range(1, self.k):
            x = np.where((edge <= u) & (u < edge + theta[i]), float(i), x)
            edge = edge + theta[i]
        return x

    def _rules(self, theta):
        return [(np.arange(float(self.k)), np.array(theta, dtype=float))]

    def _unit(self, theta):
        return [p * theta[0] / (p + theta[0]) for p in theta[1:]]

    def _fisher(self, theta):
        rest, *theta = theta
        return np.eye(self.dim, dtype=rest.dtype) / np.stack(theta, -1)[..., None] + (1 / rest)[..., None, None]

    def _kl(self, theta0, theta1, step):
        # Σ p h((q − p)/p) with h(u) = u − log1p(u): the linear terms, which cancel in the sum, are never added up.
        step = [-exact_sum(step), *step]
        far = np.abs(theta1[0] - theta0[0]) > 0.1 * theta0[0]
        step[0] = np.where(far, theta1[0] - theta0[0], step[0])
        return sum(p * u_minus_log1p(d / p, q / p) for p, q, d in zip(theta0, theta1, step, strict=True))


def Bernoulli() -> Categorical:
    """The coin of Figure 4: x is 1 with probability θ and 0 otherwise, 0 < θ < 1; another name for `Categorical(2)`.

    Examples
    --------
    >>> Bernoulli().fisher([0.6]).round(6)
    array([[4.166667]])
    """
    return Categorical(2)


class Gaussian(Family):
    """The Gaussian family of section 3.6, θ = (μ, τ): mean μ and precision τ = 1/variance > 0.

    Examples
    --------
    >>> Gaussian().fisher([0, 1])
    array([[1. , 0. ],
           [0. , 0.5]])
    """

    parameters = ("mu", "tau")
    _positive = {1: "precision tau"}

    def _log_prob(self, theta, x):
        mu, tau = theta
        return 0.5 * (np.log(tau) - LOG_2PI - tau * (x - mu) ** 2)

    def _score(self, theta, x):
        mu, tau = theta
        return [tau * (x - mu), 0.5 / tau - 0.5 * (x - mu) ** 2]

    def _sample(self, theta, shape, rng):
        mu, tau = theta
        return mu + rng.standard_normal(shape) / np.sqrt(tau)

    def _rules(self, theta):
        mu, tau = theta
        return [(mu + z / np.sqrt(tau), w) for z, w in (_gauss_hermite(size) for size, _ in HERMITE)]

    def _unit(self, theta):
        mu, tau = theta
        return [1 / np.sqrt(tau), tau]

    def _fisher(self, theta):
        mu, tau = theta
        return _symmetric(2, {(0, 0): tau, (1, 1): 0.5 / tau**2})

    def _kl(self, theta0, theta1, step):
        (_, tau0), (_, tau1) = theta0, theta1
        return 0.5 * (u_minus_log1p(step[1] / tau0, tau1 / tau0) + tau1 * step[0] ** 2)

    def _chi2_is_finite(self, p, q):
        return 2 * q[1] > p[1]


class Poisson(Family):
    """Counts x = 0, 1, 2, … with mean θ = (rate,).

    Examples
    --------
    >>> Poisson().fisher([4])
    array([[0.25]])
    """

    parameters = ("rate",)
    _positive = {0: "rate"}

    def _unpack(self, theta, name):
        (rate,) = super()._unpack(theta, name)
        if rate.max() > (largest := 2 / np.finfo(theta.dtype).eps):
            raise ValueError(
                f"`{name}` must have a rate of at most {largest:.6g}, where whole numbers end to be exact, "
                f"but it contains {rate.max():.6g}."
            )
        return (rate,)

    def _observation(self, x):
        outside = x[(x < 0) | (x != np.floor(x))]
        if outside.size:
            raise ValueError(f"`x` must be a count, but it contains {outside[0]:.6g}.")
        return x

    def _log_prob(self, theta, x):
        # x ln λ − λ − ln x! = −x h(λ/x − 1) − ln x − G(x), in which no large terms cancel.
        (rate,), some = theta, np.maximum(x, 1)
        log = -some * u_minus_log1p((rate - some) / some, rate / some) - np.log(some) - log_gamma_excess(some)
        return np.where(x == 0, -rate, log)

    def _score(self, theta, x):
        (rate,) = theta
        return [(x - rate) / rate]

    def _sample(self, theta, shape, rng):
        return rng.poisson(theta[0], shape).astype(np.float64)

    def _rules(self, theta):
        # Every count, or so many that a smooth function is summed as well by every s-th of them.
        (rate,), rules = theta, []
        for more, (_, lowest) in enumerate(STEPS):
            reach = lowest / 3 + np.sqrt(lowest**2 / 9 + 2 * lowest * rate)
            low, high = np.floor(max(0.0, rate - reach)), np.ceil(rate + reach)
            stride = 1 + (high - low) // 4000
            stride += stride > 1 and more
            x = np.arange(low, high + 1, stride)
            rules.append((x, stride * np.exp(self._log_prob(theta, x))))
        return rules

    def _unit(self, theta):
        (rate,) = theta
        return [np.minimum(rate, np.sqrt(rate))]

    def _fisher(self, theta):
        return _symmetric(1, {(0, 0): 1 / theta[0]})

    def _kl(self, theta0, theta1, step):
        (p,), (q,) = theta0, theta1
        return p * u_minus_log1p(step[0] / p, q / p)


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
        if x.min() < 0:
            raise ValueError(f"`x` must not be negative, but it contains {x.min():.6g}.")
        return x

    def _log_prob(self, theta, x):
        return np.log(theta[0]) - theta[0] * x

    def _score(self, theta, x):
        return [1 / theta[0] - x]

    def _sample(self, theta, shape, rng):
        return rng.standard_exponential(shape) / theta[0]

    def _rules(self, theta):
        return _gamma_rules(1.0, theta[0])

    def _unit(self, theta):
        return list(theta)

    def _fisher(self, theta):
        return _symmetric(1, {(0, 0): 1 / theta[0] ** 2})

    def _kl(self, theta0, theta1, step):
        (p,), (q,) = theta0, theta1
        return u_minus_log1p(step[0] / p, q / p)

    def _chi2_is_finite(self, p, q):
        return 2 * q[0] > p[0]


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
        if x.min() <= 0:
            raise ValueError(f"`x` must be positive, but it contains {x.min():.6g}.")
        return x

    def _log_prob(self, theta, x):
        # With y = r x: k ln y − y − ln Γ(k) = −k h(y/k − 1) − G(k), in which no large terms cancel.
        shape, rate = theta
        fall = shape * u_minus_log1p((rate * x - shape) / shape, rate * x / shape)
        return -fall - log_gamma_excess(shape) - np.log(x)

    def _score(self, theta, x):
        shape, rate = theta
        return [np.log(rate) + np.log(x) - digamma(shape), (shape - rate * x) / rate]

    def _sample(self, theta, shape, rng):
        return np.maximum(rng.standard_gamma(theta[0], shape) / theta[1], np.finfo(float).tiny)

    def _rules(self, theta):
        return _gamma_rules(*theta)

    def _unit(self, theta):
        shape, rate = theta
        return [np.minimum(shape, np.sqrt(shape)), rate / np.sqrt(np.maximum(shape, 1))]

    def _fisher(self, theta):
        shape, rate = theta
        return _symmetric(2, {(0, 0): trigamma(shape), (0, 1): -1 / rate, (1, 1): shape / rate**2})

    def _kl(self, theta0, theta1, step):
        # In shape and mean, which are orthogonal: no term is negative.
        (k0, r0), (k1, r1) = theta0, theta1
        w = (k0 * step[1] - step[0] * r0) / (k1 * r0)
        return log_gamma_excess_divergence(k1, k0, step[0]) + k1 * u_minus_log1p(w, (k0 / k1) * (r1 / r0))

    def _chi2_is_finite(self, p, q):
        return 2 * q[0] > p[0] and 2 * q[1] > p[1]


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
        outside = x[(x <= 0) | (x >= 1)]
        if outside.size:
            raise ValueError(f"`x` must lie strictly between 0 and 1, but it contains {outside[0]:.6g}.")
        return np.stack([x, 1 - x])

    def _plain(self, x):
        return x[0]

    def _log_prob(self, theta, x):
        (a, b), (x, y) = theta, x
        return (a - 1) * _log(x, y) + (b - 1) * _log(y, x) + _minus_log_beta(a, b)

    def _score(self, theta, x):
        (a, b), (x, y) = theta, x
        return [_log(x, y) + polygamma_differences(a, b)[0], _log(y, x) + polygamma_differences(b, a)[0]]

    def _sample(self, theta, shape, rng):
        a, b = theta
        return np.clip(rng.beta(a, b, shape), np.finfo(float).tiny, 1 - np.finfo(float).epsneg)

    def _rules(self, theta):
        # In v = logit x − logit m, with m = a/(a + b) where the logarithm of the density times x (1 − x) is largest.
        a, b = theta
        s, scale = a + b, log_gamma_excess(a + b) - log_gamma_excess(a) - log_gamma_excess(b)

        def log_density(v):
            near = np.where(v < 0, a, b)
            return scale - near * np.abs(v) - s * np.log1p(near / s * np.expm1(-np.abs(v)))

        odds, center = np.log(a / b), np.log(max(a, 1.0) / max(b, 1.0))
        rules = _sinh_rules(log_density, a * (b / s), center - odds, LEAST - odds, -LEAST - odds)
        return [(np.exp(-np.logaddexp(0, np.stack([-v - odds, v + odds]))), w) for v, w in rules]

    def _unit(self, theta):
        return [np.minimum(t, np.sqrt(t)) for t in theta]

    def _fisher(self, theta):
        a, b = theta
        own, other = polygamma_differences(a, b)[1], polygamma_differences(b, a)[1]
        return _symmetric(2, {(0, 0): own, (0, 1): -trigamma(a + b), (1, 1): other})

    def _kl(self, theta0, theta1, step):
        # KL is the Bregman divergence of ln B = ln Γ(a) + ln Γ(b) − ln Γ(s). The parts x ln x of ln Γ make that of the
        # coins a/s, the parts G the rest, where those of s and of the larger parameter b nearly cancel.
        turned, pairs = theta0[0] > theta0[1], (theta0, theta1, step)
        (a0, b0), (a1, b1), (da, db) = ((np.where(turned, v, u), np.where(turned, u, v)) for u, v in pairs)
        small = np.minimum(b0, b1) < STIRLING_FROM

        def pair(i):
            # h(db/b₀) − h(ds/s₀) for s = a + b, where 1 + t = (1 + db/b₀)/(1 + ds/s₀), near one and far from it.
            up, down = (b1 + i) * (a0 + b0 + i), (b0 + i) * (a1 + b1 + i)
            t = np.where(np.abs(db * a0) + np.abs(da * (b0 + i)) < up, db * a0 - da * (b0 + i), up - down) / down
            return u_minus_log1p(t, up / down) + (da + db) / (a0 + b0 + i) * t

        found = log_gamma_excess_divergence(a1, a0, da) + small * sum(pair(i) for i in range(STIRLING_FROM))
        b0, b1 = b0 + STIRLING_FROM * small, b1 + STIRLING_FROM * small
        s0, s1, turn = a0 + b0, a1 + b1, (a0 * db - b0 * da) / (a0 + b0)
        found += a1 * u_minus_log1p(turn / a1, (a0 / s0) / (a1 / s1)) + b1 * u_minus_log1p(
            -turn / b1, (b0 / s0) / (b1 / s1)
        )
        return found + 0.5 * pair(0) + stirling_divergence(b1, b0, db) - stirling_divergence(s1, s0, da + db)

    def _chi2_is_finite(self, p, q):
        return 2 * q[0] > p[0] and 2 * q[1] > p[1]


class StudentT(Family):
    """Student's t with known degrees of freedom ν, θ = (μ, σ): location and scale, which is not the standard deviation.

    Parameters
    ----------
    dof : float
        Degrees of freedom, positive; 1 makes a Cauchy distribution.

    Examples
    --------
    >>> StudentT(1).fisher([0, 1])
    array([[0.5, 0. ],
           [0. , 0.5]])
    """

    parameters = ("mu", "sigma")
    _positive = {1: "scale sigma"}
    _block = 32

    def __init__(self, dof: float):
        dof = arrays.real(dof, "dof")
        if dof.ndim or not 0.1 <= dof <= 1e6:
            raise ValueError(f"`dof` must be a number between 0.1 and 1e6, but it is {dof}.")
        self.dof = float(dof)
        # ln Γ((ν + 1)/2) − ln Γ(ν/2) − ½ ln(πν), that is −ln B(ν/2, ½) − ½ ln ν
        self._log_scale = float(_minus_log_beta(self.dof / 2, 0.5) - 0.5 * math.log(self.dof))

    def _log_prob(self, theta, x):
        mu, sigma = theta
        r = np.abs(x - mu) / sigma / math.sqrt(self.dof)
        # log(1 + r²), also where r² overflows.
        rise = np.log1p(np.minimum(r, 1e9) ** 2) + 2 * np.log(np.maximum(r / 1e9, 1))
        return self._log_scale - np.log(sigma) - (self.dof + 1) / 2 * rise

    def _score(self, theta, x):
        mu, sigma = theta
        z = (x - mu) / sigma
        length = np.hypot(z, math.sqrt(self.dof))
        share = z / length
        return [(self.dof + 1) * share / length / sigma, ((self.dof + 1) * share**2 - 1) / sigma]

    def _sample(self, theta, shape, rng):
        mu, sigma = theta
        return mu + sigma * rng.standard_t(self.dof, shape)

    def _rules(self, theta):
        # With x = μ + σ √ν sinh v the density of v is proportional to cosh(v)^(−ν).
        mu, sigma = theta
        log_scale = self._log_scale + 0.5 * math.log(self.dof)
        log_density = lambda v: log_scale - self.dof / 2 * np.log1p(np.sinh(v) ** 2)
        return [
            (mu + sigma * math.sqrt(self.dof) * np.sinh(v), w)
            for v, w in _sinh_rules(log_density, self.dof, 0.0, -LARGEST / 2, LARGEST / 2)
        ]

    def _unit(self, theta):
        return [theta[1], theta[1]]

    def _fisher(self, theta):
        precision = 1 / ((self.dof + 3) * theta[1] ** 2)
        return _symmetric(2, {(0, 0): (self.dof + 1) * precision, (1, 1): 2 * self.dof * precision})

    def _kl(self, theta0, theta1, step):
        # No closed form is known for general ν. The integral of p h(q/p − 1), which is nowhere negative, is taken in
        # three pieces that end at the means, each with nodes that crowd at its ends, in units of σ₀.
        sigma0, sigma1 = theta0[1], theta1[1]
        d, e, r = (v[:, None] for v in (np.abs(step[0]) / sigma0, step[1] / sigma0, sigma1 / sigma0))
        low, high = (5 * np.arcsinh(end / 5) for end in (-45, min(45 + 40 / self.dof, 340)))
        t = np.arange(low, high, 0.08)
        s, w = 5 * np.sinh(t / 5), 0.08 * np.cosh(t / 5)
        width = np.sqrt(r * min(self.dof, 1.0))
        out, jacobian = width * np.exp(s), width * np.exp(s) * w
        inner, other = d / (1 + np.exp(-s)), d / (1 + np.exp(s))
        # Distances from the first mean and from the second.
        z0 = np.concatenate([-out, inner, d + out], axis=1)
        y1 = np.concatenate([-d - out, -other, out], axis=1)
        weights = np.concatenate([jacobian, inner * other / np.where(d > 0, d, 1) * w, jacobian], axis=1)
        square0, square1 = self.dof + z0**2, self.dof + (y1 / r) ** 2
        # z₁² − z₀², z₁ = y₁/r: the difference of z₁ and z₀ first, exactly.
        ratio = -(z0 * e + d) / r * (y1 / r + z0) / square0
        rise = np.where(ratio > -0.5, np.log1p(np.maximum(ratio, -0.5)), np.log(square1 / square0))
        log = -np.log1p(e) - (self.dof + 1) / 2 * rise
        log_p = self._log_scale - (self.dof + 1) / 2 * np.log1p(z0**2 / self.dof)
        p, u = np.exp(log_p), np.expm1(log)
        near = p * near_u_minus_log1p(np.clip(u, -SERIES_RADIUS, SERIES_RADIUS))
        return (weights * np.where(np.abs(u) < SERIES_RADIUS, near, np.exp(log_p + log) - p * (1 + log))).sum(axis=1)


class MultivariateGaussian(Family):
    """Gaussian vectors, θ = (μ, P): the mean, and the lower triangle of the precision matrix P = Σ⁻¹, row by row.

    These coordinates extend (μ, τ). The divergence is made of differences of precisions, which are exact in them;
    those of covariances or of Cholesky factors would first have to be carried over, and lose digits on the way.

    Parameters
    ----------
    n : int
        The length of an observation.

    Examples
    --------
    >>> family = MultivariateGaussian(2)
    >>> family.parameters
    ('mu_1', 'mu_2', 'P_11', 'P_21', 'P_22')
    >>> family.kl([0, 0, 1, 0, 1], [1, 0, 1, 0, 1])
    np.float64(0.5)
    """

    def __init__(self, n: int):
        self.n = arrays.count(n, "n")
        self.event = (self.n,)
        self._rows, self._columns = np.tril_indices(self.n)
        gap = "" if self.n < 10 else ","
        self.parameters = (
            *(f"mu_{i + 1}" for i in range(self.n)),
            *(f"P_{i + 1}{gap}{j + 1}" for i, j in zip(self._rows, self._columns, strict=True)),
        )
        self._block = max(16, min(1 << 12, (1 << 18) // self.n**2))
        # In a sum over all entries of P those off its diagonal occur twice.
        self._times = np.where(self._rows == self._columns, 0.5, 1.0)

    def _unpack(self, theta, name):
        """Mean, lower triangle of P, its Cholesky factor: batch axes last."""
        columns = np.moveaxis(theta, -1, 0)
        precision = self._triangle(columns)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            factor, i = cholesky_last(precision.copy()), np.arange(self.n)
        definite = factor[i, i] ** 2 > self.n * np.finfo(theta.dtype).eps * precision[i, i]
        if not definite.all():
            first = np.argwhere(~definite.all(axis=0))[0]
            smallest = np.linalg.eigvalsh(precision[(slice(None), slice(None), *first)], "L")[0]
            raise ValueError(
                f"`{name}` must have a positive definite precision P, but its smallest eigenvalue is {smallest:.6g}."
            )
        return columns[: self.n], precision, factor

    def _triangle(self, columns):
        triangle = np.zeros((self.n, self.n, *columns.shape[1:]), columns.dtype)
        triangle[self._rows, self._columns] = columns[self.n :]
        return triangle

    def _covariance(self, factor):
        inverse = self._inverse(factor)
        return np.einsum("pi...,pj...->ij...", inverse, inverse)

    def _inverse(self, factor):
        identity = np.eye(self.n, dtype=factor.dtype).reshape(self.n, self.n, *[1] * (factor.ndim - 2))
        return solve_lower_last(factor, np.broadcast_to(identity, factor.shape).copy())

    def _observation(self, x):
        return np.moveaxis(x, -1, 0)

    def _plain(self, x):
        return np.moveaxis(x, 0, -1)

    def _whiten(self, theta, x):
        mu, _, factor = theta
        gap = np.stack(np.broadcast_arrays(*(v - m for v, m in zip(x, mu, strict=True))))
        return gap, np.einsum("ij...,i...->j...", factor, gap)

    def _log_prob(self, theta, x):
        white, diagonal = self._whiten(theta, x)[1], np.einsum("ii...->i...", theta[2])
        return np.log(diagonal).sum(axis=0) - 0.5 * (self.n * LOG_2PI + (white * white).sum(axis=0))

    def _score(self, theta, x):
        (gap, white), covariance = self._whiten(theta, x), self._covariance(theta[2])
        pairs = zip(self._times, self._rows, self._columns, strict=True)
        return [
            *np.einsum("ij...,j...->i...", theta[2], white),
            *(float(c) * (covariance[i, j] - gap[i] * gap[j]) for c, i, j in pairs),
        ]

    def _sample(self, theta, shape, rng):
        z = np.moveaxis(rng.standard_normal((*shape, self.n)), -1, 0)
        x = np.einsum("ji...,j...->i...", self._inverse(theta[2]), z)
        return np.stack([v + m for v, m in zip(x, theta[0], strict=True)], axis=-1)

    def _rules(self, theta):
        inverse, rules = self._inverse(theta[2]), []
        most = min(HERMITE[-1][0], int(MOST_NODES ** (1 / self.n) + 1e-9))
        if most < 4:
            raise ValueError(f"`theta` must have at most 8 dimensions to be integrated over, but there are {self.n}.")
        for _, part in HERMITE:
            z, w = _tensor_hermite(max(3, int(part * most)), self.n)
            rules.append((theta[0][:, None] + inverse.T @ z, w))
        return rules

    def _unit(self, theta):
        # A precision may change by so much before another one is no longer positive.
        widths = np.sqrt(np.einsum("ii...->i...", self._covariance(theta[2])))
        lengths = 1 / np.sqrt(np.einsum("ii...->i...", theta[1]))
        return [*lengths, *(1 / (widths[self._rows] * widths[self._columns]))]

    def _fisher(self, theta):
        _, precision, factor = theta
        s, n, i, j = self._covariance(factor), self.n, self._rows, self._columns
        times = self._times.astype(s.dtype).reshape(-1, *[1] * (s.ndim - 2))
        found = np.zeros((self.dim, self.dim, *s.shape[2:]), s.dtype)
        found[:n, :n] = _mirrored(precision)
        found[n:, n:] = (
            times[:, None] * times * (s[i[:, None], i] * s[j[:, None], j] + s[i[:, None], j] * s[j[:, None], i])
        )
        return np.moveaxis(found, (0, 1), (-2, -1))

    def _kl(self, theta0, theta1, step):
        (_, _, factor0), (_, _, factor1) = theta0, theta1
        white = np.einsum("ijb,ib->jb", factor1, step[: self.n])
        # X = L₀⁻¹ L₁, so that the eigenvalues of X Xᵀ are those of P₁ against P₀.
        x, i = solve_lower_last(factor0, factor1.copy()), np.arange(self.n)
        d = x[i, i]
        x[i, i] = 0
        found = np.einsum("ijb,ijb->b", x, x) + u_minus_log1p((d - 1) * (d + 1), d * d).sum(axis=0)
        close = found < CLOSE * self.n
        if close.any():
            found[close] = self._close(factor0[..., close], self._triangle(step)[..., close])
        return 0.5 * (found + (white * white).sum(axis=0))

    def _close(self, factor, change):
        # tr E − ln det(I + E) for E = L⁻¹ (P₁ − P₀) L⁻ᵀ, from I + E = M D Mᵀ with M unit lower triangular: no term is
        # negative.
        half = solve_lower_last(factor, _mirrored(change))
        e = solve_lower_last(factor, np.swapaxes(half, 0, 1).copy())
        pivots, found = np.empty_like(e[0]), 0
        for j in range(self.n):
            scaled = e[j, :j] * pivots[:j]
            more = (e[j, :j] * scaled).sum(axis=0)
            pivot = e[j, j] - more
            pivots[j] = 1 + pivot
            e[j + 1 :, j] -= np.einsum("pb,ipb->ib", scaled, e[j + 1 :, :j])
            e[j + 1 :, j] /= pivots[j]
            found = found + more + u_minus_log1p(pivot, pivots[j])
        return found

    def _chi2_is_finite(self, p, q):
        with np.errstate(all="ignore"):
            return bool(np.isfinite(cholesky_last(2 * q[1] - p[1])).all())


def _symmetric(n: int, entries: dict[tuple[int, int], np.ndarray]) -> np.ndarray:
    # Symmetric matrices in the last two axes, from the entries that are not zero.
    some = entries[0, 0]
    matrix = np.zeros((*some.shape, n, n), some.dtype)
    for (i, j), entry in entries.items():
        matrix[..., i, j] = matrix[..., j, i] = entry
    return matrix


def _mirrored(triangle: np.ndarray) -> np.ndarray:
    # The symmetric matrices, in the first two axes, of which lower triangles are given.
    matrix = triangle + np.swapaxes(triangle, 0, 1)
    i = np.arange(len(matrix))
    matrix[i, i] = triangle[i, i]
    return matrix


def _log(x, rest):
    # ln x, also where x = 1 − rest is so close to 1 that only the rest has its digits.
    return np.where(x < 0.5, np.log(x), np.log1p(-np.minimum(rest, 0.5)))


def _minus_log_beta(a, b):
    # −ln B(a, b) without its large terms.
    s = a + b
    return log_gamma_excess(s) - log_gamma_excess(a) - log_gamma_excess(b) + a * np.log1p(b / a) + b * np.log1p(a / b)


@lru_cache
def _gauss_hermite(size: int) -> tuple[np.ndarray, np.ndarray]:
    # For the weight exp(−z²/2), normalised so that the weights are those of a standard Gaussian.
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return arrays.frozen(nodes), arrays.frozen(weights / np.sqrt(2 * np.pi))


@lru_cache(maxsize=4)
def _tensor_hermite(size: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = _gauss_hermite(size)
    index = np.indices((size,) * n).reshape(n, -1)
    return arrays.frozen(nodes[index]), arrays.frozen(weights[index].prod(axis=0))


def _sinh_rules(log_density: Callable, k: float, center: float, low: float, high: float) -> list[tuple]:
    # Trapezoidal sums in t for v = center + c sinh t, which crowds the nodes where a density about as wide as 1/√k has
    # its mass, and reaches for tails as long as exp(−k |v|). What is beyond the bounds or hardly weighs is left out.
    rules, c = [], min(1.0, 1 / np.sqrt(k))
    for step, lowest in STEPS:
        reach = lowest / k + np.sqrt(2 * lowest / k)
        t = step * np.arange(-np.ceil(np.arcsinh(reach / c) / step), np.ceil(np.arcsinh(reach / c) / step) + 1)
        v = center + c * np.sinh(t)
        t, v = t[(low < v) & (v < high)], v[(low < v) & (v < high)]
        logs = log_density(v)
        kept = logs > -lowest
        rules.append((v[kept], step * c * np.cosh(t[kept]) * np.exp(logs[kept])))
    return rules


def _gamma_rules(shape: float, rate: float) -> list[tuple]:
    # In v = ln(r x / k).
    scale = -log_gamma_excess(shape)
    log_density = lambda v: scale - shape * u_minus_log1p(np.expm1(v), np.exp(v))
    low, high = (edge - np.log(shape / rate) for edge in (LEAST, LARGEST))
    center = max(0.0, -np.log(shape))
    return [(shape / rate * np.exp(v), w) for v, w in _sinh_rules(log_density, shape, center, low, high)]
