"""The Gaussian family of section 3.6, and its vectors."""

import math

import numpy as np

from . import arrays
from ._kernels import solve_lower_last
from ._quadrature import hermite, told_apart
from ._special import u_minus_log1p
from .family import Family

LOG_2PI = math.log(2 * math.pi)
# Precisions are close if they differ by less than this part of the first.
CLOSE = 0.5


class Gaussian(Family):
    """The Gaussian family of section 3.6, θ = (μ, τ): mean μ and precision τ = 1/variance > 0.

    >>> Gaussian().fisher([0, 1])
    array([[1. , 0. ],
           [0. , 0.5]])
    """

    parameters = ("mu", "tau")
    _positive = {1: "precision tau"}
    _rules = lambda self, theta: [(theta[0] + z / np.sqrt(theta[1]), weights) for (z,), weights in hermite(1)]
    _fisher = lambda self, theta: [[theta[1], 0], [0, 0.5 / theta[1] ** 2]]

    def _log_prob(self, theta, x):
        mu, tau = theta
        return 0.5 * (np.log(tau) - LOG_2PI - ((x - mu) * np.sqrt(tau)) ** 2)

    def _score(self, theta, x):
        gap, tau = x - theta[0], theta[1]
        return [tau * gap, 0.5 * (1 / tau - gap * gap)]

    def _sample(self, theta, shape, rng):
        mu, sigma = theta[0], 1 / np.sqrt(theta[1])
        told_apart(np.abs(mu), sigma, "theta")
        return mu + sigma * rng.standard_normal(shape)

    def _kl(self, theta0, theta1, step):
        (_, tau0), (_, tau1), (gap, change) = theta0, theta1, step
        return 0.5 * (u_minus_log1p(change / tau0, tau1 / tau0) + tau1 * gap * gap)


class MultivariateGaussian(Family):
    """Gaussian vectors of length n, θ = (μ, P): mean, and lower triangle of the precision matrix P = Σ⁻¹, row by row.

    These coordinates extend (μ, τ). The divergence is made of differences of precisions, which are exact in them.
    Still, it loses about as many digits as the condition number of P has.

    >>> MultivariateGaussian(2).parameters
    ('mu_1', 'mu_2', 'P_11', 'P_21', 'P_22')
    >>> MultivariateGaussian(2).kl([0, 0, 1, 0, 1], [1, 0, 1, 0, 1])
    np.float64(0.5)
    """

    def __init__(self, n: int):
        self.n = arrays.count(n, "n")
        self.event, self._lower = (self.n,), np.tril_indices(self.n)
        gap, pairs = "" if self.n < 10 else ",", np.transpose(self._lower) + 1
        self.parameters = (*(f"mu_{i + 1}" for i in range(self.n)), *(f"P_{i}{gap}{j}" for i, j in pairs))
        # In a sum over all entries of P those off its diagonal occur twice.
        self._times = np.where(self._lower[0] == self._lower[1], 0.5, 1.0)

    def _unpack(self, theta, name):
        """Mean, P and its Cholesky factor L, P = L Lᵀ: batch axes last."""
        precision = self._symmetric(theta[self.n :])
        matrices = np.moveaxis(precision, (0, 1), (-2, -1))
        _, factor = arrays.positive_definite(matrices, name, "have a precision P that is")
        return theta[: self.n], precision, np.moveaxis(factor, (-2, -1), (0, 1)).copy()

    def _symmetric(self, triangle):
        matrix = np.empty((self.n, self.n, *triangle.shape[1:]))
        matrix[self._lower] = matrix[self._lower[::-1]] = triangle
        return matrix

    def _inverse(self, factor):
        identity = np.eye(self.n).reshape(self.n, self.n, *[1] * (factor.ndim - 2))
        return solve_lower_last(factor, np.broadcast_to(identity, factor.shape).copy())

    def _covariance(self, factor):
        inverse = self._inverse(factor)  # Σ = L⁻ᵀ L⁻¹
        return np.einsum("pi...,pj...->ij...", inverse, inverse)

    def _whiten(self, theta, x):
        gap = np.stack(np.broadcast_arrays(*(v - m for v, m in zip(x, theta[0], strict=True))))
        return gap, np.einsum("ij...,i...->j...", theta[2], gap)  # |Lᵀ(x − μ)|² is the exponent

    def _log_prob(self, theta, x):
        white, diagonal = self._whiten(theta, x)[1], np.einsum("ii...->i...", theta[2])
        return np.log(diagonal).sum(axis=0) - 0.5 * (self.n * LOG_2PI + (white * white).sum(axis=0))

    def _score(self, theta, x):
        # P (x − μ), and ½ (Σ − (x − μ)(x − μ)ᵀ) with its entries off the diagonal doubled.
        (gap, white), covariance = self._whiten(theta, x), self._covariance(theta[2])
        slopes = [c * (covariance[i, j] - gap[i] * gap[j]) for c, i, j in zip(self._times, *self._lower, strict=True)]
        return [*np.einsum("ij...,j...->i...", theta[2], white), *slopes]

    def _sample(self, theta, shape, rng):
        z, inverse = np.moveaxis(rng.standard_normal((*shape, self.n)), -1, 0), self._inverse(theta[2])
        told_apart(np.abs(theta[0]), np.sqrt((inverse * inverse).sum(axis=0)), "theta")
        x = np.einsum("ji...,j...->i...", inverse, z)
        return np.stack([v + m for v, m in zip(x, theta[0], strict=True)])

    def _rules(self, theta):
        return [(theta[0][:, None] + self._inverse(theta[2]).T @ z, weights) for z, weights in hermite(self.n)]

    def _fisher(self, theta):
        # P for the mean; for entries ij and kl of P, ½ (Σik Σjl + Σil Σjk), again doubled off the diagonal.
        s, n, (i, j) = self._covariance(theta[2]), self.n, self._lower
        times = self._times.reshape(-1, *[1] * (s.ndim - 2))
        found = np.zeros((self.dim, self.dim, *s.shape[2:]))
        found[:n, :n] = theta[1]
        found[n:, n:] = s[np.ix_(i, i)] * s[np.ix_(j, j)] + s[np.ix_(i, j)] * s[np.ix_(j, i)]
        found[n:, n:] *= times[:, None] * times
        return found

    def _kl(self, theta0, theta1, step):
        # ½ (tr E − ln det(I + E) + |L₁ᵀ(μ₁ − μ₀)|²) for E = L₀⁻¹ (P₁ − P₀) L₀⁻ᵀ: the determinant is that of L₁L₀⁻¹,
        # squared, and between close precisions no term of Σ h(λ), over the eigenvalues λ of E, is negative.
        (_, _, factor0), (_, _, factor1), i = theta0, theta1, np.arange(self.n)
        half = solve_lower_last(factor0, self._symmetric(step[self.n :]))
        e = solve_lower_last(factor0, half.swapaxes(0, 1).copy())
        values = np.linalg.eigvalsh(np.moveaxis(e, -1, 0)).T
        far = values.sum(axis=0) - 2 * np.log(factor1[i, i] / factor0[i, i]).sum(axis=0)
        close = np.abs(values).max(axis=0) < CLOSE
        found = np.where(close, u_minus_log1p(values, 1 + values).sum(axis=0), far)
        white = np.einsum("ijb,ib->jb", factor1, step[: self.n])
        return 0.5 * (found + (white * white).sum(axis=0))

    def _chi2_is_finite(self, p, q):
        return bool(np.linalg.eigvalsh(2 * q[1] - p[1])[0] > 0)
