"""Metrics: symmetric positive definite G that measure small steps, ‖v‖² = vᵀGv (section 2 of the note).

The note's Σ and its Fisher matrix F meet here: for the Mahalanobis norm of Σ, G is Σ⁻¹; for small divergences, G is F.
Covariances, frames and tensors enter by differently named doors, so that nobody inverts the wrong matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import _kernels, arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Metric(ABC):
    """A way to measure vectors by ‖v‖² = vᵀGv, and covectors (gradients) by ‖g‖*² = gᵀG⁻¹g.

    A subclass holds G in some form and says what G does to a vector; all that follows from it is written here, once.

    Attributes
    ----------
    dim : int
        The number of coordinates, n.
    batch : tuple of int
        The leading axes of G: () for one metric, (N,) for N of them.
    dtype : numpy.dtype
        float32 or float64.
    """

    dim: int
    batch: tuple[int, ...]
    dtype: np.dtype

    @abstractmethod
    def _apply(self, v: np.ndarray) -> np.ndarray:
        """G v."""

    @abstractmethod
    def _solve(self, g: np.ndarray) -> np.ndarray:
        """G⁻¹ g."""

    @abstractmethod
    def _squared_norm(self, v: np.ndarray) -> np.ndarray:
        """vᵀ G v, as a sum of squares."""

    @abstractmethod
    def _squared_dual_norm(self, g: np.ndarray) -> np.ndarray:
        """gᵀ G⁻¹ g, as a sum of squares."""

    def _vectors(self, *, finite: bool = True, **values) -> list[np.ndarray]:
        found = {name: arrays.vector(value, name, self.dim, finite=finite) for name, value in values.items()}
        arrays.broadcast(**{name: v.shape[:-1] for name, v in found.items()}, metric=self.batch)
        return list(found.values())

    def _checked(self, verb: Callable[..., np.ndarray], **values) -> np.ndarray:
        # What isn't finite shows in the result, which is shorter or not longer than the input, and in the cache.
        vectors = self._vectors(finite=False, **values)
        with np.errstate(all="ignore"):
            found = verb(*vectors)
        if not arrays.all_finite(found):
            for name, v in zip(values, vectors, strict=True):
                arrays.real(v, name)
        return arrays.in_range(found, *values)

    def apply(self, v: ArrayLike) -> np.ndarray:
        """Take vectors v, shape (..., n), to covectors G v of the same shape.

        Examples
        --------
        >>> from_covariance([[5, 2], [2, 4]]).apply([6, 12]).round(12) + 0
        array([0., 3.])
        """
        return self._checked(self._apply, v=v)

    def solve(self, g: ArrayLike) -> np.ndarray:
        """Take covectors g, shape (..., n), back to vectors G⁻¹ g. For the Mahalanobis metric of Σ this is Σ g.

        Examples
        --------
        >>> from_covariance([[5, 2], [2, 4]]).solve([0, 3])
        array([ 6., 12.])
        """
        return self._checked(self._solve, g=g)

    def squared_norm(self, v: ArrayLike) -> np.ndarray:
        """Measure vectors v, shape (..., n): ‖v‖² = vᵀ G v, shape (...), never negative.

        Examples
        --------
        >>> from_covariance([[5, 2], [2, 4]]).squared_norm([1, 2]).round(12)
        np.float64(1.0)
        """
        return self._checked(self._squared_norm, v=v)

    def squared_dual_norm(self, g: ArrayLike) -> np.ndarray:
        """Measure covectors g, shape (..., n): ‖g‖*² = gᵀ G⁻¹ g, shape (...), the square of the steepest slope.

        Examples
        --------
        >>> from_frame([[2, 1], [0, 2]]).squared_dual_norm([0, 3])
        np.float64(36.0)
        """
        return self._checked(self._squared_dual_norm, g=g)

    def inner(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """The inner product uᵀ G v of vectors, shape (...)."""
        return self._checked(lambda u, v: np.vecdot(u, self._apply(v)), u=u, v=v)

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
        return np.moveaxis(self._apply(basis), 0, -1)


def _root(squared: Callable[[np.ndarray], np.ndarray], v: np.ndarray) -> np.ndarray:
    found = squared(v)
    limits = np.finfo(found.dtype)
    if np.all((found > limits.tiny / limits.eps) & (found < limits.max)):
        return np.sqrt(found)
    # Scaling by a power of two is exact, and keeps the squares of very long and very short vectors in range.
    exponent = np.frexp(np.abs(v).max(axis=-1))[1]
    return np.ldexp(np.sqrt(squared(np.ldexp(v, -exponent[..., None]))), exponent)


class Dense(Metric):
    """The metric of a symmetric positive definite matrix G, held with its Cholesky factor.

    Parameters
    ----------
    tensor : array_like, shape (..., n, n)
        G itself, for example a Fisher information matrix or a precision matrix.

    Raises
    ------
    ValueError
        If `tensor` is not symmetric or not positive definite.

    Examples
    --------
    The Fisher metric of section 3.6 at (μ, τ) = (0, 1):

    >>> Dense([[1, 0], [0, 0.5]]).solve([1, 1])
    array([1., 2.])
    """

    def __init__(self, tensor: ArrayLike):
        self._hold(*arrays.positive_definite(tensor, "tensor"))

    @classmethod
    def _from_factor(cls, tensor: np.ndarray, factor: np.ndarray) -> Dense:
        metric = cls.__new__(cls)
        metric._hold(tensor, factor)
        return metric

    def _hold(self, tensor: np.ndarray, factor: np.ndarray) -> None:
        self.dim, self.batch, self.dtype, self._factor = tensor.shape[-1], tensor.shape[:-2], tensor.dtype, factor
        if not self.batch:  # to copy many would take longer than to factorise them
            self._tensor = arrays.frozen(tensor)

    @cached_property
    def _tensor(self) -> np.ndarray:
        return self._factor @ self._factor.mT

    @cached_property
    def _inverse_factor(self) -> np.ndarray:
        return _kernels.inverse_of_lower(self._factor)

    @property
    def _in_batches(self) -> bool:
        return bool(self.batch) and self.dim <= _kernels.BATCH_SIZE

    def _apply(self, v):
        return _products(self._tensor, v)

    def _solve(self, g):
        if self._in_batches:
            return _kernels.solve_lower(self._factor, g, twice=True)
        if not self.batch and self.dim >= _kernels.LAPACK_SIZE:
            return _kernels.solve_cholesky(self._factor, g)
        return _products(self._inverse_factor.mT, _products(self._inverse_factor, g))

    def _squared_norm(self, v):
        if self.batch:
            return _sum_of_squares(np.matvec(self._factor.mT, v))
        return _kernels.squared_lengths(self._factor, v, transposed=True)

    def _squared_dual_norm(self, g):
        if self._in_batches:
            return _sum_of_squares(_kernels.solve_lower(self._factor, g, twice=False))
        if self.batch:
            return _sum_of_squares(np.matvec(self._inverse_factor, g))
        return _kernels.squared_lengths(self._inverse_factor, g, transposed=False)

    def refined_solve(self, g: ArrayLike) -> Refined:
        """G⁻¹ g to full double precision, also where G is so nearly singular that `solve` keeps few digits.

        Parameters
        ----------
        g : array_like, shape (..., n)
            Covectors; G itself must be a single matrix.

        Returns
        -------
        Refined
            The solution, and an estimate of the condition number of G with rows and columns scaled to length one:
            `solve` loses that many of its 10¹⁶ parts.

        Raises
        ------
        ValueError
            If the condition number is too large, around 10¹⁶.

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
        # Scaled by powers of two, exactly, to a diagonal near one, so that a change of units changes nothing.
        scale = np.exp2(-np.round(0.5 * np.log2(np.diagonal(self._tensor).astype(np.float64))))
        tensor, factor = scale[:, None] * self._tensor * scale, scale[:, None] * self._factor
        product, rows = _kernels.ExactProduct(tensor), (g * scale).reshape(-1, self.dim)
        condition = _kernels.condition(tensor, factor)
        solutions = [product.solve(factor, row) for row in rows]
        if any(solution is None for solution in solutions):
            raise ValueError(f"`metric` must have a condition number below about 1e16, but it is {condition:.2g}.")
        return Refined(scale * np.reshape(solutions, g.shape), condition)


