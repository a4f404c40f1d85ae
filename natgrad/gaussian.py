"""The Gaussian family of section 3.6, and its vectors."""

import numpy as np

from . import arrays
from ._quadrature import hermite, told_apart
from ._special import u_minus_log1p
from .family import Family
from .metric import Dense


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
    _chi2_is_finite = lambda self, p, q: 2 * q[1] > p[1]

    def _log_prob(self, theta, x):
        mu, tau = theta
        return 0.5 * (np.log(tau / (2 * np.pi)) - ((x - mu) * np.sqrt(tau)) ** 2)

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

    _rules = lambda self, theta: [((theta[0] + theta[1]._unwhiten(z.T)).T, weights) for z, weights in hermite(self.n)]
    _covariance = lambda self, metric: metric._inverse.mT @ metric._inverse  # Σ = P⁻¹ = L⁻ᵀ L⁻¹
    _chi2_is_finite = lambda self, p, q: np.linalg.eigvalsh(2 * q[1]._tensor - p[1]._tensor)[0] > 0

    def __init__(self, n: int):
        self.n = arrays.count(n, "n")
        self.event, self._lower = (self.n,), np.tril_indices(self.n)
        gap, pairs = "" if self.n < 10 else ",", np.transpose(self._lower) + 1
        self.parameters = (*(f"mu_{i + 1}" for i in range(self.n)), *(f"P_{i}{gap}{j}" for i, j in pairs))
        # In a sum over all entries of P those off its diagonal occur twice.
        self._times = np.where(self._lower[0] == self._lower[1], 0.5, 1.0)

    def _unpack(self, theta, name):
        """The mean, and P as a metric; in each the last axes are those of coordinates."""
        precision = arrays.positive_definite(self._symmetric(theta[self.n :]), name, "have a precision P that is")
        return np.moveaxis(theta[: self.n], 0, -1), Dense._from_factor(*precision)

    def _symmetric(self, triangle):
        matrix, (i, j) = np.empty((*triangle.shape[1:], self.n, self.n)), self._lower
        matrix[..., i, j] = matrix[..., j, i] = np.moveaxis(triangle, 0, -1)
        return matrix

    def _log_prob(self, theta, x):
        mean, metric = theta
        pivots = np.diagonal(metric._factor, axis1=-2, axis2=-1)  # their product is the root of the determinant
        square = metric._squared_norm(np.moveaxis(x, 0, -1) - mean)
        return np.log(pivots / np.sqrt(2 * np.pi)).sum(axis=-1) - 0.5 * square

    def _score(self, theta, x):
        # P (x − μ), and ½ (Σ − (x − μ)(x − μ)ᵀ) with its entries off the diagonal doubled.
        (mean, metric), (i, j) = theta, self._lower
        gap = np.moveaxis(x, 0, -1) - mean
        slopes = self._times * (self._covariance(metric)[..., i, j] - gap[..., i] * gap[..., j])
        return np.moveaxis(np.concatenate([metric._apply(gap), slopes], axis=-1), -1, 0)

    def _sample(self, theta, shape, rng):
        mean, metric = theta
        widths = np.sqrt(np.diagonal(self._covariance(metric), axis1=-2, axis2=-1))
        told_apart(np.abs(mean), widths, "theta")
        return np.moveaxis(mean + metric._unwhiten(rng.standard_normal((*shape, self.n))), -1, 0)

    def _fisher(self, theta):
        # P for the mean; for entries ij and kl of P, ½ (Σik Σjl + Σil Σjk), again doubled off the diagonal.
        s, n, (i, j) = self._covariance(theta[1]), self.n, self._lower
        found, of = np.zeros((*s.shape[:-2], self.dim, self.dim)), lambda a, b: s[..., a[:, None], b]
        found[..., :n, :n] = theta[1]._tensor
        found[..., n:, n:] = np.outer(self._times, self._times) * (of(i, i) * of(j, j) + of(i, j) * of(j, i))
        return np.moveaxis(found, (-2, -1), (0, 1))

    def _kl(self, theta0, theta1, step):
        # ½ (tr E − ln det(I + E) + |L₁ᵀ(μ₁ − μ₀)|²) for E = L₀⁻¹ (P₁ − P₀) L₀⁻ᵀ: the determinant is that of L₁L₀⁻¹,
        # squared, and between close precisions no term of Σ h(λ), over the eigenvalues λ of E, is negative.
        (_, metric0), (_, metric1), i = theta0, theta1, np.arange(self.n)
        change = metric0._inverse @ self._symmetric(step[self.n :]) @ metric0._inverse.mT
        values, ratios = np.linalg.eigvalsh(change).T, metric1._factor[:, i, i] / metric0._factor[:, i, i]
        far = values.sum(axis=0) - 2 * np.log(ratios).sum(axis=1)
        close = np.abs(values).max(axis=0) < 0.5
        found = np.where(close, u_minus_log1p(values, 1 + values).sum(axis=0), far)
        return 0.5 * (found + metric1._squared_norm(step[: self.n].T))
