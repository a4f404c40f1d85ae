"""What a family of densities p_θ is: the contract of sections 3.1 to 3.6, and expectation by sums and quadrature.

Parameters are plain arrays whose last axis is θ, so that they can be differentiated in.
The closed forms `fisher` and `kl` are claims; the tests hold them against quadrature, finite differences and sampling.
"""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import arrays
from ._kernels import blocks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Two rules that agree are the evidence that an expectation exists and has been found.
QUADRATURE_TOLERANCE = 1e-9
# So many nodes are looked at in one go, which bounds the memory of an expectation in many dimensions.
NODES = 4096


class Estimate(NamedTuple):
    """A value and its errors, entry by entry: standard errors for Monte Carlo, differences of two rules for quadrature.

    Examples
    --------
    >>> from natgrad import Bernoulli
    >>> Bernoulli().estimate([0.6], lambda x: x)
    Estimate(value=np.float64(0.6), error=np.float64(0.0))
    """

    value: np.ndarray
    error: np.ndarray


class Family(ABC):
    """A family of densities p_θ on numbers or, if `event` is (n,), on vectors.

    `theta` has shape (..., dim), and observations `x` have shape (..., *event), with leading axes that broadcast.
    The hooks of a subclass see unpacked parameters, as `_unpack` returns them, and observations in the form
    that `_observation` returns; both have their coordinates first.

    Attributes
    ----------
    parameters : tuple of str
        The names of the coordinates of θ, in order.
    event : tuple of int
        The shape of one observation.
    """

    parameters: tuple[str, ...]
    event: tuple[int, ...] = ()
    # Which coordinates have to be positive, and what they are called.
    _positive: dict[int, str] = {}
    # How many pairs of parameters `_kl` sees at a time: as many as fit into the cache.
    _block = 1 << 13

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    def _unpack(self, theta: np.ndarray, name: str) -> tuple[np.ndarray, ...]:
        """The parameters as arrays, one for each coordinate unless overridden; raise if θ is outside of the family."""
        columns = np.ascontiguousarray(np.moveaxis(theta, -1, 0))
        # The Fisher matrix may hold the inverse of a square, which has to be representable.
        limit = 0.5 * np.sqrt(np.finfo(theta.dtype).max)
        for i, label in self._positive.items():
            low, high = columns[i].min(), columns[i].max()
            if low <= 0:
                raise ValueError(f"`{name}` must have a positive {label}, but its smallest is {low:.6g}.")
            if low < 1 / limit or high > limit:
                raise ValueError(
                    f"`{name}` must have a {label} between {1 / limit:.1g} and {limit:.1g}, "
                    f"but it contains {low if low < 1 / limit else high:.6g}."
                )
        return tuple(columns)

    def _observation(self, x: np.ndarray) -> np.ndarray:
        """The form in which the other hooks want x; raise if it is impossible."""
        return x

    def _plain(self, x: np.ndarray) -> np.ndarray:
        """The inverse of `_observation`."""
        return x

    @abstractmethod
    def _log_prob(self, theta: tuple, x: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _score(self, theta: tuple, x: np.ndarray) -> list[np.ndarray]:
        """The components of the score, whose shapes broadcast."""

    @abstractmethod
    def _sample(self, theta: tuple, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray: ...

    @abstractmethod
    def _rules(self, theta: tuple) -> list[tuple[np.ndarray, np.ndarray]]:
        """Nodes and weights for E_θ: one exact rule, or a good and a better one, which also sees more of the tails."""

    @abstractmethod
    def _unit(self, theta: tuple) -> list[np.ndarray]:
        """The length over which ln p_θ changes appreciably in each parameter: what numerical derivatives go by."""

    @abstractmethod
    def _fisher(self, theta: tuple) -> np.ndarray: ...

    @abstractmethod
    def _kl(self, theta0: tuple, theta1: tuple, step: np.ndarray) -> np.ndarray:
        """KL for arrays of one axis; `step` is θ₁ − θ₀, coordinates first, to more digits than the two may have."""

    def _chi2_is_finite(self, p: tuple, q: tuple) -> bool:
        """Whether E_p[(q/p)²] is finite. In an exponential family: whether it has a member at 2η(q) − η(p)."""
        return True

    def _theta(self, value, name: str = "theta") -> np.ndarray:
        return arrays.vector(value, name, self.dim)

    def _point(self, value, name: str = "theta") -> tuple:
        return self._unpack(arrays.point(value, name, self.dim), name)

    def _theta_and_x(self, theta, x) -> tuple[tuple, np.ndarray]:
        theta, x = self._theta(theta), arrays.real(x, "x")
        unpacked, split = self._unpack(theta, "theta"), x.ndim - len(self.event)
        if x.shape[max(split, 0) :] != self.event:
            raise ValueError(f"`x` must hold observations of shape {self.event}, but its own shape is {x.shape}.")
        x, batch = self._observation(x), x.shape[:split]
        arrays.broadcast(theta=theta.shape[:-1], x=batch)
        return unpacked, x

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The log density ln p_θ(x) in nats, shape (...), for `theta`, shape (..., dim), and `x`, (..., *event)."""
        with np.errstate(all="ignore"):
            return _finite(self._log_prob(*self._theta_and_x(theta, x)), "`theta` and `x`", "log density")

    def score(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The Fisher score S = ∇_θ ln p_θ(x) (sections 3.2 and 3.4), shape (..., dim); arguments as in `log_prob`."""
        with np.errstate(all="ignore"):
            return _finite(_stacked(self._score(*self._theta_and_x(theta, x))), "`theta` and `x`", "score")

    def sample(self, theta: ArrayLike, size: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw `size` independent observations x ~ p_θ for each parameter vector: shape (*size, ..., *event)."""
        theta = self._theta(theta)
        size = tuple(arrays.count(n, "size") for n in (size if isinstance(size, tuple) else (size,)))
        arrays.instance(rng, "rng", np.random.Generator)
        return self._sample(self._unpack(theta, "theta"), size + theta.shape[:-1], rng)

    def expect(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The expectation of f(x) over x ~ p_θ, by an exact sum or by quadrature.

        Parameters
        ----------
        theta : array_like, shape (dim,)
        f : callable
            Takes K observations, shape (K, *event), and returns K values of any one shape, (K, ...).

        Returns
        -------
        ndarray, shape (...)

        Raises
        ------
        ValueError
            If f is not finite, or if two quadrature rules disagree: the expectation is then infinite, or out of reach.

        Examples
        --------
        >>> from natgrad import Gamma
        >>> Gamma().expect([3, 2], lambda x: x).round(12)
        np.float64(1.5)
        """
        arrays.function(f, "f")
        return self._expect(self._point(theta), lambda x: f(self._plain(x)), "f")

    def estimate(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """As `expect`, with the difference of the two rules as an error estimate, however large it is."""
        arrays.function(f, "f")
        values, _, _ = self._integrate(self._point(theta), lambda x: f(self._plain(x)), "f")
        return Estimate(values[-1][()], np.abs(values[-1] - values[0])[()])

    def fisher(self, theta: ArrayLike) -> np.ndarray:
        """The Fisher information matrix F = E[SSᵀ], in closed form (sections 3.2 and 3.4): shape (..., dim, dim)."""
        with np.errstate(all="ignore"):
            return _finite(self._fisher(self._unpack(self._theta(theta), "theta")), "`theta`", "Fisher matrix")

    def kl(self, theta0: ArrayLike, theta1: ArrayLike) -> np.ndarray:
        """The divergence KL(p_θ₀ ‖ p_θ₁) in nats, shape (...): to 13 digits also nearby, in closed form if any."""
        theta0, theta1 = self._theta(theta0, "theta0"), self._theta(theta1, "theta1")
        shape = arrays.broadcast(theta0=theta0.shape[:-1], theta1=theta1.shape[:-1])
        found = np.empty(shape, np.result_type(theta0, theta1))
        whole = [np.broadcast_to(theta, (*shape, self.dim)) for theta in (theta0, theta1)]
        with np.errstate(all="ignore"):
            for index in blocks(shape, self._block):
                near, far = (np.array(t[index].reshape(-1, self.dim).T, np.float64, order="C") for t in whole)
                unpacked = self._unpack(near.T, "theta0"), self._unpack(far.T, "theta1")
                found[index] = self._kl(*unpacked, far - near).reshape(found[index].shape)
        return _finite(found, "`theta0` and `theta1`", "divergence")[()]

    def _expect(self, theta: tuple, f: Callable, name: str, scale: np.ndarray | float = 0.0) -> np.ndarray:
        # The scale is what f would be without the rounding errors that may be all there is of it.
        values, size, counts = self._integrate(theta, f, name)
        excess = np.abs(values[-1] - values[0]) - QUADRATURE_TOLERANCE * np.maximum(size, scale)
        if (excess > 0).any():
            worst = np.argmax(excess)
            raise ValueError(
                f"`{name}` must have an expectation that quadrature can find, but rules of {counts[0]} and "
                f"{counts[-1]} nodes give {values[0].flat[worst]:.6g} and {values[-1].flat[worst]:.6g}."
            )
        return values[-1][()]

    def _integrate(self, theta: tuple, f: Callable, name: str) -> tuple[list, np.ndarray, list[int]]:
        """E_θ[f] by each rule, E_θ|f| by the last, and the numbers of nodes; f takes what `_observation` returns."""
        found, counts = [], []
        with np.errstate(all="ignore"):
            rules = self._rules(theta)
        for nodes, weights in rules:
            if not abs((mass := weights.sum()) - 1) <= QUADRATURE_TOLERANCE:
                raise ValueError(f"`theta` must have its mass of 1 in reach of quadrature, but that finds {mass:g}.")
            value = size = 0.0
            for part in (slice(start, start + NODES) for start in range(0, weights.size, NODES)):
                values = _values(f, nodes[..., part], name)
                flat = values.reshape(len(values), -1)
                value = value + (weights[part] @ flat).reshape(values.shape[1:])
                size = size + (weights[part] @ np.abs(flat)).reshape(values.shape[1:])
            found.append(value)
            counts.append(weights.size)
        return found, size, counts


def _stacked(components: list[np.ndarray]) -> np.ndarray:
    """Components along the last axis."""
    return np.stack(np.broadcast_arrays(*components), axis=-1)


def _values(f: Callable, nodes: np.ndarray, name: str) -> np.ndarray:
    values = f(nodes)
    # The mean of a condition, such as x == 1, is its probability.
    if getattr(values, "dtype", None) == np.bool_:
        values = values.astype(np.float64)
    values = arrays.numbers(values, name)
    if values.shape[:1] != nodes.shape[-1:]:
        raise ValueError(
            f"`{name}` must return one value for each of {nodes.shape[-1]} observations, "
            f"but the shape of what it returns is {values.shape}."
        )
    if not arrays.all_finite(values):
        raise ValueError(f"`{name}` must give finite values to average, but one of them is not finite.")
    return values


def _finite(found: np.ndarray, names: str, what: str) -> np.ndarray:
    if not arrays.all_finite(found):
        bad = found[~np.isfinite(found)][0]
        raise ValueError(f"{names} must have a {what} that {found.dtype} can hold, but one of its entries is {bad}.")
    return found