class Refined(NamedTuple):
    """A solution of G v = g to full precision, and an estimate of the condition number of G (scaled).

    Examples
    --------
    >>> Dense([[2, 1], [1, 2]]).refined_solve([1, 0]).value * 3
    array([ 2., -1.])
    """

    value: np.ndarray
    condition: float


def _sum_of_squares(v: np.ndarray) -> np.ndarray:
    return np.vecdot(v, v)


def _products(matrix: np.ndarray, v: np.ndarray) -> np.ndarray:
    # One matrix and many vectors make one product of matrices, which is quicker.
    return v @ matrix.T if matrix.ndim == 2 else np.matvec(matrix, v)


class Diagonal(Metric):
    """The metric of a diagonal matrix G.

    Parameters
    ----------
    entries : array_like, shape (..., n)
        The diagonal of G, positive.

    Raises
    ------
    ValueError
        If an entry is not positive.

    Examples
    --------
    >>> Diagonal([1, 0.5]).solve([1, 1])
    array([1., 2.])
    """

    def __init__(self, entries: ArrayLike):
        self._entries = arrays.frozen(arrays.positive(entries, "entries"))
        self.dim, self.batch, self.dtype = (
            self._entries.shape[-1],
            self._entries.shape[:-1],
            self._entries.dtype,
        )

    def _apply(self, v):
        return self._entries * v

    def _solve(self, g):
        return g / self._entries

    def _squared_norm(self, v):
        return (self._entries * v**2).sum(axis=-1)

    def _squared_dual_norm(self, g):
        return (g**2 / self._entries).sum(axis=-1)


