"""The same densities in other coordinates: score and Fisher matrix follow by the Jacobian, Jᵀ S and Jᵀ F J."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import arrays
from ._quadrature import told_apart
from .family import Family, filled


class Coordinates(NamedTuple):
    """New coordinates φ: their names, the map φ ↦ θ, its Jacobian ∂θᵢ/∂φⱼ, and θ₁ − θ₀ from φ₀, φ₁ and their step.

    The last keeps its digits where φ₀ and φ₁ are close. φ comes as one array for each coordinate.
    """

    name: str
    parameters: tuple[str, ...]
    to_theta: Callable
    jacobian: Callable
    difference: Callable

    __repr__ = lambda self: f"Coordinates({', '.join(self.parameters)})"
    __reduce__ = lambda self: self.name  # pickled as the constant of this module that it is


class Reparametrized(Family):
    # Of a Gaussian. Unpacked are the parameters of the family and φ.

    def __init__(self, family: Family, coordinates: Coordinates):
        self.family, self.coordinates = family, coordinates
        self.parameters = coordinates.parameters

    _log_prob = lambda self, phi, x: self.family._log_prob(phi[0], x)
    _sample = lambda self, phi, shape, rng: self.family._sample(phi[0], shape, rng)
    _rules = lambda self, phi: self.family._rules(phi[0])
    _chi2_is_finite = lambda self, p, q: self.family._chi2_is_finite(p[0], q[0])
    _jacobian = lambda self, phi: filled(self.coordinates.jacobian(*phi[1]), 2, phi[1].shape[1:])
    __repr__ = lambda self: repr(self.family).partition("(")[0] + "(" + super().__repr__().partition("(")[2]

    def _unpack(self, phi, name):
        theta, columns = np.stack(self.coordinates.to_theta(*phi)), phi.reshape(self.dim, -1).T
        try:
            inner = self.family._inside(theta, name)[1]
        except ValueError:
            for column in columns if len(columns) > 1 else ():  # which of them it is, in the caller's own letters
                self._unpack(column, name)
            found = f"({', '.join(self.parameters)}) = ({', '.join(f'{v:.6g}' for v in columns[0])}) is not"
            raise ValueError(f"`{name}` must be that of a density, but {found}.") from None
        # A mean is rounded unless it is taken over as it is.
        told_apart(np.where(inner[0] == phi[0], 0, np.abs(inner[0])), 1 / np.sqrt(inner[1]), name)
        return inner, phi

    def _score(self, phi, x):
        return np.einsum("ij...,i...->j...", self._jacobian(phi), np.stack(self.family._score(phi[0], x)))

    def _fisher(self, phi):
        jacobian, fisher = self._jacobian(phi), filled(self.family._fisher(phi[0]), 2, phi[1].shape[1:])
        found = np.einsum("ia...,ij...,jb...->ab...", jacobian, fisher, jacobian)
        return 0.5 * (found + found.swapaxes(0, 1))

    def _kl(self, phi0, phi1, step):
        return self.family._kl(phi0[0], phi1[0], self.coordinates.difference(phi0[1], phi1[1], step))


def reparametrize(family: Family, coordinates: Coordinates) -> Family:
    """The same densities in other coordinates φ, as a family of its own, whose divergence also keeps its digits nearby.

    Of the family `Gaussian`, in one of its `coordinates` below. Logits have a family of their own, `Softmax`.
    All it is asked for raises a `ValueError` if the width of p_φ is lost in the rounding of θ, as far from zero.

    >>> by_scale = reparametrize(Gaussian(), gaussian_mean_scale)
    >>> by_scale, by_scale.fisher([0, 2])
    (Gaussian(mu, sigma), array([[0.25, 0.  ],
           [0.  , 0.5 ]]))
    """
    arrays.instance(family, "family", Family)
    arrays.instance(coordinates, "coordinates", Coordinates)
    arrays.must(family.parameters == ("mu", "tau"), "family", "be Gaussian()", f"it is {family}")
    return Reparametrized(family, coordinates)


# Coordinates of `Gaussian`, in which τ is σ⁻², exp(−2 ln σ), or twice minus the factor of x².
#: For `Gaussian`, mean and standard deviation (μ, σ).
gaussian_mean_scale = Coordinates(
    "gaussian_mean_scale",
    ("mu", "sigma"),
    lambda mu, sigma: [mu, 1 / (sigma * np.abs(sigma))],  # negative, and so refused, where σ is
    lambda mu, sigma: [[1, 0], [0, -2 / sigma**3]],
    lambda p, q, step: [step[0], -step[1] * (p[1] + q[1]) / (p[1] * q[1]) ** 2],
)
#: For `Gaussian`, mean and logarithm of the standard deviation (μ, ln σ).
gaussian_mean_log_scale = Coordinates(
    "gaussian_mean_log_scale",
    ("mu", "log_sigma"),
    lambda mu, log: [mu, np.exp(-2 * log)],
    lambda mu, log: [[1, 0], [0, -2 * np.exp(-2 * log)]],
    lambda p, q, step: [step[0], np.exp(-2 * p[1]) * np.expm1(-2 * step[1])],
)
#: For `Gaussian`, natural parameters (μτ, −τ/2), the factors of x and x². As many digits as μ/σ has are lost.
gaussian_natural = Coordinates(
    "gaussian_natural",
    ("mu_tau", "minus_half_tau"),
    lambda a, b: [-a / (2 * b), -2 * b],
    lambda a, b: [[-1 / (2 * b), a / (2 * b * b)], [0, -2]],
    lambda p, q, step: [(p[0] * step[1] - p[1] * step[0]) / (2 * p[1] * q[1]), -2 * step[1]],
)
