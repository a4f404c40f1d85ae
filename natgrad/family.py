"""What a family of densities p_θ is: the contract of sections 3.1 to 3.6, and expectation by sums and quadrature.

The closed forms `fisher` and `kl` are claims; the tests hold them against quadrature, finite differences and sampling.
"""

from __future__ import annotations  # or naming numpy.random in a signature would import it

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from ._quadrature import expectation

# How large a parameter may be, and one over that how small: the inverse of a square still has room.
LARGEST = 1e100


class Family(ABC):
    """A family of densities p_θ on numbers or, if `event` is (n,), on vectors.

    `theta` has shape (..., dim), and observations `x` have shape (..., *event), with leading axes that broadcast.
    `parameters` are the names of the coordinates of θ. They have to be zero or between 1e-100 and 1e100 in size.

    To write a family, name its parameters, say which of them are positive, and give six hooks. There, θ comes as one
    array for each parameter, and of vectors x the coordinates are the first axis; all other axes broadcast. Nothing may
    be written to but `step`. Results out of range are refused for you.

    - `_log_prob(theta, x)`: ln p.
    - `_score(theta, x)`: its derivatives, a list.
    - `_fisher(theta)`: the rows of F, a list of lists.
    - `_kl(theta0, theta1, step)`: the divergence, for arrays of one axis; `step` is θ₁ − θ₀.
    - `_sample(theta, shape, rng)`: draws of this shape, which for vectors has another axis in front.
    - `_rules(theta)`: pairs of nodes and weights for expectations, an exact rule, or a good and a better one.

    Of `_discrete`, `_unpack`, `_observation`, `_unit` and `_chi2_is_finite` the defaults may have to be replaced.

    Examples
    --------
    Waiting times, with density r exp(−r x) for x ≥ 0:

    >>> from natgrad import fisher_from_hessian, fisher_information, kl_divergence
    >>> class Waiting(Family):
    ...     parameters = ("rate",)
    ...     _positive = {0: "rate"}
    ...     def _log_prob(self, theta, x): return np.log(theta[0]) - theta[0] * x
    ...     def _score(self, theta, x): return [1 / theta[0] - x]
    ...     def _fisher(self, theta): return [[1 / theta[0] ** 2]]
    ...     def _kl(self, theta0, theta1, step): return step[0] / theta0[0] - np.log1p(step[0] / theta0[0])
    ...     def _sample(self, theta, shape, rng): return rng.standard_exponential(shape) / theta[0]
    ...     def _rules(self, theta):
    ...         return [(z / theta[0], w) for z, w in map(np.polynomial.laguerre.laggauss, (30, 40))]

    Its closed forms are those that follow from the definitions:

    >>> waiting = Waiting()
    >>> waiting, waiting.fisher([2]), waiting.kl([2], [3]).round(9)
    (Waiting(rate), array([[0.25]]), np.float64(0.094534892))
    >>> fisher_information(waiting, [2]).round(9), kl_divergence(waiting, [2], [3]).round(9)
    (array([[0.25]]), np.float64(0.094534892))
    >>> fisher_from_hessian(waiting, [2]).round(6)
    array([[0.25]])
    """

    parameters: tuple[str, ...]
    event: tuple[int, ...] = ()
    # Whether observations are whole numbers, of which many may be the same.
    _discrete = False
    # Which coordinates have to be positive, and what they are called.
    _positive: dict[int, str] = {}
    # How many pairs of parameters `_kl` sees at a time: as many as fit into the cache.
    _block = 1 << 13

    def __init__(self, *theta, **named):
        if theta or named:
            name = type(self).__name__
            raise TypeError(f"`theta` must be an argument of the methods of {name}(), but it is one of {name} itself.")

    def __repr__(self) -> str:
        names = self.parameters if self.dim <= 5 else (*self.parameters[:2], "…", self.parameters[-1])
        return f"{type(self).__name__}({', '.join(names)})"

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    def _unpack(self, theta: np.ndarray, name: str) -> Sequence[np.ndarray]:
        """The form in which the hooks want θ, given coordinates first; raise if it is outside of the family."""
        for i, label in self._positive.items():
            if not theta[i].min() > 0:
                refuse(theta[i], theta[i] <= 0, name, f"have a positive {label}")
        return tuple(theta)

    def _observation(self, x: np.ndarray) -> np.ndarray:
        """Return x, or raise if it is impossible."""
        return x

    @abstractmethod
    def _log_prob(self, theta: Sequence, x: np.ndarray) -> np.ndarray: ...
    @abstractmethod
    def _score(self, theta: Sequence, x: np.ndarray) -> Sequence[np.ndarray]: ...
    @abstractmethod
    def _sample(self, theta: Sequence, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray: ...
    @abstractmethod
    def _rules(self, theta: Sequence) -> Sequence[tuple[np.ndarray, np.ndarray]]: ...
    @abstractmethod
    def _fisher(self, theta: Sequence) -> Sequence[Sequence[np.ndarray]]: ...
    @abstractmethod
    def _kl(self, theta0: Sequence, theta1: Sequence, step: np.ndarray) -> np.ndarray: ...

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

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The log density ln p_θ(x) in nats, shape (...), for `theta`, shape (..., dim), and `x`, (..., *event).

        >>> from natgrad import Gaussian
        >>> Gaussian().log_prob([0, 1], [0, 1]).round(6)
        array([-0.918939, -1.418939])
        """
        return self._at(self._log_prob, theta, x)

    def score(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The Fisher score S = ∇_θ ln p_θ(x) (sections 3.2 and 3.4), shape (..., dim); arguments as in `log_prob`.

        >>> from natgrad import Gaussian
        >>> Gaussian().score([0, 1], [0, 2])
        array([[ 0. ,  0.5],
               [ 2. , -1.5]])
        """
        return np.moveaxis(self._at(lambda *at: filled(self._score(*at)), theta, x), 0, -1)

    def sample(self, theta: ArrayLike, size: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw `size` independent observations x ~ p_θ for each parameter vector: shape (*size, ..., *event).

        >>> from natgrad import Poisson
        >>> Poisson().sample([3], 5, np.random.default_rng(0))
        array([2., 0., 7., 1., 4.])
        """
        theta = self._theta(theta)
        size = tuple(arrays.count(n, "size") for n in (size if isinstance(size, tuple) else (size,)))
        arrays.instance(rng, "rng", np.random.Generator)
        return self._last(self._sample(self._unpack(theta, "theta"), size + theta.shape[1:], rng))

    def expect(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The expectation of f(x) over x ~ p_θ, by an exact sum or by quadrature, shape (...), for θ of shape (dim,).

        f takes K observations, shape (K, *event), to K values of any one shape, (K, ...). What it does between nodes,
        which are less than the width of p_θ apart, isn't seen. A `ValueError` is raised if it isn't finite, or if two
        rules disagree: the expectation is then infinite, or out of reach.

        >>> from natgrad import Gaussian
        >>> Gaussian().expect([3, 2], lambda x: x**2).round(12)
        np.float64(9.5)
        """
        arrays.function(f, "f")
        return self._expect(self._point(theta)[1], lambda x: f(self._last(x)), "f")

    def fisher(self, theta: ArrayLike) -> np.ndarray:
        """The Fisher information matrix F = E[SSᵀ], in closed form (sections 3.2 and 3.4): shape (..., dim, dim).

        >>> from natgrad import Gaussian
        >>> Gaussian().fisher([0, 0.5])
        array([[0.5, 0. ],
               [0. , 2. ]])
        """
        with np.errstate(all="ignore"):
            found = filled(self._fisher(self._unpack(self._theta(theta), "theta")))
            # No other entry is larger than the geometric mean of two of these, of which none is zero.
            squares = np.einsum("ii...->i...", found)
            arrays.in_range(squares, "theta", source=lambda: True)
        return np.moveaxis(found, (0, 1), (-2, -1))

    def kl(self, theta0: ArrayLike, theta1: ArrayLike) -> np.ndarray:
        """The divergence KL(p_θ₀ ‖ p_θ₁) in nats, in closed form, shape (...): to 13 digits also nearby.

        >>> from natgrad import Gaussian
        >>> Gaussian().kl([0, 1], [[0.1, 1], [1e-9, 1]])
        array([5.e-03, 5.e-19])
        """
        whole = [arrays.vector(v, n, self.dim) for v, n in ((theta0, "theta0"), (theta1, "theta1"))]
        shape = arrays.broadcast(theta0=whole[0].shape[:-1], theta1=whole[1].shape[:-1])
        wide = [np.broadcast_to(theta, (*shape, self.dim)).reshape(-1, self.dim) for theta in whole]
        found = np.empty(math.prod(shape))
        with np.errstate(all="ignore"):
            for start in range(0, found.size, self._block):
                part = slice(start, start + self._block)
                near, far = (theta[part].T.copy() for theta in wide)
                self._check(near, "theta0")
                self._check(far, "theta1")
                moved = (near != far).any(axis=0)
                kl = self._kl(self._unpack(near, "theta0"), self._unpack(far, "theta1"), far - near)
                found[part] = arrays.in_range(kl, "theta0", "theta1", source=lambda moved=moved: moved)
        return found.reshape(shape)[()]

    def _check(self, theta: np.ndarray, name: str) -> None:
        size = np.abs(theta)
        if not 1 / LARGEST <= size.min() <= size.max() <= LARGEST:
            outside = (size > LARGEST) | ((size < 1 / LARGEST) & (size > 0))
            refuse(theta, outside, name, f"be zero or between {1 / LARGEST:.0e} and {LARGEST:.0e} in size")

    def _theta(self, value) -> np.ndarray:
        theta = np.moveaxis(arrays.vector(value, "theta", self.dim), -1, 0)
        self._check(theta, "theta")
        return theta

    def _point(self, value, name: str = "theta") -> tuple[np.ndarray, Sequence]:
        """A single θ in float64, as it is and unpacked."""
        theta = arrays.point(value, name, self.dim)
        self._check(theta, name)
        return theta, self._unpack(theta, name)

    def _at(self, hook: Callable, theta, x) -> np.ndarray:
        theta, x = self._theta(theta), self._numbers(x)
        arrays.broadcast(theta=theta.shape[1:], x=self._batch(x))
        with np.errstate(all="ignore"):
            return arrays.in_range(hook(self._unpack(theta, "theta"), self._first(x)), "theta", "x")[()]

    def _numbers(self, x) -> np.ndarray:
        # The outcomes of a coin may be called True and False.
        if self._discrete and np.dtype(bool) == getattr(x, "dtype", type(x)):
            x = np.multiply(x, 1.0)
        return arrays.real(x, "x")

    def _batch(self, x: np.ndarray) -> tuple[int, ...]:
        split = x.ndim - len(self.event)
        if x.shape[split:] != self.event:
            raise ValueError(f"`x` must hold observations of shape {self.event}, but its own shape is {x.shape}.")
        return x.shape[:split]

    def _first(self, x: np.ndarray) -> np.ndarray:
        return self._observation(np.moveaxis(x, -1, 0) if self.event else x)

    def _last(self, x: np.ndarray) -> np.ndarray:
        return np.moveaxis(x, 0, -1) if self.event else x

    def _expect(self, theta: Sequence, f: Callable, name: str, point: str = "theta", **options) -> np.ndarray:
        """E_θ[f] of an f that takes x with its coordinates first; see `expectation`."""
        with np.errstate(all="ignore"):
            rules = self._rules(theta)
        return expectation(rules, f, name, point, apart=not self._discrete, **options)


def filled(parts: Sequence) -> np.ndarray:
    # One array of components, or of rows of entries, that broadcast and may be plain numbers.
    if isinstance(parts, np.ndarray):
        return parts
    if isinstance(parts[0], (list, tuple)):
        entries = filled([entry for row in parts for entry in row])
        return entries.reshape(len(parts), -1, *entries.shape[1:])
    found = np.zeros((len(parts), *np.broadcast_shapes(*map(np.shape, parts))), np.result_type(*parts))
    for i, part in enumerate(parts):
        if np.ndim(part) or part:  # pages of zeros that are never written to cost nothing
            found[i] = part
    return found


def refuse(x: np.ndarray, impossible: np.ndarray, name: str, condition: str) -> np.ndarray:
    if impossible.any():
        raise ValueError(f"`{name}` must {condition}, but it contains {x[impossible][0]:.6g}.")
    return x
