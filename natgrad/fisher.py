"""Fisher information by independent routes, as a matrix and as a metric (sections 3.2 to 3.5)."""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from .family import Family, filled
from .metric import Dense, Metric
from .taylor import HESSIAN_STEP, _hessian, _steps

# Numbers in a block: two megabytes, which is little memory, and a part of it little cache.
BLOCK = 2**18
FEW = 8


class Estimate(NamedTuple):
    """A mean over random draws, and its standard error, entry by entry.

    Examples
    --------
    >>> Estimate(0.25, error=0.01)
    Estimate(value=0.25, error=0.01)
    """

    value: np.ndarray
    error: np.ndarray


def fisher_information(family: Family, theta: ArrayLike) -> np.ndarray:
    """F = E[SSᵀ], shape (dim, dim), the mean outer product of the score, from the definition (section 3.4).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (dim,)

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> fisher_information(Gaussian(), [0, 2]).round(6)
    array([[2.   , 0.   ],
           [0.   , 0.125]])
    """
    _, unpacked = arrays.instance(family, "family", Family)._point(theta)

    def scores(x):
        with np.errstate(all="ignore"):
            return filled(family._score(unpacked, x))

    return arrays.in_range(family._expect(unpacked, scores, "theta", square=True), "theta")


def fisher_from_hessian(family: Family, theta: ArrayLike) -> np.ndarray:
    """F = −E[H], shape (dim, dim), minus the mean Hessian of ln p, by differences that see no score (section 3.4).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (dim,)

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> fisher_from_hessian(Gaussian(), [0, 2]).round(6) + 0
    array([[2.   , 0.   ],
           [0.   , 0.125]])
    """
    theta, unpacked = arrays.instance(family, "family", Family)._point(theta)
    unit = family._unit(unpacked)
    theta, steps = _steps(theta, unit, HESSIAN_STEP, "theta")

    def second(x):
        with np.errstate(all="ignore"):
            return _hessian(lambda t: family._log_prob(family._unpack(t, "theta"), x), theta, steps, "theta")

    # ln p has derivatives of order one in these units, and rounding errors that are a part of them.
    return -family._expect(unpacked, second, "theta", scale=10 / np.outer(unit, unit))


