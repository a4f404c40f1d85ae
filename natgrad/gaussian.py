"""The Gaussian family of section 3.6, its vectors, and Student's t, which has heavier tails."""

import math
from functools import cached_property

import numpy as np

from . import arrays
from ._kernels import cholesky_last, solve_lower_last
from ._quadrature import hermite, sinh_rule
from ._special import SERIES_RADIUS, TAU, log_gamma_excess, near_u_minus_log1p, u_minus_log1p
from .family import Family

# A plain float leaves float32 what it is.
LOG_2PI = math.log(TAU)
# Precisions are close if the part of the divergence that they make is below this, for each dimension.
CLOSE = 0.05
# The step of the nodes for the divergence of Student's t, in logarithms.
STEP = 0.08


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
    _block = 1 << 14

    def _log_prob(self, theta, x):
        mu, tau = theta
        return 0.5 * (np.log(tau) - LOG_2PI - ((x - mu) * np.sqrt(tau)) ** 2)

    def _score(self, theta, x):
        mu, tau = theta
        gap = x - mu
        square = gap * gap
        square *= -0.5
        square += 0.5 / tau
        return [tau * gap, square]

    def _sample(self, theta, shape, rng):
        mu, tau = theta
        return mu + rng.standard_normal(shape) / np.sqrt(tau)

    def _rules(self, theta):
        mu, tau = theta
        (z,), weights = hermite(1)
        return mu + z / np.sqrt(tau), weights

    def _fisher(self, theta):
        _, tau = theta
        return [[tau, 0], [0, 0.5 / tau**2]]

    def _kl(self, theta0, theta1, step):
        (_, tau0), (_, tau1), (gap, change) = theta0, theta1, step
        change /= tau0
        found = u_minus_log1p(change, tau1 / tau0)
        square = tau1 * gap  # before it is squared, so that it stays in range
        square *= gap
        found += square
        found *= 0.5
        return found