class Dual(Metric):
    """The metric G⁻¹, in which vectors and covectors have changed places. Nothing is inverted.

    Parameters
    ----------
    metric : Metric
        The metric G.

    Examples
    --------
    >>> Dual(Diagonal([4, 9])).apply([4, 9])
    array([1., 1.])
    """

    def __init__(self, metric: Metric):
        self._metric = arrays.instance(metric, "metric", Metric)
        self.dim, self.batch, self.dtype = metric.dim, metric.batch, metric.dtype

    def _apply(self, v):
        return self._metric._solve(v)

    def _solve(self, g):
        return self._metric._apply(g)

    def _squared_norm(self, v):
        return self._metric._squared_dual_norm(v)

    def _squared_dual_norm(self, g):
        return self._metric._squared_norm(g)


def euclidean(n: int) -> Metric:
    """The metric G = I of ordinary space in n dimensions.

    Examples
    --------
    >>> euclidean(2).norm([3, 4])
    np.float64(5.0)
    """
    return Diagonal(np.ones(arrays.count(n, "n")))


def from_covariance(cov: ArrayLike) -> Metric:
    """The Mahalanobis metric of a covariance matrix Σ: ‖v‖² = vᵀ Σ⁻¹ v (section 2.2).

    Parameters
    ----------
    cov : array_like, shape (..., n, n)
        Σ, symmetric positive definite.

    Returns
    -------
    Metric
        G = Σ⁻¹, which is never formed: `solve(g)` is the product Σ g.

    Raises
    ------
    ValueError
        If `cov` is not symmetric or not positive definite.

    Examples
    --------
    >>> from_covariance([[17, 11], [11, 13]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    return Dual(Dense._from_factor(*arrays.positive_definite(cov, "cov")))


def from_frame(frame: ArrayLike) -> Metric:
    """The Mahalanobis metric of Σ = M Mᵀ, in which the columns of M are orthonormal (sections 2.1 and 2.2).

    Parameters
    ----------
    frame : array_like, shape (..., n, n)
        M, any invertible matrix; ‖M w‖ is the Euclidean length of the coordinates w.

    Returns
    -------
    Metric
        G = (M Mᵀ)⁻¹. Norms come from an orthogonal factorisation of M, so that its condition number is not squared.

    Raises
    ------
    ValueError
        If `frame` is not square, not invertible, or so large or small that Σ can't be represented.

    Examples
    --------
    The graph paper of section 2.1:

    >>> from_frame([[4, 1], [2, 3]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    matrix = arrays.square(frame, "frame")
    factor = arrays.triangle(matrix.mT, "frame", "be invertible")
    with np.errstate(over="ignore", under="ignore"):
        covariance = matrix @ matrix.mT
    return Dual(Dense._from_factor(_in_range(covariance, matrix, "frame"), factor))


def from_scores(scores: ArrayLike) -> Metric:
    """The metric G = SᵀS/N of N scores, without the loss of digits that comes with squaring them.

    Parameters
    ----------
    scores : array_like, shape (..., N, n)
        S, with linearly independent columns, hence N ≥ n; for fewer scores there is `LowRank`.

    Returns
    -------
    Metric
        Norms and dual norms come from an orthogonal factorisation of S, so that its condition number is not squared.

    Raises
    ------
    ValueError
        If the columns of `scores` depend on each other, or are so large or small that G can't be represented.

    Examples
    --------
    >>> from_scores([[1, 0], [0, 2]]).as_matrix()
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    scores = arrays.vector(scores, "scores")
    if scores.ndim < 2 or scores.shape[-2] < scores.shape[-1]:
        raise ValueError(f"`scores` must have at least as many rows as columns, but its shape is {scores.shape}.")
    root = np.sqrt(scores.dtype.type(scores.shape[-2]))
    factor = arrays.triangle(scores, "scores", "have independent columns") / root
    with np.errstate(over="ignore", under="ignore"):
        tensor = scores.mT @ scores / scores.shape[-2]
    return Dense._from_factor(_in_range(tensor, scores, "scores"), factor)


def _in_range(product: np.ndarray, matrix: np.ndarray, name: str) -> np.ndarray:
    lengths = np.diagonal(product, axis1=-2, axis2=-1)
    if not np.isfinite(product).all() or lengths.min() < np.finfo(lengths.dtype).tiny:
        raise ValueError(
            f"`{name}` must have squares within the range of {matrix.dtype}, "
            f"but its largest entry is {np.abs(matrix).max():.6g}."
        )
    return product
