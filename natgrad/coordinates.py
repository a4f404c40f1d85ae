"""The same densities in other coordinates: score and Fisher matrix follow by the Jacobian, Jᵀ S and Jᵀ F J.

The Jacobian is derived: Im f(φ + i h eⱼ)/h has no rounding error that grows as h shrinks. That is right for analytic
functions only, and |φ| is none. So the map is handed an array with which nothing else can be done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import arrays
from ._analytic import Analytic
from .family import Family, filled

# Imaginary steps, as a part of what they are added to, or of one where that is zero: their squares are nothing.
STEP, STEP_AT_ZERO = 1e-20, 1e-120
# So many roundings may separate two ways to the same difference.
ROUNDINGS = 16
# Closer than this part of their size, numbers have a difference that rounding them makes worse.
CLOSE = 0.05
# The part of the length over which densities change that rounding θ may be: three digits are left.
MOST_ROUNDING = 1e-3


class Coordinates(NamedTuple):
    """New coordinates φ: their names, and the smooth map φ ↦ θ.

    The map takes (..., dim) to (..., dim), one to one. Where there is no such density, it is not finite, or outside of
    the family. It has to be made of the analytic functions of numpy, such as exp, log, sqrt, sin and powers, and of
    what moves numbers, such as stack and moveaxis; whatever isn't analytic (abs, maximum, where) is refused.

    Examples
    --------
    >>> from natgrad import Poisson
    >>> reparametrize(Poisson(), Coordinates(("root",), np.square)).fisher([3])
    array([[4.]])
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
        (name, *_), (_, *names) = repr(self.family).partition("("), super().__repr__().partition("(")
        return name + "".join(names)

    def _map(self, phi):
        """θ, or along an imaginary step its imaginary part; both have their coordinates first."""
        at = np.moveaxis(phi, 0, -1)
        found = self.coordinates.to_theta(Analytic(at) if np.iscomplexobj(phi) else at)
        if isinstance(found, Analytic):
            found = found.values.imag
        elif np.iscomplexobj(phi):
            raise ValueError("`coordinates` must map φ to θ by functions of it, but the map gives the same everywhere.")
        found = arrays.numbers(found, "coordinates").astype(phi.real.dtype)
        if found.shape != at.shape:
            raise ValueError(f"`coordinates` must map {at.shape} to {at.shape}, but it is mapped to {found.shape}.")
        return np.ascontiguousarray(np.moveaxis(found, -1, 0))

    def _unpack(self, phi, name):
        with np.errstate(all="ignore"):
            theta = self._map(phi)
        try:
            if not arrays.all_finite(theta):
                raise ValueError
            self.family._check(theta, name, theta.dtype)
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

    def _jacobian(self, phi):
        """∂θᵢ/∂φⱼ, shape (dim, dim, ...)."""
        steps = np.where(phi == 0, STEP_AT_ZERO, STEP * np.abs(phi)).astype(np.float64)
        moved = np.stack([phi.astype(np.complex128)] * self.dim, axis=1)
        i = np.arange(self.dim)
        moved[i, i] += 1j * steps
        return (self._map(moved) / steps).astype(phi.dtype)

    def _log_prob(self, phi, x):
        return self.family._log_prob(phi[0], x)

    def _score(self, phi, x):
        self._refuse_rounded(phi)
        jacobian, score = self._jacobian(phi[2]), self.family._score(phi[0], x)
        return [sum(j * s for j, s in zip(jacobian[:, i], score, strict=True)) for i in range(self.dim)]

    def _sample(self, phi, shape, rng):
        return self.family._sample(phi[0], shape, rng)

    def _rules(self, phi):
        return self.family._rules(phi[0])

    def _fisher(self, phi):
        self._refuse_rounded(phi)
        jacobian = self._jacobian(phi[2])
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
            agrees = (error <= ROUNDINGS * np.finfo(float).eps * size[..., 0]).all(axis=0)
            difference[:, some] = np.where(agrees & close[:, some], exact, difference[:, some])
        return self.family._kl(theta0, theta1, difference)

    def _refuse_rounded(self, phi):
        # Logits of a coin that is nearly certain, for example, make a probability that is rounded to one.
        unpacked, theta, at = phi
        lost = np.spacing(np.abs(theta)) > MOST_ROUNDING * self.family._unit(unpacked)
        if lost.any():
            lost &= (theta[:, None] != at).all(axis=1)  # what is taken over as it is isn't rounded
        if lost.any():
            i = np.unravel_index(np.argmax(lost.any(axis=0)), lost.shape[1:])
            raise ValueError(
                f"`theta` must keep its digits in the coordinates of the family, but {self._named(at[:, *i])} is "
                f"rounded there by more than {MOST_ROUNDING:g} of the length over which densities change."
            )

    def _chi2_is_finite(self, p, q):
        return self.family._chi2_is_finite(p[0], q[0])


def reparametrize(family: Family, coordinates: Coordinates) -> Family:
    """The same densities in other coordinates φ, as a family of its own, whose divergence also keeps its digits nearby.

    Results are as exact as θ: what rounding it is, measured by the width of the density, is what they lose. For the
    charts of `Gaussian` this is nothing, but in `gaussian_natural`, whose two coordinates make the mean.
    Logits have a family of their own, `Softmax`, because probabilities close to one have no digits to start from.

    Parameters
    ----------
    family : Family
    coordinates : Coordinates

    Returns
    -------
    Family
        Its methods raise a `ValueError` where φ belongs to no density, or to one whose θ has been rounded away.

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