def fisher_monte_carlo(family: Family, theta: ArrayLike, size: int, rng: np.random.Generator) -> Estimate:
    """F = E[SSᵀ] from independent draws x ~ p_θ: mean and standard error, both of shape (dim, dim) (section 3.5).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (dim,)
    size : int
        At least two.
    rng : numpy.random.Generator

    Examples
    --------
    >>> from natgrad import Bernoulli
    >>> value, error = fisher_monte_carlo(Bernoulli(), [0.6], 10_000, np.random.default_rng(0))
    >>> bool(abs(value - Bernoulli().fisher([0.6])) < 4 * error)
    True
    """
    _, unpacked = arrays.instance(family, "family", Family)._point(theta)
    size = arrays.count(size, "size", 2)
    arrays.instance(rng, "rng", np.random.Generator)
    center, total, squares = None, 0.0, 0.0
    # In blocks, so that memory is bounded.
    step = max(2, BLOCK // family.dim**2)
    with np.errstate(all="ignore"):
        for part in (min(step, size - start) for start in range(0, size, step)):
            scores = filled(family._score(unpacked, family._sample(unpacked, (part,), rng)))
            if center is None:
                # So that the largest score is about one, and neither its fourth power nor its error is out of range.
                unit = np.ldexp(1.0, np.frexp(np.abs(scores).max(axis=-1))[1])
            scores = scores / unit[:, None]
            products = scores[:, None] * scores
            # From a number among them, so that little cancels where they are spread, and all where they aren't.
            center = products[..., :1].copy() if center is None else center
            products -= center
            total, squares = total + products.sum(axis=-1), squares + (products * products).sum(axis=-1)
        mean = total / size
        error = np.sqrt(np.maximum(squares / size - mean**2, 0) / (size - 1))
        units = np.outer(unit, unit)
        return Estimate(*(arrays.in_range(part * units, "theta") for part in (center[..., 0] + mean, error)))


def empirical_fisher(scores: ArrayLike) -> np.ndarray:
    """The mean of SSᵀ over given `scores`, shape (N, dim), one row for each observation: SᵀS/N, shape (dim, dim).

    It estimates the Fisher matrix at θ if the data were drawn from p_θ. From other data it is in general another
    matrix, and following it is no natural gradient descent (Kunstner, Balles and Hennig, NeurIPS 2019).
    With fewer scores than parameters it is singular.

    Examples
    --------
    >>> empirical_fisher([[1, 0], [0, 2]])
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    scores = arrays.table(scores, "scores")
    return _gram(lambda: [scores.T], len(scores), scores=scores) / len(scores)


class EmpiricalFisher:
    """An empirical Fisher matrix of `dim` parameters that grows with the data, part by part, in float64.

    Each process or machine holds one for its own part of the data, and sends that back: dim² numbers, however many the
    data. They are added up in any order.

    Examples
    --------
    >>> first, second = EmpiricalFisher(2), EmpiricalFisher(2)
    >>> first.add([[1, 0]])
    >>> second.add([[0, 2], [0, 1]])
    >>> (first + second).matrix().round(6)
    array([[0.333333, 0.      ],
           [0.      , 1.666667]])

    With Dask, for chunks of a `dask.array` x of observations (``pip install natgrad[dask]``)::

        @dask.delayed
        def part(chunk):
            found = EmpiricalFisher(2)
            found.observe(Gaussian(), theta, chunk)
            return found

        parts = dask.compute(*map(part, x.to_delayed().ravel()))
        matrix = sum(parts, start=EmpiricalFisher(2)).matrix()
    """

    def __repr__(self) -> str:
        return f"EmpiricalFisher(dim={self.dim}, count={self.count})"

    def __init__(self, dim: int):
        self.dim, self.count = arrays.count(dim, "dim"), 0
        self._sum = np.zeros((self.dim, self.dim))

    def add(self, scores: ArrayLike) -> None:
        """Add scores, shape (N, dim).

        >>> found = EmpiricalFisher(1)
        >>> found.add([[1], [2]])
        >>> found
        EmpiricalFisher(dim=1, count=2)
        """
        scores = arrays.table(scores, "scores")
        if scores.shape[1] != self.dim:
            raise ValueError(f"`scores` must have {self.dim} columns, but their shape is {scores.shape}.")
        step = max(BLOCK // self.dim, 4 * self.dim)
        blocks = lambda: (scores[i : i + step].astype(float, copy=False).T for i in range(0, len(scores), step))
        self._include(_gram(blocks, len(scores), scores=scores), len(scores), "scores")

    def observe(self, family: Family, theta: ArrayLike, x: ArrayLike) -> None:
        """Add the scores of a family at θ, shape (dim,), for observations x, shape (..., *event), never all in memory.

        >>> from natgrad import Bernoulli
        >>> found = EmpiricalFisher(1)
        >>> found.observe(Bernoulli(), [0.5], [0, 1, 1])
        >>> found.matrix()
        array([[4.]])
        """
        if arrays.instance(family, "family", Family).dim != self.dim:
            raise ValueError(f"`family` must have {self.dim} parameters, but it has {family.dim}.")
        (theta, unpacked), x = family._point(theta), family._numbers(x)
        family._batch(x)
        rows = x.reshape(-1, *family.event)
        # The scores of a part, coordinates first, and what it takes to compute them, stay in the cache.
        step = max(256, BLOCK // 8 // self.dim)
        parts = lambda: (rows[i : i + step].astype(np.float64, copy=False) for i in range(0, len(rows), step))
        blocks = lambda: (family._score(unpacked, family._first(part)) for part in parts())
        self._include(_gram(blocks, len(rows), theta=theta, x=x), len(rows), "x")

    def __add__(self, other: EmpiricalFisher) -> EmpiricalFisher:
        if not isinstance(other, EmpiricalFisher):
            return NotImplemented
        if other.dim != self.dim:
            raise ValueError(f"`other` must have {self.dim} parameters, but it has {other.dim}.")
        both = EmpiricalFisher(self.dim)
        for part in self, other:
            both._include(part._sum, part.count, "other")
        return both

    def _include(self, total: np.ndarray, count: int, name: str) -> None:
        with np.errstate(over="ignore"):
            self._sum = arrays.in_range(self._sum + total, name)
        self.count += count

    def matrix(self) -> np.ndarray:
        """The mean of SSᵀ over all scores so far, shape (dim, dim).

        >>> found = EmpiricalFisher(1)
        >>> found.add([[1], [2]])
        >>> found.matrix()
        array([[2.5]])
        """
        if not self.count:
            raise ValueError("`scores` must be added before their mean is taken, but there are none.")
        return self._sum / self.count


def fisher_metric(family: Family, theta: ArrayLike) -> Metric:
    """The metric G = F(θ), under which a small step has length √(2 KL) (section 3.5).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (..., dim)

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> fisher_metric(Gaussian(), [0, 1]).solve([1, 1])
    array([1., 2.])
    """
    fisher = arrays.instance(family, "family", Family).fisher(theta)
    return Dense._from_factor(*arrays.positive_definite(fisher, "theta", "have a Fisher matrix that is"))


def _gram(blocks: Callable[[], Iterable[Sequence[np.ndarray]]], count: int, **sources: np.ndarray) -> np.ndarray:
    """The sum of S Sᵀ over blocks of `count` scores, coordinates first, made of arrays not yet checked to be finite."""
    with np.errstate(all="ignore"):
        total = sum(map(_products, blocks()))
        # What isn't finite in a score, and what is lost when it is squared, shows in the sum of its squares.
        squares = np.diagonal(total)
        if not np.isfinite(squares).all():
            for name, value in sources.items():
                arrays.real(value, name)
        lost = ~(squares >= count * np.finfo(squares.dtype).tiny) | np.isinf(squares)
        if lost.any() and any(filled(scores)[lost].any() for scores in blocks()):
            names = " and ".join(f"`{name}`" for name in sources)
            raise ValueError(
                f"{names} must give scores whose squares are in the range of {squares.dtype}, "
                f"but a sum of {count} squares is {squares[lost][0]:.6g}."
            )
    return total


def _products(scores: Sequence[np.ndarray]) -> np.ndarray:
    # A few arrays are multiplied in pairs, twice as quickly as put together.
    if isinstance(scores, np.ndarray) or len(scores) > FEW:
        scores = filled(scores)
        return scores @ scores.T
    scores = np.broadcast_arrays(*scores)
    return np.array([[first @ second for second in scores] for first in scores])
