"""Metrics: symmetric positive definite G that measure small steps, ‖v‖² = vᵀGv (section 2 of the note).

The note's Σ and its Fisher matrix F meet here: for the Mahalanobis norm of Σ, G is Σ⁻¹; for small divergences, G is F.
Covariances, frames and tensors enter by differently named doors, so that nobody inverts the wrong matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

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

    def _vectors(self, **values) -> list[np.ndarray]:
        found = {name: arrays.vector(value, name, self.dim) for name, value in values.items()}
        arrays.broadcast(**{name: v.shape[:-1] for name, v in found.items()}, metric=self.batch)
        return list(found.values())

    def apply(self, v: ArrayLike) -> np.ndarray:
        """Take vectors to covectors: G v.

        Parameters
        ----------
        v : array_like, shape (..., n)

        Returns
        -------
        ndarray, shape (..., n)

        Examples
        --------
        >>> from_covariance([[5, 2], [2, 4]]).apply([6, 12]).round(12) + 0
        array([0., 3.])
        """
        return self._apply(*self._vectors(v=v))

    def solve(self, g: ArrayLike) -> np.ndarray:
        """Take covectors back to vectors: G⁻¹ g. For the Mahalanobis metric of Σ this is Σ g.

        Parameters
        ----------
        g : array_like, shape (..., n)

        Returns
        -------
        ndarray, shape (..., n)

        Examples
        --------
        >>> from_covariance([[5, 2], [2, 4]]).solve([0, 3])
        array([ 6., 12.])
        """
        return self._solve(*self._vectors(g=g))

    def squared_norm(self, v: ArrayLike) -> np.ndarray:
        """Measure vectors: ‖v‖² = vᵀ G v, in the squared units of the metric; never negative.

        Parameters
        ----------
        v : array_like, shape (..., n)

        Returns
        -------
        ndarray, shape (...)

        Examples
        --------
        >>> from_covariance([[5, 2], [2, 4]]).squared_norm([1, 2]).round(12)
        np.float64(1.0)
        """
        return self._squared_norm(*self._vectors(v=v))

    def squared_dual_norm(self, g: ArrayLike) -> np.ndarray:
        """Measure covectors: ‖g‖*² = gᵀ G⁻¹ g, the square of the steepest slope of a function with gradient g.

        Parameters
        ----------
        g : array_like, shape (..., n)

        Returns
        -------
        ndarray, shape (...)

        Examples
        --------
        >>> from_frame([[2, 1], [0, 2]]).squared_dual_norm([0, 3])
        np.float64(36.0)
        """
        return self._squared_dual_norm(*self._vectors(g=g))

    def inner(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """The inner product uᵀ G v of vectors, shape (...)."""
        u, v = self._vectors(u=u, v=v)
        return np.vecdot(u, self._apply(v))

    def norm(self, v: ArrayLike) -> np.ndarray:
        """The norm ‖v‖ of vectors, shape (...); it overflows only if the result does."""
        return _root(self._squared_norm, *self._vectors(v=v))

    def dual_norm(self, g: ArrayLike) -> np.ndarray:
        """The dual norm ‖g‖* = max {uᵀg : ‖u‖ = 1} of covectors, shape (...): the steepest slope of section 1.2."""
        return _root(self._squared_dual_norm, *self._vectors(g=g))

    def distance(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """The distance ‖x − y‖ between points, shape (...)."""
        x, y = self._vectors(x=x, y=y)
        return _root(self._squared_norm, x - y)

    def as_matrix(self) -> np.ndarray:
        """G itself, shape (*batch, n, n)."""
        basis = np.eye(self.dim, dtype=self.dtype).reshape(self.dim, *(1 for _ in self.batch), self.dim)
        return np.moveaxis(self._apply(basis), 0, -1)


def _root(squared, v: np.ndarray) -> np.ndarray:
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
        self._tensor, self._factor = arrays.frozen(tensor), arrays.frozen(factor)
        self.dim, self.batch, self.dtype = tensor.shape[-1], tensor.shape[:-2], tensor.dtype

    @cached_property
    def _inverse_factor(self) -> np.ndarray:
        return _kernels.inverse_of_lower(self._factor)

    def _apply(self, v):
        return np.matvec(self._tensor, v)

    def _solve(self, g):
        return np.matvec(self._inverse_factor.mT, np.matvec(self._inverse_factor, g))

    def _squared_norm(self, v):
        return _sum_of_squares(np.matvec(self._factor.mT, v))

    def _squared_dual_norm(self, g):
        return _sum_of_squares(np.matvec(self._inverse_factor, g))


def _sum_of_squares(v: np.ndarray) -> np.ndarray:
    return np.vecdot(v, v)


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
    matrix, factor = arrays.invertible(frame, "frame")
    with np.errstate(over="ignore", under="ignore"):
        covariance = matrix @ matrix.mT
    lengths = np.diagonal(covariance, axis1=-2, axis2=-1)
    if not np.isfinite(covariance).all() or lengths.min() < np.finfo(lengths.dtype).tiny:
        raise ValueError(
            f"`frame` must have squares within the range of {matrix.dtype}, "
            f"but its largest entry is {np.abs(matrix).max():.6g}."
        )
    return Dual(Dense._from_factor(covariance, factor))