class StudentT(Family):
    """Student's t with known degrees of freedom, θ = (μ, σ): location and scale, which is not the standard deviation.

    The degrees of freedom are between 0.1 and 1e6; 1 makes a Cauchy distribution.

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
        # ln Γ((ν + 1)/2) − ln Γ(ν/2) − ½ ln(πν), of which the large terms are taken out.
        half, whole = self.dof / 2, (self.dof + 1) / 2
        excess = log_gamma_excess(whole) - log_gamma_excess(half) + half * math.log1p(0.5 / half)
        self._log_scale = float(excess + 0.5 * (math.log(whole / math.pi / self.dof) - 1))

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

    @cached_property
    def _standard_rules(self):
        # With x = √ν sinh v the density of v is proportional to cosh(v)^(−ν).
        log_density = lambda v: self._log_scale + 0.5 * math.log(self.dof) - self.dof / 2 * np.log1p(np.sinh(v) ** 2)
        v, weights = sinh_rule(log_density, self.dof, 0.0, -np.inf, np.inf)
        return math.sqrt(self.dof) * np.sinh(v), weights

    def _rules(self, theta):
        mu, sigma = theta
        z, weights = self._standard_rules
        return mu + sigma * z, weights

    def _fisher(self, theta):
        # The inverse is squared, because at the largest scales that fits where the square of the scale doesn't.
        precision, whole = (1 / theta[1]) ** 2, self.dof + 3
        return [[(self.dof + 1) / whole * precision, 0], [0, 2 * self.dof / whole * precision]]

    def _kl(self, theta0, theta1, step):
        # No closed form is known for general ν. The integral of p h(q/p − 1), which is nowhere negative, is taken in
        # three pieces that end at the means, each with nodes that crowd at its ends, in units of σ₀.
        sigma0, sigma1 = theta0[1], theta1[1]
        d, e, r = (v[:, None] for v in (np.abs(step[0]) / sigma0, step[1] / sigma0, sigma1 / sigma0))
        width = np.sqrt(r * min(self.dof, 1.0))
        # In logarithms: how far the densities are from d and the width, where nodes are dense; on to a part of the
        # narrower one that weighs 1e-20, and to where the tails of the wider one weigh as little.
        farthest = lambda ratio: np.fmin(np.fmax(np.log(ratio), 0), 1e3).max()  # whatever isn't finite
        inward = farthest(np.maximum(d, width) / np.minimum(r, 1))
        outward = farthest(np.maximum(r, 1) / width)
        low, high, bend = inward + 45, max(inward + 45, outward + 40 / self.dof), max(inward, outward, 5)
        first, last = (np.ceil(bend * np.arcsinh(end / bend) / STEP) for end in (low, high))
        t = STEP * np.arange(-first, last + 1)
        s, w = bend * np.sinh(t / bend), STEP * np.cosh(t / bend)
        out, jacobian = width * np.exp(s), width * np.exp(s) * w
        inner, other = d / (1 + np.exp(-s)), d / (1 + np.exp(s))
        # Distances from the first mean and from the second.
        z0 = np.concatenate([-out, inner, d + out], axis=1)
        y1 = np.concatenate([-d - out, -other, out], axis=1)
        weights = np.concatenate([jacobian, inner * other / np.where(d > 0, d, 1) * w, jacobian], axis=1)
        length0, length1 = np.hypot(root := math.sqrt(self.dof), z0), np.hypot(root, y1 / r)
        # z₁² − z₀², z₁ = y₁/r: the difference of z₁ and z₀ first, exactly.
        gap = np.where(np.abs(e) < 0.5, z0 * e + d, z0 * r - y1)
        ratio = -gap / r / length0 * ((y1 / r + z0) / length0)
        rise = np.where(ratio > -0.5, np.log1p(ratio), 2 * np.log(length1 / length0))
        log = -np.where(r < 0.5, np.log(r), np.log1p(e)) - (self.dof + 1) / 2 * rise
        log_p = self._log_scale - (self.dof + 1) * np.log(length0 / root)
        p, u = np.exp(log_p), np.expm1(log)
        near = p * near_u_minus_log1p(np.clip(u, -SERIES_RADIUS, SERIES_RADIUS))
        return (weights * np.where(np.abs(u) < SERIES_RADIUS, near, np.exp(log_p + log) - p * (1 + log))).sum(axis=1)

    def _chi2_is_finite(self, p, q):
        return True


class MultivariateGaussian(Family):
    """Gaussian vectors of length n, θ = (μ, P): mean, and lower triangle of the precision matrix P = Σ⁻¹, row by row.

    These coordinates extend (μ, τ). The divergence is made of differences of precisions, which are exact in them.
    Still, it loses about as many digits as the condition number of P has.

    Examples
    --------
    >>> MultivariateGaussian(2).parameters
    ('mu_1', 'mu_2', 'P_11', 'P_21', 'P_22')
    >>> MultivariateGaussian(2).kl([0, 0, 1, 0, 1], [1, 0, 1, 0, 1])
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
        self._block = max(16, min(1 << 13, (1 << 18) // self.n**2))
        # In a sum over all entries of P those off its diagonal occur twice.
        self._times = np.where(self._rows == self._columns, 0.5, 1.0)

    def _unpack(self, theta, name):
        """Mean, lower triangle of P, its Cholesky factor: batch axes last."""
        precision = self._triangle(theta)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            factor, i = cholesky_last(precision.copy()), np.arange(self.n)
        definite = factor[i, i] ** 2 > self.n * np.finfo(theta.dtype).eps * precision[i, i]
        if not definite.all():
            arrays.real(theta, name)
            first = np.moveaxis(precision, (0, 1), (-2, -1))[~definite.all(axis=0)][0]
            smallest = np.linalg.eigvalsh(first, "L")[0]
            raise ValueError(
                f"`{name}` must have a positive definite precision P, but its smallest eigenvalue is {smallest:.6g}."
            )
        return theta[: self.n], precision, factor

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
        return np.stack([v + m for v, m in zip(x, theta[0], strict=True)])

    def _rules(self, theta):
        z, weights = hermite(self.n)
        return theta[0][:, None] + self._inverse(theta[2]).T @ z, weights

    def _fisher(self, theta):
        _, precision, factor = theta
        s, n, i, j = self._covariance(factor), self.n, self._rows, self._columns
        times = self._times.astype(s.dtype).reshape(-1, *[1] * (s.ndim - 2))
        found = np.zeros((self.dim, self.dim, *s.shape[2:]), s.dtype)
        found[:n, :n] = _mirrored(precision)
        pairs = s[np.ix_(i, i)] * s[np.ix_(j, j)] + s[np.ix_(i, j)] * s[np.ix_(j, i)]
        found[n:, n:] = times[:, None] * times * pairs
        return found

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
            return bool((np.diagonal(cholesky_last(2 * q[1] - p[1])) > 0).all())


def _mirrored(triangle: np.ndarray) -> np.ndarray:
    # The symmetric matrices, in the first two axes, of which lower triangles are given.
    matrix = triangle + np.swapaxes(triangle, 0, 1)
    i = np.arange(len(matrix))
    matrix[i, i] = triangle[i, i]
    return matrix
