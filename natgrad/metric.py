"""Metrics: symmetric positive definite G that measure small steps, ‖v‖² = vᵀGv (section 2 of the note).

The note's Σ and its Fisher matrix F meet here: for the Mahalanobis norm of Σ, G is Σ⁻¹; for small divergences, G is F.
The other doors, for covariances, frames and scores, are in `mahalanobis`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays

# From this condition number on, a matrix may as well be singular before it is rounded.
MOST_SINGULAR = 2e16


class Metric(ABC):
    """A way to measure vectors by ‖v‖² = vᵀGv, and covectors (gradients) by ‖g‖*² = gᵀG⁻¹g.

    A subclass holds G in some form and says what G does to a vector; all that follows from it is written here, once.
    `dim` is the number of coordinates n, `batch` the leading axes of G, () for one metric, `dtype` float32 or float64.
    """

    dim: int
    batch: tuple[int, ...]
    dtype: np.dtype

    @abstractmethod
    def _apply(self, v: np.ndarray) -> np.ndarray: ...
    @abstractmethod
    def _solve(self, g: np.ndarray) -> np.ndarray: ...
    # The next two are sums of squares, so that rounding can't make them negative.
    @abstractmethod
    def _squared_norm(self, v: np.ndarray) -> np.ndarray: ...
    @abstractmethod
    def _squared_dual_norm(self, g: np.ndarray) -> np.ndarray: ...

    def _vectors(self, *, finite: bool = True, **values) -> list[np.ndarray]:
        found = [arrays.vector(value, name, self.dim, finite=finite) for name, value in values.items()]
        if self.batch or len(found) > 1:
            arrays.broadcast(**{name: v.shape[:-1] for name, v in zip(values, found, strict=True)}, metric=self.batch)
        return found

    def _checked(self, verb: Callable[..., np.ndarray], **values) -> np.ndarray:
        # What isn't finite shows in the result, which is shorter or not longer than the input, and in the cache.
        vectors = self._vectors(finite=False, **values)
        with np.errstate(all="ignore"):
            found = verb(*vectors)
        if arrays.all_finite(found):
            return found
        for name, v in zip(values, vectors, strict=True):
            arrays.real(v, name)
        return arrays.in_range(found, *values)

    def apply(self, v: ArrayLike) -> np.ndarray:
        """Take vectors v, shape (..., n), to covectors G v of the same shape."""
        return self._checked(self._apply, v=v)

    def solve(self, g: ArrayLike) -> np.ndarray:
        """Take covectors g, shape (..., n), back to vectors G⁻¹ g. For the Mahalanobis metric of Σ this is Σ g."""
        return self._checked(self._solve, g=g)

    def squared_norm(self, v: ArrayLike) -> np.ndarray:
        """Measure vectors v, shape (..., n): ‖v‖² = vᵀ G v, shape (...), never negative."""
        return self._checked(self._squared_norm, v=v)

    def squared_dual_norm(self, g: ArrayLike) -> np.ndarray:
        """Measure covectors g, shape (..., n): ‖g‖*² = gᵀ G⁻¹ g, shape (...), the square of the steepest slope."""
        return self._checked(self._squared_dual_norm, g=g)

    def inner(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """The inner product uᵀ G v of vectors, shape (...)."""
        product = lambda u, v: np.vecdot(u, self._apply(v))
        return self._checked(lambda u, v: np.ldexp(*_scaled(product, u, v)), u=u, v=v)

    def norm(self, v: ArrayLike) -> np.ndarray:
        """The norm ‖v‖ of vectors, shape (...); it overflows only if the result does."""
        return self._checked(lambda v: _root(self._squared_norm, v), v=v)

    def dual_norm(self, g: ArrayLike) -> np.ndarray:
        """The dual norm ‖g‖* = max {uᵀg : ‖u‖ = 1} of covectors, shape (...): the steepest slope of section 1.2."""
        return self._checked(lambda g: _root(self._squared_dual_norm, g), g=g)

    def distance(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """The distance ‖x − y‖ between points, shape (...)."""
        return self._checked(lambda x, y: _root(self._squared_norm, x - y), x=x, y=y)

    def as_matrix(self) -> np.ndarray:
        """G itself, shape (*batch, n, n)."""
        basis = np.eye(self.dim, dtype=self.dtype).reshape(self.dim, *(1 for _ in self.batch), self.dim)
        with np.errstate(all="ignore"):
            return arrays.in_range(np.moveaxis(self._apply(basis), 0, -1), "metric")


def _scaled(form: Callable[..., np.ndarray], *vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A form, and the power of two that it lacks: of vectors scaled by such where it is out of range otherwise."""
    found = form(*vectors)
    limits, size = np.finfo(found.dtype), np.abs(found)
    sound = (size > limits.tiny / limits.eps) & (size <= limits.max)
    if sound.all():
        return found, 0
    exponents = [arrays.exponents(v) for v in vectors]
    again = form(*(np.ldexp(v, -exponent) for v, exponent in zip(vectors, exponents, strict=True)))
    sound |= (again == 0) & np.isfinite(found)
    return np.where(sound, found, again), np.where(sound, 0, sum(exponents).squeeze(-1))


def _root(squared: Callable[[np.ndarray], np.ndarray], v: np.ndarray) -> np.ndarray:
    found, exponent = _scaled(squared, v)
    return np.ldexp(np.sqrt(found), exponent)


