"""What a family of densities p_θ is: the contract of sections 3.1 to 3.6, and expectation by sums and quadrature."""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from ._kernels import BLOCK
from ._quadrature import expectation

# How large a parameter may be, and one over that how small: the inverse of a square still has room.
LARGEST = 1e100


class Family(ABC):
    """A family of densities p_θ on numbers or, if `event` is (n,), on vectors.

    `theta` has shape (..., dim), and observations `x` have shape (..., *event), with leading axes that broadcast.
    `parameters` are the names of the coordinates of θ. They have to be zero or between 1e-100 and 1e100 in size.

    To write a family, name its parameters and give the first six of these hooks; the others have defaults. There, θ
    comes as one array for each parameter, and of vectors x the coordinates are the first axis; all other axes
    broadcast. Nothing may be written to but `step`. Results out of range are refused for you.

    - `_log_prob(theta, x)`: ln p.
    - `_score(theta, x)`: its derivatives, a list.
    - `_fisher(theta)`: the rows of F, a list of lists.
    - `_kl(theta0, theta1, step)`: the divergence, for arrays of one axis; `step` is θ₁ − θ₀.
    - `_sample(theta, shape, rng)`: draws of this shape, which for vectors has another axis in front.
    - `_rules(theta)`: pairs of nodes and weights for expectations, an exact rule, or a good and a better one.
    - `_positive`: what the parameters are called that have to be positive, by their indices.
    - `_discrete`: True if observations are whole numbers, of which many may be the same.
    - `_unpack(theta, name)`: θ as the other hooks get it, or raise if it is outside; by default, by `_positive`.
    - `_observation(x)`: x, or raise if it is impossible.
    - `_chi2_is_finite(p, q)`: False where E_p[(q/p)²] is infinite: quadrature, which can't find it, isn't asked.

    For example waiting times, with density r exp(−r x) for x ≥ 0, held against their definitions:

    >>> class Waiting(Family):
    ...     parameters, _positive = ("rate",), {0: "rate"}
    ...     def _log_prob(self, theta, x): return np.log(theta[0]) - theta[0] * x
    ...     def _score(self, theta, x): return [1 / theta[0] - x]
    ...     def _fisher(self, theta): return [[1 / theta[0] ** 2]]
    ...     def _kl(self, theta0, theta1, step): return step[0] / theta0[0] - np.log1p(step[0] / theta0[0])
    ...     def _sample(self, theta, shape, rng): return rng.standard_exponential(shape) / theta[0]
    ...     def _rules(self, theta):
    ...         return [(z / theta[0], w) for z, w in map(np.polynomial.laguerre.laggauss, (30, 40))]
    >>> waiting = Waiting()
    >>> waiting, waiting.kl([2], [3]).round(9), kl_divergence(waiting, [2], [3]).round(9)
    (Waiting(rate), np.float64(0.094534892), np.float64(0.094534892))
    >>> waiting.fisher([2]), fisher_information(waiting, [2]).round(9)
    (array([[0.25]]), array([[0.25]]))
    """

    parameters: tuple[str, ...]
    event: tuple[int, ...] = ()
    _discrete = False
    _positive: dict[int, str] = {}
    dim = property(lambda self: len(self.parameters), doc="The number of parameters.")
    _observation = lambda self, x: x
    _chi2_is_finite = lambda self, p, q: True
    # Observations with their coordinates first, and last.
    _first = lambda self, x: self._observation(np.moveaxis(x, -1, 0) if self.event else x)
    _last = lambda self, x: np.moveaxis(x, 0, -1) if self.event else x

    def __init__(self, *theta: float):
        arrays.must(not theta, "theta", "be given to the methods", f"{type(self).__name__} got {theta}", TypeError)

    def __repr__(self) -> str:
        names = self.parameters if self.dim <= 5 else (*self.parameters[:2], "…", self.parameters[-1])
        return f"{type(self).__name__}({', '.join(names)})"

    def _unpack(self, theta: np.ndarray, name: str) -> Sequence[np.ndarray]:
        for i, label in self._positive.items():
            arrays.outside(theta[i], theta[i] <= 0, name, f"have a positive {label}")
        return tuple(theta)

    _log_prob = _score = _fisher = _kl = _sample = _rules = abstractmethod(lambda self, *arguments: ...)

    def log_prob(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The log density ln p_θ(x) in nats, shape (...), for `theta`, shape (..., dim), and `x`, (..., *event).

        >>> Gaussian().log_prob([0, 1], [0, 1]).round(6)
        array([-0.918939, -1.418939])
        """
        return self._at(self._log_prob, 0, theta, x)

    def score(self, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The Fisher score S = ∇_θ ln p_θ(x) (sections 3.2 and 3.4), shape (..., dim); arguments as in `log_prob`.

        >>> Gaussian().score([0, 1], [0, 2])
        array([[ 0. ,  0.5],
               [ 2. , -1.5]])
        """
        return np.moveaxis(self._at(self._score, 1, theta, x), 0, -1)

    def sample(self, theta: ArrayLike, size: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw `size` independent observations x ~ p_θ for each parameter vector: shape (*size, ..., *event).

        >>> Poisson().sample([3], 5, np.random.default_rng(0))
        array([2., 0., 7., 1., 4.])
        """
        theta, unpacked = self._read(theta)
        size = tuple(arrays.count(n, "size") for n in (size if isinstance(size, tuple) else (size,)))
        arrays.instance(rng, "rng", np.random.Generator)
        return self._last(self._sample(unpacked, size + theta.shape[1:], rng))

    def expect(self, theta: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The expectation of f(x) over x ~ p_θ, by an exact sum or by quadrature, shape (...), for θ of shape (dim,).

        f takes K observations, shape (K, *event), to K values of any one shape, (K, ...). What it does between nodes,
        which are less than the width of p_θ apart, and beyond the last of them isn't seen. A `ValueError` is raised if
        f isn't finite at a node, or if two rules disagree: the expectation is then infinite, or out of reach.

        >>> Gaussian().expect([3, 2], lambda x: x**2).round(12)
        np.float64(9.5)
        """
        arrays.instance(f, "f", Callable)
        warn = np.errstate(**np.geterr())  # of the caller's own mistakes as ever
        return self._expect(self._read(theta, "theta", ())[1], warn(lambda x: f(self._last(x))), "f")

    def fisher(self, theta: ArrayLike) -> np.ndarray:
        """The Fisher information matrix F = E[SSᵀ], in closed form (sections 3.2 and 3.4): shape (..., dim, dim).

        >>> Gaussian().fisher([0, 0.5])
        array([[0.5, 0. ],
               [0. , 2. ]])
        """
        theta, unpacked = self._read(theta)
        with np.errstate(all="ignore"):
            found = arrays.in_range(filled(self._fisher(unpacked), 2, theta.shape[1:]), "theta")
            # No other entry is larger than the geometric mean of two of these, of which none is zero.
            arrays.in_range(np.einsum("ii...->i...", found), "theta", source=lambda: True)
        return np.moveaxis(found, (0, 1), (-2, -1))

    def kl(self, theta0: ArrayLike, theta1: ArrayLike) -> np.ndarray:
        """The divergence KL(p_θ₀ ‖ p_θ₁) in nats, in closed form, shape (...): with its digits also nearby.

        >>> Gaussian().kl([0, 1], [[0.1, 1], [1e-9, 1]])
        array([5.e-03, 5.e-19])
        """
        ends = [arrays.real(v, n, (..., self.dim)) for v, n in ((theta0, "theta0"), (theta1, "theta1"))]
        shape = arrays.broadcast(theta0=ends[0].shape[:-1], theta1=ends[1].shape[:-1])
        rows = [np.broadcast_to(theta, (*shape, self.dim)).reshape(-1, self.dim) for theta in ends]

        def block(near, far):
            (_, p), (_, q) = self._inside(near, "theta0"), self._inside(far, "theta1")
            with np.errstate(all="ignore"):
                kl, moved = self._kl(p, q, far - near), lambda: (near != far).any(axis=0)
                return arrays.in_range(filled(kl, 0, near.shape[1:]), "theta0", "theta1", source=moved)

        step = max(16, BLOCK // 4 // self.dim)
        parts = (slice(start, start + step) for start in range(0, len(rows[0]), step))
        return np.concatenate([block(*(theta[part].T.copy() for theta in rows)) for part in parts]).reshape(shape)[()]

    def _inside(self, theta: np.ndarray, name: str) -> tuple[np.ndarray, Sequence]:
        """θ, given coordinates first, as it is and unpacked, or raise if it is out of range."""
        size = np.abs(theta)
        if not 1 / LARGEST <= size.min() <= size.max() <= LARGEST:
            outside = (size > LARGEST) | ((size < 1 / LARGEST) & (size > 0))
            arrays.outside(theta, outside, name, f"be zero or between {1 / LARGEST:.0e} and {LARGEST:.0e} in size")
        with np.errstate(all="ignore"):
            return theta, self._unpack(theta, name)

    def _read(self, value: ArrayLike, name: str = "theta", lead: tuple = (...,)) -> tuple[np.ndarray, Sequence]:
        return self._inside(np.moveaxis(arrays.real(value, name, (*lead, self.dim)), -1, 0), name)

    def _at(self, hook: Callable, axes: int, theta: ArrayLike, x: ArrayLike) -> np.ndarray:
        (theta, unpacked), x = self._read(theta), arrays.real(x, "x", (..., *self.event))
        lead = arrays.broadcast(theta=theta.shape[1:], x=x.shape[: x.ndim - len(self.event)])
        with np.errstate(all="ignore"):
            return arrays.in_range(filled(hook(unpacked, self._first(x)), axes, lead), "theta", "x")[()]

    def _expect(self, theta: Sequence, f: Callable, name: str, point: str = "theta", **options) -> np.ndarray:
        """E_θ[f] of an f that takes x with its coordinates first; see `expectation`."""
        with np.errstate(all="ignore"):
            return expectation(self._rules(theta), f, name, point, apart=not self._discrete, **options)


def filled(parts: Sequence, axes: int, lead: tuple) -> np.ndarray:
    # What a hook gives, a number (axes = 0), components (1) or rows of them (2), as one array with these axes after.
    if isinstance(parts, np.ndarray) and parts.shape[axes:] == lead:
        return parts
    return np.stack([filled(part, axes - 1, lead) for part in parts]) if axes else np.full(lead, parts, dtype=float)
