"""What a family of densities p_θ is: the contract of sections 3.1 to 3.6, and expectation by sums and quadrature.

The closed forms `fisher` and `kl` are claims; the tests hold them against quadrature, finite differences and sampling.
"""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from ._kernels import blocks

# Two rules that agree are the evidence that an expectation exists and has been found.
QUADRATURE_TOLERANCE = 1e-9
# Nodes of at least this part of the largest weight are the bulk of a density, whose width is to have so many places.
BULK, PLACES = 1e-3, 1e3
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
    `parameters` are the names of the coordinates of θ, `event` is the shape of one observation.

    The hooks of a subclass see unpacked parameters, as `_unpack` returns them, and observations in the form
    that `_observation` returns; both have their coordinates first.
    """

    parameters: tuple[str, ...]
    event: tuple[int, ...] = ()
    # Whether observations are whole numbers, of which many may be the same.
    _discrete = False
    # Which coordinates have to be positive, and what they are called; how large they may be.
    _positive: dict[int, str] = {}
    _most = np.inf
    # How many pairs of parameters `_kl` sees at a time: as many as fit into the cache.
    _block = 1 << 13

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    def _unpack(self, theta: np.ndarray, name: str) -> Sequence[np.ndarray]:
        """The parameters, one after the other unless overridden; raise if a finite θ is outside of the family."""
        # The Fisher matrix may hold the inverse of a square, which has to be representable.
        limit = 0.5 * np.sqrt(np.finfo(theta.dtype).max)
        least, most = 1 / limit, min(limit, self._most)
        for i, label in self._positive.items():
            t = theta[i]
            if t.min() < least or t.max() > most:
                refuse(t, t <= 0, name, f"have a positive {label}")
                refuse(t, (t < least) | (t > most), name, f"have a {label} between {least:.1g} and {most:.1g}")
        return tuple(theta)

    def _observation(self, x: np.ndarray) -> np.ndarray:
        """The form in which the other hooks want x; raise if it is impossible."""
        return x

    def _plain(self, x: np.ndarray) -> np.ndarray:
        """The inverse of `_observation`, rounded to what is possible."""
        return x

    @abstractmethod
    def _log_prob(self, theta: Sequence, x: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _score(self, theta: Sequence, x: np.ndarray) -> Sequence[np.ndarray]:
        """The components of the score, whose shapes broadcast."""

    @abstractmethod
    def _sample(self, theta: Sequence, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draws in the form that `_observation` returns."""

    @abstractmethod
    def _rules(self, theta: Sequence) -> tuple[np.ndarray, np.ndarray]:
        """Nodes for E_θ, and weights, one row for each rule: an exact one, or a good and a better one."""

    @abstractmethod
    def _fisher(self, theta: Sequence) -> Sequence[Sequence[np.ndarray]]:
        """The rows of F, whose entries broadcast."""

    @abstractmethod
    def _kl(self, theta0: Sequence, theta1: Sequence, step: np.ndarray) -> np.ndarray:
        """KL for arrays of one axis; `step` is θ₁ − θ₀, to more digits than these may have, and may be written to."""

    def _unit(self, theta: Sequence) -> np.ndarray:
        """The length over which ln p_θ changes appreciably in each parameter: what numerical derivatives go by."""
        with np.errstate(all="ignore"):
            unit = 1 / np.sqrt(np.einsum("ii...->i...", filled(self._fisher(theta))))
        for i in self._positive:
            unit[i] = np.minimum(unit[i], theta[i])
        return unit

    def _chi2_is_finite(self, p: Sequence, q: Sequence) -> bool:
        """Whether E_p[(q/p)²] is finite. In an exponential family: whether it has a member at 2η(q) − η(p)."""
        return all(2 * q[i] > p[i] for i in self._positive)

    def _theta(self, value) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(arrays.vector(value, "theta", self.dim), -1, 0))

    def _point(self, value, name: str = "theta") -> tuple[np.ndarray, Sequence]:
        """θ in float64, as it is and unpacked."""
        theta = arrays.point(value, name, self.dim).astype(np.float64)
        return theta, self._unpack(theta, name)

    def _told_apart(self, x: np.ndarray, name: str) -> None:
        """Raise if rounding makes the bulk of a density, in the last axis of x, a single observation."""
        low, high = x.min(axis=-1), x.max(axis=-1)
        apart = high - low > PLACES * np.spacing(np.maximum(np.abs(low), np.abs(high)))
        # All coordinates of a vector have to vary; of two forms of one number, x and 1 − x, one has the digits.
        if not (self._discrete or (apart.all() if self.event else apart.any())):
            raise ValueError(
                f"`{name}` must have observations that {x.dtype} can tell apart, but all are rounded to one."
            )

    def _batch(self, x: np.ndarray) -> tuple[int, ...]:
        split = x.ndim - len(self.event)
        if x.shape[split:] != self.event:
            raise ValueError(f"`x` must hold observations of shape {self.event}, but its own shape is {x.shape}.")
        return x.shape[:split]

    def _at(self, hook: Callable, theta, x, what: str) -> np.ndarray:
        theta, x = self._theta(theta), arrays.real(x, "x")
        arrays.broadcast(theta=theta.shape[1:], x=self._batch(x))
        with np.errstate(all="ignore"):
            return finite(hook(self._unpack(theta, "theta"), self._observation(x)), "`theta` and `x`", what)

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The log density ln p_θ(x) in nats, shape (...), for `theta`, shape (..., dim), and `x`, (..., *event)."""
        return self._at(self._log_prob, theta, x, "log density")

    def score(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The Fisher score S = ∇_θ ln p_θ(x) (sections 3.2 and 3.4), shape (..., dim); arguments as in `log_prob`."""
        return np.moveaxis(self._at(lambda *at: filled(self._score(*at)), theta, x, "score"), 0, -1)

    def sample(self, theta: ArrayLike, size: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw `size` independent observations x ~ p_θ for each parameter vector: shape (*size, ..., *event)."""
        theta = self._theta(theta)
        size = tuple(arrays.count(n, "size") for n in (size if isinstance(size, tuple) else (size,)))
        arrays.instance(rng, "rng", np.random.Generator)
        return self._plain(self._sample(self._unpack(theta, "theta"), size + theta.shape[1:], rng))

    def expect(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The expectation of f(x) over x ~ p_θ, by an exact sum or by quadrature, shape (...), for θ of shape (dim,).

        f takes K observations, shape (K, *event), to K values of any one shape, (K, ...). What it does between nodes,
        which are less than the width of p_θ apart, isn't seen. A `ValueError` is raised if it isn't finite, or if two
        rules disagree: the expectation is then infinite, or out of reach.

        Examples
        --------
        >>> from natgrad import Gamma
        >>> Gamma().expect([3, 2], lambda x: x).round(12)
        np.float64(1.5)
        """
        arrays.function(f, "f")
        return self._expect(self._point(theta)[1], f, "f", plain=True)

    def estimate(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """As `expect`, with the difference of the two rules as an error estimate, however large it is."""
        arrays.function(f, "f")
        values, *_ = self._integrate(self._point(theta)[1], f, "f", plain=True)
        return Estimate(values[-1][()], np.abs(values[-1] - values[0])[()])

    def fisher(self, theta: ArrayLike) -> np.ndarray:
        """The Fisher information matrix F = E[SSᵀ], in closed form (sections 3.2 and 3.4): shape (..., dim, dim)."""
        with np.errstate(all="ignore"):
            found = filled(self._fisher(self._unpack(self._theta(theta), "theta")))
        return np.moveaxis(finite(found, "`theta`", "Fisher matrix"), (0, 1), (-2, -1))

    def kl(self, theta0: ArrayLike, theta1: ArrayLike) -> np.ndarray:
        """The divergence KL(p_θ₀ ‖ p_θ₁) in nats, shape (...): to 13 digits also nearby, in closed form if any."""
        names = ("theta0", "theta1")
        whole = [arrays.vector(v, n, self.dim, finite=False) for v, n in zip((theta0, theta1), names, strict=True)]
        shape = arrays.broadcast(theta0=whole[0].shape[:-1], theta1=whole[1].shape[:-1])
        found = np.empty(shape, np.result_type(*whole))
        wide = [np.broadcast_to(theta, (*shape, self.dim)) for theta in whole]
        with np.errstate(all="ignore"):
            for index in blocks(shape, self._block):
                near, far = (np.array(t[index].reshape(-1, self.dim).T, np.float64, order="C") for t in wide)
                part = self._kl(self._unpack(near, "theta0"), self._unpack(far, "theta1"), far - near)
                found[index] = part.reshape(found[index].shape)
                # What isn't finite in θ shows in the result, which is shorter, and in the cache.
                if not arrays.all_finite(found[index]):
                    for theta, name in zip(whole, names, strict=True):
                        arrays.real(theta, name)
                    finite(found[index], "`theta0` and `theta1`", "divergence")
        return found[()]

    def _expect(self, theta: Sequence, f: Callable, name: str, scale=0.0, **options) -> np.ndarray:
        # The scale is what f would be without the rounding errors that may be all there is of it.
        values, size, weights = self._integrate(theta, f, name, **options)
        excess = np.abs(values[-1] - values[0]) - QUADRATURE_TOLERANCE * np.maximum(size, scale)
        if (excess > 0).any():
            worst, counts = np.argmax(excess), np.count_nonzero(weights, axis=1)
            raise ValueError(
                f"`{name}` must have an expectation that quadrature can find, but rules of {counts[0]} and "
                f"{counts[-1]} nodes give {values[0].flat[worst]:.6g} and {values[-1].flat[worst]:.6g}."
            )
        return values[-1][()]

    def _integrate(
        self, theta: Sequence, f: Callable, name: str, point: str = "theta", plain: bool = False
    ) -> tuple[np.ndarray, ...]:
        """E_θ[f] by each rule, E_θ|f| by the last, and the weights; f takes what `_observation` returns, or plain x."""
        with np.errstate(all="ignore"):
            nodes, weights = self._rules(theta)
        for mass in weights.sum(axis=1):
            if not abs(mass - 1) <= QUADRATURE_TOLERANCE:
                raise ValueError(
                    f"`{point}` must have its mass of 1 in reach of quadrature, but that finds {mass:.12g}."
                )
        *_, best = weights
        form = self._plain if plain else lambda x: x
        bulk = form(nodes[..., best > BULK * best.max()])
        self._told_apart(bulk.T if plain else bulk, point)
        found = size = 0.0
        for start in range(0, weights.shape[1], NODES):
            part = slice(start, start + NODES)
            values = _values(f, form(nodes[..., part]), weights[0, part].size, name)
            flat = values.reshape(len(values), -1)
            found = found + weights[:, part] @ flat
            size = size + best[part] @ np.abs(flat)
        shape = values.shape[1:]
        return found.reshape(-1, *shape), size.reshape(shape), weights


def filled(parts: Sequence) -> np.ndarray:
    # One array of components, or of rows of entries, that broadcast and may be plain numbers.
    if isinstance(parts, np.ndarray):
        return parts
    if isinstance(parts[0], (list, tuple)):
        entries = filled([entry for row in parts for entry in row])
        return entries.reshape(len(parts), -1, *entries.shape[1:])
    found = np.empty((len(parts), *np.broadcast_shapes(*map(np.shape, parts))), np.result_type(*parts))
    for i, part in enumerate(parts):
        found[i] = part
    return found


def refuse(x: np.ndarray, impossible: np.ndarray, name: str, condition: str) -> np.ndarray:
    if impossible.any():
        raise ValueError(f"`{name}` must {condition}, but it contains {x[impossible][0]:.6g}.")
    return x


def _values(f: Callable, nodes: np.ndarray, count: int, name: str) -> np.ndarray:
    values = f(nodes)
    # The mean of a condition, such as x == 1, is its probability.
    if getattr(values, "dtype", None) == np.bool_:
        values = values.astype(np.float64)
    values = arrays.numbers(values, name)
    if values.shape[:1] != (count,):
        raise ValueError(
            f"`{name}` must return one value for each of {count} observations, "
            f"but the shape of what it returns is {values.shape}."
        )
    if not arrays.all_finite(values):
        raise ValueError(f"`{name}` must give finite values to average, but one of them is not finite.")
    return values


def finite(found: np.ndarray, names: str, what: str) -> np.ndarray:
    if not arrays.all_finite(found):
        bad = found[~np.isfinite(found)][0]
        raise ValueError(f"{names} must have a {what} that {found.dtype} can hold, but one of its entries is {bad}.")
    return found
