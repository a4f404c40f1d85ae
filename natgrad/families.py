"""Families of densities: maps from parameters θ to p_θ, with score, Fisher information and divergence (section 3).

Parameters are plain arrays whose last axis is θ, so that they can be differentiated in.
The closed forms `fisher` and `kl` are claims; the tests hold them against quadrature, finite differences and sampling.
"""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from . import arrays
from ._kernels import u_minus_log1p

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Two rules that agree are the evidence that an expectation exists and has been found.
QUADRATURE_SIZES = (64, 100)
QUADRATURE_TOLERANCE = 1e-9

# A plain float, which leaves float32 what it is.
LOG_2PI = float(np.log(2 * np.pi))


class Family(ABC):
    """A family of densities p_θ on the real line or on a set of numbers.

    `theta` has shape (..., dim); observations `x` have any shape that broadcasts with the leading axes of `theta`.

    Attributes
    ----------
    parameters : tuple of str
        The names of the coordinates of θ, in order.
    """

    parameters: tuple[str, ...]

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    @abstractmethod
    def _check_domain(self, theta: np.ndarray, name: str) -> None:
        """Raise if a parameter lies outside of the family."""

    @abstractmethod
    def _check_support(self, x: np.ndarray) -> None:
        """Raise if an observation is impossible."""

    @abstractmethod
    def _log_prob(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _score(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _sample(self, theta: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray: ...

    @abstractmethod
    def _rules(self, theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Nodes and weights for E_θ: one exact rule, or two of different size that have to agree."""

    @abstractmethod
    def _unit(self, theta: np.ndarray) -> np.ndarray:
        """The length over which ln p_θ changes appreciably in each parameter: what numerical derivatives go by."""

    @abstractmethod
    def _fisher(self, theta: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _kl(self, theta0: np.ndarray, theta1: np.ndarray) -> np.ndarray: ...

    def _theta(self, value, name: str = "theta") -> np.ndarray:
        theta = arrays.vector(value, name, self.dim)
        self._check_domain(theta, name)
        return theta

    def _point(self, value, name: str = "theta") -> np.ndarray:
        return self._theta(arrays.point(value, name, self.dim), name)

    def _theta_and_x(self, theta, x) -> tuple[np.ndarray, np.ndarray]:
        theta, x = self._theta(theta), arrays.real(x, "x")
        self._check_support(x)
        arrays.broadcast(theta=theta.shape[:-1], x=x.shape)
        return theta, x

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The log density ln p_θ(x), in nats.

        Parameters
        ----------
        theta : array_like, shape (..., dim)
        x : array_like, shape (...)

        Returns
        -------
        ndarray, shape (...)
        """
        return self._log_prob(*self._theta_and_x(theta, x))

    def score(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The Fisher score S = ∇_θ ln p_θ(x) (sections 3.2 and 3.4).

        Parameters
        ----------
        theta : array_like, shape (..., dim)
        x : array_like, shape (...)

        Returns
        -------
        ndarray, shape (..., dim)
        """
        return self._score(*self._theta_and_x(theta, x))

    def sample(self, theta: ArrayLike, size: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw independent observations x ~ p_θ.

        Parameters
        ----------
        theta : array_like, shape (..., dim)
        size : int or tuple of int
            How many draws for each parameter vector.
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, shape (*size, ...)
        """
        theta = self._theta(theta)
        size = tuple(arrays.count(n, "size") for n in (size if isinstance(size, tuple) else (size,)))
        arrays.instance(rng, "rng", np.random.Generator)
        return self._sample(theta, size + theta.shape[:-1], rng)

    def expect(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The expectation of f(x) over x ~ p_θ, by an exact sum or by quadrature.

        Parameters
        ----------
        theta : array_like, shape (dim,)
        f : callable
            Takes K observations, shape (K,), and returns K values of any one shape, (K, ...).

        Returns
        -------
        ndarray, shape (...)

        Raises
        ------
        ValueError
            If f is not finite, or if two quadrature rules disagree: the expectation is then infinite, or out of reach.

        Examples
        --------
        >>> Bernoulli().expect([0.6], lambda x: x)
        np.float64(0.6)
        """
        return self._expect(self._point(theta), arrays.function(f, "f"), "f")

    def _expect(self, theta: np.ndarray, f: Callable, name: str) -> np.ndarray:
        found = []
        for nodes, weights in self._rules(theta):
            values = f(nodes)
            # The mean of a condition, such as x == 1, is its probability.
            if getattr(values, "dtype", None) == np.bool_:
                values = values.astype(np.float64)
            values = arrays.numbers(values, name)
            if values.shape[:1] != nodes.shape:
                raise ValueError(
                    f"`{name}` must return one value for each of {nodes.size} observations, "
                    f"but the shape of what it returns is {values.shape}."
                )
            if not np.isfinite(values).all():
                raise ValueError(f"`{name}` must give finite values to average, but one of them is not finite.")
            found.append(
                (
                    np.tensordot(weights, values, axes=1),
                    np.tensordot(weights, np.abs(values), axes=1),
                )
            )
        (first, _), (last, size) = found[0], found[-1]
        if (np.abs(last - first) > QUADRATURE_TOLERANCE * size).any():
            worst = np.argmax(np.abs(last - first))
            raise ValueError(
                f"`{name}` must have an expectation that quadrature can find, but rules of {QUADRATURE_SIZES[0]} and "
                f"{QUADRATURE_SIZES[1]} nodes give {first.flat[worst]:.6g} and {last.flat[worst]:.6g}."
            )
        return last[()]

    def fisher(self, theta: ArrayLike) -> np.ndarray:
        """The Fisher information matrix F = E[SSᵀ], in closed form (sections 3.2 and 3.4).

        Parameters
        ----------
        theta : array_like, shape (..., dim)

        Returns
        -------
        ndarray, shape (..., dim, dim)
        """
        return self._fisher(self._theta(theta))

    def kl(self, theta0: ArrayLike, theta1: ArrayLike) -> np.ndarray:
        """The divergence KL(p_θ₀ ‖ p_θ₁), in closed form and in nats, accurate also where θ₁ is close to θ₀.

        Parameters
        ----------
        theta0, theta1 : array_like, shape (..., dim)

        Returns
        -------
        ndarray, shape (...)
        """
        theta0, theta1 = self._theta(theta0, "theta0"), self._theta(theta1, "theta1")
        arrays.broadcast(theta0=theta0.shape[:-1], theta1=theta1.shape[:-1])
        return self._kl(theta0, theta1)


class Bernoulli(Family):
    """The coin of Figure 4: x is 1 with probability θ and 0 otherwise, 0 < θ < 1.

    Examples
    --------
    >>> Bernoulli().fisher([0.6]).round(6)
    array([[4.166667]])
    """

    parameters = ("theta",)

    def _check_domain(self, theta, name):
        outside = theta[(theta <= 0) | (theta >= 1)]
        if outside.size:
            raise ValueError(f"`{name}` must lie strictly between 0 and 1, but it contains {outside[0]:.6g}.")
        # Of a subnormal probability not even the score could be represented.
        smallest = np.finfo(theta.dtype).tiny
        if theta.min() < smallest:
            raise ValueError(f"`{name}` must be at least {smallest:.3g}, but it contains {theta.min():.6g}.")

    def _check_support(self, x):
        outside = x[(x != 0) & (x != 1)]
        if outside.size:
            raise ValueError(f"`x` must be 0 or 1, but it contains {outside[0]:.6g}.")

    def _log_prob(self, theta, x):
        return np.where(x == 1, np.log(theta[..., 0]), np.log1p(-theta[..., 0]))

    def _score(self, theta, x):
        return np.where(x == 1, 1 / theta[..., 0], -1 / (1 - theta[..., 0]))[..., None]

    def _sample(self, theta, shape, rng):
        return (rng.random(shape) < theta[..., 0]).astype(np.float64)

    def _rules(self, theta):
        return [(np.array([0.0, 1.0]), np.array([1 - theta[0], theta[0]]))]

    def _unit(self, theta):
        return theta * (1 - theta)

    def _fisher(self, theta):
        return (1 / (theta * (1 - theta)))[..., None]

    def _kl(self, theta0, theta1):
        # Σ p h((q − p)/p) with h(u) = u − log1p(u): the linear terms, which cancel in the sum, are never added up.
        (p, q), step = (theta0[..., 0], theta1[..., 0]), (theta1 - theta0)[..., 0]
        heads, tails = (
            u_minus_log1p(step / p, q / p),
            u_minus_log1p(-step / (1 - p), (1 - q) / (1 - p)),
        )
        return p * heads + (1 - p) * tails


class Gaussian(Family):
    """The Gaussian family of section 3.6, θ = (μ, τ): mean μ and precision τ = 1/variance > 0.

    Examples
    --------
    >>> Gaussian().fisher([0, 1])
    array([[1. , 0. ],
           [0. , 0.5]])
    """

    parameters = ("mu", "tau")

    def _check_domain(self, theta, name):
        tau = theta[..., 1]
        if tau.min() <= 0:
            raise ValueError(f"`{name}` must have a positive precision tau, but its smallest is {tau.min():.6g}.")
        # The Fisher matrix holds 1/τ², which has to be representable.
        limit = 0.5 * np.sqrt(np.finfo(tau.dtype).max)
        outside = tau[(tau > limit) | (tau < 1 / limit)]
        if outside.size:
            raise ValueError(
                f"`{name}` must have a precision tau between {1 / limit:.1g} and {limit:.1g}, "
                f"but it contains {outside[0]:.6g}."
            )

    def _check_support(self, x):
        """Every real number is possible."""

    def _log_prob(self, theta, x):
        mu, tau = theta[..., 0], theta[..., 1]
        return 0.5 * (np.log(tau) - LOG_2PI - tau * (x - mu) ** 2)

    def _score(self, theta, x):
        mu, tau = theta[..., 0], theta[..., 1]
        return np.stack(np.broadcast_arrays(tau * (x - mu), 0.5 / tau - 0.5 * (x - mu) ** 2), axis=-1)

    def _sample(self, theta, shape, rng):
        return theta[..., 0] + rng.standard_normal(shape) / np.sqrt(theta[..., 1])

    def _rules(self, theta):
        return [(theta[0] + z / np.sqrt(theta[1]), weights) for z, weights in map(_gauss_hermite, QUADRATURE_SIZES)]

    def _unit(self, theta):
        return np.array([1 / np.sqrt(theta[1]), theta[1]])

    def _fisher(self, theta):
        fisher = np.zeros((*theta.shape, 2), dtype=theta.dtype)
        fisher[..., 0, 0] = theta[..., 1]
        fisher[..., 1, 1] = 0.5 / theta[..., 1] ** 2
        return fisher

    def _kl(self, theta0, theta1):
        (mu0, tau0), (mu1, tau1) = np.moveaxis(theta0, -1, 0), np.moveaxis(theta1, -1, 0)
        return 0.5 * (u_minus_log1p((tau1 - tau0) / tau0, tau1 / tau0) + tau1 * (mu1 - mu0) ** 2)


@lru_cache
def _gauss_hermite(size: int) -> tuple[np.ndarray, np.ndarray]:
    # For the weight exp(−z²/2), normalised so that the weights are those of a standard Gaussian.
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return arrays.frozen(nodes), arrays.frozen(weights / np.sqrt(2 * np.pi))
