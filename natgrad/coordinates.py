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

# Imaginary steps, as a part of what they are added to, or of one where that is zero: their squares are nothing.
STEP, STEP_AT_ZERO = 1e-20, 1e-120
# The real step, and by how much a difference over it may be off, in units over which densities change.
REAL_STEP, TOLERANCE = 1e-5, 1e-3
# So many roundings may separate two ways to the same difference.
ROUNDINGS = 16
# Closer than this part of their size, numbers have a difference that rounding them makes worse.
CLOSE = 0.05
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
        self._discrete, self._block, self._observation = family._discrete, family._block, family._observation
        self._legendre = np.polynomial.legendre.leggauss(6)

    def __repr__(self) -> str:
        return repr(self.family).partition("(")[0] + "(" + super().__repr__().partition("(")[2]

    def _map(self, phi):
        """θ, or along an imaginary step its imaginary part; both have their coordinates first."""
        at = np.moveaxis(phi, 0, -1)
        if np.iscomplexobj(phi):
            try:
                with warnings.catch_warnings(category=np.exceptions.ComplexWarning, action="ignore"):
                    found = np.asarray(
                        self.coordinates.to_theta(at)
                    ).imag  # zero, if it has become real: see `_jacobian`
            except TypeError:
                raise ValueError("`coordinates` must map complex numbers, too, but their map does not.") from None
        else:
            found = self.coordinates.to_theta(at)
        found = arrays.numbers(found, "coordinates")
        if found.shape != at.shape:
            raise ValueError(f"`coordinates` must map {at.shape} to {at.shape}, but it is mapped to {found.shape}.")
        return np.ascontiguousarray(np.moveaxis(found, -1, 0))

    def _unpack(self, phi, name):
        with np.errstate(all="ignore"):
            theta = self._map(phi)
        try:
            self.family._check(theta, name)
            return self.family._unpack(theta, name), theta, phi
        except ValueError:
            columns = phi.reshape(self.dim, -1).T
        # Which of them it is, in the caller's own letters.
        if len(columns) > 1:
            for column in columns:
                self._unpack(column, name)
        raise ValueError(f"`{name}` must be that of a density, but {self._named(columns[0])} is not.") from None

    def _named(self, phi):
        return f"({', '.join(self.parameters)}) = ({', '.join(f'{v:.6g}' for v in phi)})"

    def _jacobian(self, unpacked):
        """∂θᵢ/∂φⱼ, shape (dim, dim, ...)."""
        inner, theta, phi = unpacked
        self._refuse_rounded(unpacked)
        steps = np.where(phi == 0, STEP_AT_ZERO, STEP * np.abs(phi))
        bend = REAL_STEP * np.where(phi == 0, 1, np.abs(phi))
        unit, axes = self.family._unit(inner)[:, None], np.eye(self.dim).reshape(-1, self.dim, *[1] * (phi.ndim - 1))
        along = lambda step: np.stack([self._map(phi + step * axis) for axis in axes], axis=1)
        jacobian = along(1j * steps) / steps
        error = np.abs(along(bend) - theta[:, None] - jacobian * bend) / unit
        # What a step changes, in units of the densities, up to its own square and to rounding.
        size = np.abs(jacobian * bend).max(axis=1, keepdims=True) / unit
        allowed = TOLERANCE * size + ROUNDINGS * np.spacing(np.abs(theta))[:, None] / unit
        if not ((error <= allowed).all() and (size > 0).all()):
            raise ValueError(
                "`coordinates` must map one to one by analytic functions, but real and imaginary steps find different "
                f"slopes, or none, at {self._named(phi.reshape(self.dim, -1)[:, 0])} or another point given."
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
        # θ₁ − θ₀ is the mean of J (φ₁ − φ₀) on the way from φ₀ to φ₁, by Gauss-Legendre, of which all digits are known.
        # It is used where they are close, and it agrees with the difference of the two rounded θ to within rounding.
        self._refuse_rounded(phi0)
        self._refuse_rounded(phi1)
        (theta0, t0, start), (theta1, t1, _) = phi0, phi1
        (nodes, weights), difference, size = self._legendre, t1 - t0, np.abs(t0) + np.abs(t1)
        close = np.abs(difference) < CLOSE * size
        if (some := np.flatnonzero(close.any(axis=0))).size:
            start, step, size = (v[:, some, None] for v in (start, step, size))
            exact = self._map(start + (1 + nodes) / 2 * step + 1j * STEP * step) @ (weights / 2) / STEP
            error = np.abs(exact - difference[:, some])
            agrees = (error <= ROUNDINGS * arrays.EPS * size[..., 0]).all(axis=0)
            difference[:, some] = np.where(agrees & close[:, some], exact, difference[:, some])
        return self.family._kl(theta0, theta1, difference)

    def _refuse_rounded(self, unpacked):
        # Logits of a coin that is nearly certain, for example, make a probability that is rounded to one.
        inner, theta, phi = unpacked
        lost = np.spacing(np.abs(theta)) > MOST_ROUNDING * self.family._unit(inner)
        lost &= (theta[:, None] != phi).all(axis=1)  # what is taken over as it is isn't rounded
        if lost.any():
            i = np.unravel_index(np.argmax(lost.any(axis=0)), lost.shape[1:])
            raise ValueError(
                f"`theta` must keep its digits in the coordinates of the family, but {self._named(phi[:, *i])} is "
                f"rounded there by more than {MOST_ROUNDING:g} of the length over which densities change."
            )

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
    arrays.function(coordinates.to_theta, "coordinates")
    names = coordinates.parameters
    if not isinstance(names, (tuple, list)) or len(names) != family.dim:
        raise ValueError(f"`coordinates` must have {family.dim} parameters, as `family`, but they have {names!r}.")
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
