"""The same densities in other coordinates: score and Fisher matrix follow by the Jacobian, Jᵀ S and Jᵀ F J."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import arrays
from ._special import product
from .family import Family, filled
from .taylor import GRADIENT_STEP, _gradient, _steps

# By how much a Jacobian may differ from differences, in units over which the densities change.
JACOBIAN_TOLERANCE = 1e-6
# So many roundings may separate two ways to the same difference.
ROUNDINGS = 16


class Coordinates(NamedTuple):
    """New coordinates φ: their names, the smooth map φ ↦ θ, and its Jacobian ∂θᵢ/∂φⱼ.

    The map takes (..., dim) to (..., dim), one to one, and the Jacobian to (..., dim, dim). Where there is no such
    density, the map is not finite, or outside of the family.

    Examples
    --------
    >>> from natgrad import Exponential
    >>> mean = Coordinates(("mean",), lambda m: 1 / m, lambda m: -1 / m[..., None] ** 2)
    >>> reparametrize(Exponential(), mean).fisher([2])
    array([[0.25]])
    """

    parameters: tuple[str, ...]
    to_theta: Callable[[np.ndarray], np.ndarray]
    jacobian: Callable[[np.ndarray], np.ndarray]


class Reparametrized(Family):
    # Unpacked parameters are those of the family, the Jacobian, θ and φ.

    def __init__(self, family: Family, coordinates: Coordinates):
        self.family, self.coordinates, self._checked = family, coordinates, False
        self._legendre = np.polynomial.legendre.leggauss(6)
        self.parameters, self.event, self._block = tuple(coordinates.parameters), family.event, family._block
        self._observation, self._plain, self._discrete = family._observation, family._plain, family._discrete

    def _map(self, phi, name):
        phi = np.moveaxis(phi, 0, -1)
        with np.errstate(all="ignore"):
            found = [arrays.numbers(f(phi), "coordinates").astype(phi.dtype) for f in self.coordinates[1:]]
        for value, shape in zip(found, (phi.shape, (*phi.shape, self.dim)), strict=True):
            if value.shape != shape:
                raise ValueError(f"`coordinates` must map {phi.shape} to {shape}, but it is mapped to {value.shape}.")
        theta, jacobian = np.moveaxis(found[0], -1, 0), np.moveaxis(found[1], (-2, -1), (0, 1))
        if not arrays.all_finite(theta):
            raise ValueError(f"`{name}` must have finite coordinates in the family, but one of them is not finite.")
        return np.ascontiguousarray(theta), np.ascontiguousarray(jacobian)

    def _unpack(self, phi, name):
        theta, jacobian = self._map(phi, name)
        unpacked = self.family._unpack(theta, name)
        if not self._checked:
            self._check(phi.reshape(self.dim, -1)[:, 0].astype(np.float64), name)
        return unpacked, jacobian, theta, phi

    def _check(self, phi, name):
        # Once, at the first point: a wrong Jacobian would make a wrong score.
        theta, jacobian = self._map(phi, name)
        scale = self.family._unit(self.family._unpack(theta, name))[:, None]
        # How far each φⱼ goes until θ has moved by one unit.
        with np.errstate(divide="ignore"):
            unit = 1 / np.hypot.reduce(jacobian / scale, axis=0)
        if not np.isfinite(unit).all():
            raise ValueError("`coordinates` must have an invertible Jacobian, but one of its columns is not.")
        try:
            start, steps = _steps(phi, unit, GRADIENT_STEP, name)
        except ValueError:  # differences see nothing so far from zero, but perhaps elsewhere
            return
        expected = _gradient(lambda p: self._map(p, name)[0], start, steps, name)
        error = np.abs(jacobian - expected) * unit / scale
        if error.max() > JACOBIAN_TOLERANCE:
            i, j = np.unravel_index(np.argmax(error), error.shape)
            raise ValueError(
                f"`coordinates` must have the Jacobian of their own map, but its entry ({i}, {j}) is "
                f"{jacobian[i, j]:.6g} where differences give {expected[i, j]:.6g}."
            )
        self._checked = True

    def _log_prob(self, phi, x):
        return self.family._log_prob(phi[0], x)

    def _score(self, phi, x):
        score = self.family._score(phi[0], x)
        return [sum(j * s for j, s in zip(phi[1][:, i], score, strict=True)) for i in range(self.dim)]

    def _sample(self, phi, shape, rng):
        return self.family._sample(phi[0], shape, rng)

    def _rules(self, phi):
        return self.family._rules(phi[0])

    def _fisher(self, phi):
        jacobian = phi[1]
        half = np.einsum("ij...,jb...->ib...", filled(self.family._fisher(phi[0])), jacobian)
        found = 0.5 * np.einsum("ia...,ib...->ab...", jacobian, half)
        return found + found.swapaxes(0, 1)

    def _kl(self, phi0, phi1, step):
        # θ₁ − θ₀ is the mean of J on the way from φ₀ to φ₁, by Gauss-Legendre, times φ₁ − φ₀, of which all digits
        # are known. It is used where it agrees with the difference of the two rounded θ to within their rounding.
        (theta0, _, t0, start), (theta1, _, t1, _) = phi0, phi1
        at = lambda s: self.coordinates.jacobian((start + (1 + s) / 2 * step).T)
        mean = sum(w / 2 * at(s) for s, w in zip(*self._legendre, strict=True))
        difference, exact = t1 - t0, np.matvec(mean, step.T).T
        agrees = np.abs(exact - difference) <= ROUNDINGS * np.finfo(float).eps * (np.abs(t0) + np.abs(t1))
        return self.family._kl(theta0, theta1, np.where(agrees.all(axis=0), exact, difference))

    def _chi2_is_finite(self, p, q):
        return self.family._chi2_is_finite(p[0], q[0])


def reparametrize(family: Family, coordinates: Coordinates) -> Family:
    """The same densities in other coordinates φ, as a family of its own, whose divergence also keeps its digits nearby.

    Parameters
    ----------
    family : Family
    coordinates : Coordinates

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> reparametrize(Gaussian(), gaussian_mean_scale).fisher([0, 2])
    array([[0.25, 0.  ],
           [0.  , 0.5 ]])
    """
    arrays.instance(family, "family", Family)
    arrays.instance(coordinates, "coordinates", Coordinates)
    for part in coordinates[1:]:
        arrays.function(part, "coordinates")
    names = coordinates.parameters
    if not isinstance(names, (tuple, list)) or len(names) != family.dim:
        raise ValueError(f"`coordinates` must have {family.dim} parameters, as `family`, but they have {names!r}.")
    return Reparametrized(family, coordinates)


def _two(names: tuple[str, str], theta: Callable, jacobian: Callable) -> Coordinates:
    # From two numbers to two, and to the rows of the Jacobian.
    return Coordinates(
        names,
        lambda phi: np.moveaxis(filled(theta(*np.moveaxis(phi, -1, 0))), 0, -1),
        lambda phi: np.moveaxis(filled(jacobian(*np.moveaxis(phi, -1, 0))), (0, 1), (-2, -1)),
    )


# Coordinates of `Gaussian`. A negative scale is to give a negative precision, which is refused.
#: For `Gaussian`, mean and standard deviation (μ, σ).
gaussian_mean_scale = _two(
    ("mu", "sigma"), lambda m, s: (m, 1 / (s * abs(s))), lambda m, s: ((1, 0), (0, -2 / abs(s) ** 3))
)
#: For `Gaussian`, mean and variance (μ, σ²).
gaussian_mean_variance = _two(("mu", "variance"), lambda m, v: (m, 1 / v), lambda m, v: ((1, 0), (0, -1 / v**2)))
#: For `Gaussian`, mean and logarithm of the standard deviation (μ, ln σ).
gaussian_mean_log_scale = _two(
    ("mu", "log_sigma"), lambda m, s: (m, np.exp(-2 * s)), lambda m, s: ((1, 0), (0, -2 * np.exp(-2 * s)))
)
#: For `Gaussian`, natural parameters (μτ, −τ/2), the factors of x and x² in the exponent.
gaussian_natural = _two(
    ("mu_tau", "minus_half_tau"),
    lambda a, b: (-a / (2 * b), -2 * b),
    lambda a, b: ((-1 / (2 * b), a / (2 * b**2)), (0, -2)),
)


def _variance(m, s):
    # Without the rounding of m², which may be all there is of a small variance.
    square, rest = product(np.float64(m), np.float64(m))
    return (s - square) - rest


#: For `Gaussian`, mean parameters (E[x], E[x²]).
gaussian_moments = _two(
    ("mean", "mean_square"),
    lambda m, s: (m, 1 / _variance(m, s)),
    lambda m, s: ((1, 0), (2 * m / _variance(m, s) ** 2, -1 / _variance(m, s) ** 2)),
)