class Dense(Metric):
    """The metric of symmetric positive definite G, shape (..., n, n), held with their Cholesky factors.

    Examples
    --------
    >>> metric = Dense([[5, 2], [2, 4]])
    >>> metric.apply([0, 3]), metric.solve([6, 12]).round(12) + 0
    (array([ 6., 12.]), array([0., 3.]))
    >>> metric.squared_norm([1, 2]).round(12), metric.squared_dual_norm([5, 2]).round(12)
    (np.float64(29.0), np.float64(5.0))
    """

    _rounded = False  # whether the factor is more exact than the tensor

    def __init__(self, tensor: ArrayLike):
        self._hold(*arrays.positive_definite(tensor, "tensor"))

    @classmethod
    def _from_factor(cls, tensor: np.ndarray, factor: np.ndarray, packed: bool = False) -> Dense:
        metric = cls.__new__(cls)
        metric._hold(tensor, factor, packed)
        return metric

    def _hold(self, tensor: np.ndarray, factor: np.ndarray, packed: bool) -> None:
        *batch, self.dim, _ = tensor.shape
        self.batch, self.dtype, self._factor = tuple(batch), tensor.dtype, factor
        if self.batch:  # to copy many would take longer than to factorise them
            return
        if packed and self.dim >= _kernels.LARGE:  # the other triangle of the factor is that of G
            self._diagonal = tensor.diagonal().copy()
        else:
            self._tensor = tensor.copy()

    @cached_property
    def _tensor(self) -> np.ndarray:
        if self.batch:
            return self._factor @ self._factor.mT
        upper = np.triu(self._factor, 1)
        return upper + upper.T + np.diag(self._diagonal)

    @cached_property
    def _inverse_factor(self) -> np.ndarray:
        return _kernels.inverse_of_lower(self._factor)

    def _apply(self, v):
        # One matrix and many vectors make one product of matrices, which is quicker.
        return np.matvec(self._tensor, v) if self.batch else v @ self._tensor.T

    def _solve(self, g):
        if self.batch:
            return _kernels.solve_many(self._factor, g, twice=True)
        return _kernels.solve_one(self._factor, g)

    def _squared_norm(self, v):
        if not self.batch:
            return _kernels.squared_lengths(self._factor, v, transposed=True)
        w = np.matvec(self._factor.mT, v)
        return np.vecdot(w, w)

    def _squared_dual_norm(self, g):
        if not self.batch:
            return _kernels.squared_lengths(self._inverse_factor, g, transposed=False)
        w = _kernels.solve_many(self._factor, g, twice=False)
        return np.vecdot(w, w)

    def refined_solve(self, g: ArrayLike) -> Refined:
        """G⁻¹ g, shape (..., n), to full double precision, also where a single G is nearly singular.

        A `ValueError` is raised if the condition number is too large, around 10¹⁶, or if G was rounded already, as
        `from_scores` does.

        Examples
        --------
        >>> hilbert = 1 / np.add.outer(np.arange(1, 9), np.arange(8))
        >>> solution, condition = Dense(hilbert).refined_solve(hilbert[0])
        >>> solution.round(15) + 0, f"{condition:.0e}"
        (array([1., 0., 0., 0., 0., 0., 0., 0.]), '9e+09')
        """
        g = arrays.vector(g, "g", self.dim).astype(np.float64)
        if self.batch:
            raise ValueError(f"`metric` must be a single metric, but its batch is {self.batch}.")
        if self._rounded:
            raise ValueError("`metric` must be made of G itself, but it is made of scores, which rounds G.")
        # Scaled by powers of two, exactly, to a diagonal near one, so that a change of units changes nothing.
        shift = -np.rint(0.5 * np.log2(self._tensor.diagonal().astype(np.float64))).astype(int)
        scale = np.ldexp(1.0, shift)
        tensor = scale[:, None] * self._tensor * scale
        inverse = _kernels.inverse_of_lower(scale[:, None] * np.tril(self._factor))
        condition = np.linalg.norm(tensor, 1) * np.linalg.norm(inverse.T @ inverse, 1)
        with np.errstate(all="ignore"):
            unit = np.where(g == 0, -9999, np.frexp(g)[1] + shift).max(axis=-1, keepdims=True)
            rows = np.ldexp(g, shift - unit).reshape(-1, self.dim)
            solutions = [_kernels.refine(tensor, inverse, row) for row in rows]
            if condition >= MOST_SINGULAR or any(solution is None for solution in solutions):
                raise ValueError(f"`metric` must have a condition number below about 1e16, but it is {condition:.2g}.")
            value = np.ldexp(np.reshape(solutions, g.shape), shift + unit)
        return Refined(arrays.in_range(value, "g"), condition)


class Refined(NamedTuple):
    """A solution of G v = g, and an estimate of the condition number of G, scaled to a diagonal near one.

    Examples
    --------
    >>> Dense([[2, 1], [1, 2]]).refined_solve([1, 0]).value * 3
    array([ 2., -1.])
    """

    value: np.ndarray
    condition: float


class Diagonal(Metric):
    """The metric of a diagonal G with positive entries, shape (..., n).

    Examples
    --------
    >>> Diagonal([1, 0.5]).solve([1, 1])
    array([1., 2.])
    """

    def __init__(self, entries: ArrayLike):
        self._entries = arrays.frozen(arrays.positive(entries, "entries"))
        *self.batch, self.dim = self._entries.shape
        self.batch, self.dtype = tuple(self.batch), self._entries.dtype

    def _apply(self, v):
        return self._entries * v

    def _solve(self, g):
        return g / self._entries

    def _squared_norm(self, v):
        return np.vecdot(self._entries * v, v)  # v² may be out of range where this is not

    def _squared_dual_norm(self, g):
        return np.vecdot(g / self._entries, g)


def euclidean(n: int) -> Metric:
    """The metric G = I of ordinary space in n dimensions.

    Examples
    --------
    >>> euclidean(2).norm([3, 4])
    np.float64(5.0)
    """
    return Diagonal(np.ones(arrays.count(n, "n")))
