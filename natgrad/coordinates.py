"""The same densities in other coordinates: score and Fisher matrix follow by the Jacobian, Jᵀ S and Jᵀ F J.

The Jacobian is derived: Im f(φ + i h eⱼ)/h has no rounding error that grows as h shrinks. That is right for analytic
functions only, so wherever it is used it is held against a difference of real values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import arrays
from .family import Family, filled

# The imaginary step, as a part of what it is added to: its square is nothing.
STEP = 1e-20
# The real step, and by how much a difference over it may be off, in units over which densities change.
REAL_STEP, TOLERANCE = 1e-5, 1e-3
# So many roundings may separate two ways to the same difference.
ROUNDINGS = 16
# The part of the length over which densities change that rounding θ may be: three digits are left.
MOST_ROUNDING = 1e-3


class Coordinates(NamedTuple):
    """New coordinates φ: their names, and the smooth map φ ↦ θ.

    The map takes (..., dim) to (..., dim), one to one, by analytic functions of numpy, such as exp, log, sqrt and
    powers. Where there is no such density, it is not finite, or outside of the family.

    Examples
    --------
    >>> from natgrad import Poisson
    >>> root = Coordinates(("root",), np.square)
    >>> root, reparametrize(Poisson(), root).fisher([3])
    (Coordinates(root), array([[4.]]))
    """

    parameters: tuple[str, ...]
    to_theta: Callable[[np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"Coordinates({', '.join(self.parameters)})"


class Reparametrized(Family):
    # Unpacked parameters are those of the family, θ and φ.

    def __init__(self, family: Family, coordinates: Coordinates):
        self.family, self.coordinates = family, coordinates
        self.parameters, self.event = tuple(coordinates.parameters), family.event
        self._discrete, self._observation = family._discrete, family._observation
        self._legendre = np.polynomial.legendre.leggauss(6)

    def __repr__(self) -> str:
        return repr(self.family).partition("(")[0] + "(" + super().__repr__().partition("(")[2]

    def _map(self, phi):
        """θ, or along an imaginary step its imaginary part; both have their coordinates first."""
        at, imaginary = np.moveaxis(phi, 0, -1), np.iscomplexobj(phi)
        try:
            with warnings.catch_warnings(category=np.exceptions.ComplexWarning, action="ignore"):
                found = self.coordinates.to_theta(at)
        except TypeError:
            if not imaginary:
                raise
            raise ValueError("`coordinates` must map complex numbers, too, but their map does not.") from None
        # The imaginary part is zero if it has become real: see `_jacobian`.
        found = arrays.numbers(np.asarray(found).imag if imaginary else found, "coordinates")
        fits = found.shape == at.shape
        arrays.must(fits, "coordinates", f"map {at.shape} to {at.shape}", f"it is mapped to {found.shape}")
        return np.ascontiguousarray(np.moveaxis(found, -1, 0))

    def _unpack(self, phi, name):
        theta, columns = self._map(phi), phi.reshape(self.dim, -1).T
        try:
            return self.family._inside(theta, name)[1], theta, phi
        except ValueError:
            # Which of them it is, in the caller's own letters.
            for column in columns if len(columns) > 1 else ():
                self._unpack(column, name)
            found = f"{self._named(columns[0])} is not"
        arrays.must(False, name, "be that of a density", found)

    def _named(self, phi):
        return f"({', '.join(self.parameters)}) = ({', '.join(f'{v:.6g}' for v in phi)})"

    def _jacobian(self, unpacked):
        """∂θᵢ/∂φⱼ, shape (dim, dim, ...)."""
        (inner, theta, phi), axes = unpacked, np.eye(self.dim)
        self._refuse_rounded(unpacked)
        size, unit = np.where(phi == 0, 1, np.abs(phi)), self.family._unit(inner)[:, None]
        along = lambda step: np.stack([self._map(phi + (axis * step.T).T) for axis in axes], axis=1)
        jacobian = along(1j * STEP * size) / (STEP * size)
        # What a real step changes, in units of the densities, up to its own square and to rounding.
        change = jacobian * (REAL_STEP * size) / unit
        error = np.abs((along(REAL_STEP * size) - theta[:, None]) / unit - change)
        largest = np.abs(change).max(axis=1, keepdims=True)
        right = error <= TOLERANCE * largest + ROUNDINGS * np.spacing(np.abs(theta))[:, None] / unit
        arrays.must(
            right.all() and (largest > 0).all(),
            "coordinates",
            "map one to one by analytic functions",
            "real and imaginary steps find different slopes, or none, at "
            f"{self._named(phi.reshape(self.dim, -1)[:, 0])} or another point given",
        )
        return jacobian

    def _log_prob(self, phi, x):
        return self.family._log_prob(phi[0], x)

    def _score(self, phi, x):
        jacobian, score = self._jacobian(phi), self.family._score(phi[0], x)
        return [sum(j * s for j, s in zip(jacobian[:, i], score, strict=True)) for i in range(self.dim)]

    def _sample(self, phi, shape, rng):
        return self.family._sample(phi[0], shape, rng)

    def _rules(self, phi):
        return self.family._rules(phi[0])

    def _fisher(self, phi):
        jacobian = self._jacobian(phi)
        half = np.einsum("ij...,jb...->ib...", filled(self.family._fisher(phi[0])), jacobian)
        found = 0.5 * np.einsum("ia...,ib...->ab...", jacobian, half)
        return found + found.swapaxes(0, 1)

    def _kl(self, phi0, phi1, step):
        self._refuse_rounded(phi0)
        self._refuse_rounded(phi1)
        # θ₁ − θ₀ is the mean of J (φ₁ − φ₀) on the way from φ₀ to φ₁, by Gauss-Legendre, of which all digits are known.
        # Where it isn't the difference of the two rounded θ to within rounding, these are far apart, or J isn't right.
        (inner0, theta0, start), (inner1, theta1, _) = phi0, phi1
        (nodes, weights), difference = self._legendre, theta1 - theta0
        way = start[..., None] + step[..., None] * ((1 + nodes) / 2 + 1j * STEP)
        mean = self._map(way) @ (weights / 2) / STEP
        near = np.abs(mean - difference) <= ROUNDINGS * arrays.EPS * (np.abs(theta0) + np.abs(theta1))
        return self.family._kl(inner0, inner1, np.where(near.all(axis=0), mean, difference))

    def _refuse_rounded(self, unpacked):
        # Logits of a coin that is nearly certain, for example, make a probability that is rounded to one.
        inner, theta, phi = unpacked
        rounded = (theta[:, None] != phi).all(axis=1)  # what is taken over as it is isn't
        lost = (rounded & (np.spacing(np.abs(theta)) > MOST_ROUNDING * self.family._unit(inner))).any(axis=0)
        if lost.any():
            at = self._named(phi.reshape(self.dim, -1)[:, np.argmax(lost)])
            found = f"{at} is rounded there by more than {MOST_ROUNDING:g} of the length over which densities change"
            arrays.must(False, "theta", "keep its digits in the coordinates of the family", found)

    def _chi2_is_finite(self, p, q):
        return self.family._chi2_is_finite(p[0], q[0])


def reparametrize(family: Family, coordinates: Coordinates) -> Family:
    """The same densities in other coordinates φ, as a family of its own, whose divergence also keeps its digits nearby.

    Results are as exact as θ: what rounding it is, measured by the width of the density, is what they lose, and a
    `ValueError` is raised where all is lost. Logits have a family of their own, `Softmax`.

    Examples
    --------
    >>> from natgrad import Gaussian, Poisson
    >>> reparametrize(Gaussian(), gaussian_mean_scale).fisher([0, 2])
    array([[0.25, 0.  ],
           [0.  , 0.5 ]])

    Logarithms are one line:

    >>> log_rate = Coordinates(("log_rate",), np.exp)
    >>> poisson = reparametrize(Poisson(), log_rate)
    >>> poisson, poisson.fisher([0])
    (Poisson(log_rate), array([[1.]]))
    """
    arrays.instance(family, "family", Family)
    arrays.instance(coordinates, "coordinates", Coordinates)
    arrays.instance(coordinates.to_theta, "coordinates", Callable)
    names = coordinates.parameters
    fits = isinstance(names, (tuple, list)) and len(names) == family.dim
    arrays.must(fits, "coordinates", f"have {family.dim} parameters, as `family`", f"they have {names!r}")
    return Reparametrized(family, coordinates)


def _mean_scale(phi):
    mu, sigma = np.moveaxis(phi, -1, 0)
    return np.stack([mu, 1 / (sigma * np.sqrt(sigma * sigma))], axis=-1)  # negative, and so refused, where σ is


def _mean_log_scale(phi):
    mu, log_sigma = np.moveaxis(phi, -1, 0)
    return np.stack([mu, np.exp(-2 * log_sigma)], axis=-1)


def _natural(phi):
    a, b = np.moveaxis(phi, -1, 0)
    return np.stack([-a / (2 * b), -2 * b], axis=-1)


# Coordinates of `Gaussian`.
#: For `Gaussian`, mean and standard deviation (μ, σ).
gaussian_mean_scale = Coordinates(("mu", "sigma"), _mean_scale)
#: For `Gaussian`, mean and logarithm of the standard deviation (μ, ln σ).
gaussian_mean_log_scale = Coordinates(("mu", "log_sigma"), _mean_log_scale)
#: For `Gaussian`, natural parameters (μτ, −τ/2), the factors of x and x² in the exponent.
gaussian_natural = Coordinates(("mu_tau", "minus_half_tau"), _natural)
