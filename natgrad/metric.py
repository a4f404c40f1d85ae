"""Metrics: symmetric positive definite G that measure small steps, ‖v‖² = vᵀGv (section 2 of the note).

The note's Σ and its Fisher matrix F meet here: for the Mahalanobis norm of Σ, G is Σ⁻¹; for small divergences, G is F.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays
from .norms import Norm


class Metric(Norm):
    """A norm with an inner product: vectors have ‖v‖² = vᵀGv, and covectors (gradients) ‖g‖*² = gᵀG⁻¹g.

    A metric of your own sets `dim`, the number of coordinates n, and has two methods, which get arrays as those of a
    `Norm` do: `_apply(v)`, which is G v, and `_solve(g)`, which is G⁻¹ g. All else follows, and can be done better:
    `_squared_norm(v)` and `_squared_dual_norm(g)` by sums of squares, which rounding can't make negative;
    `_whiten(v)`, `_unwhiten(w)` and `_damped(damping)` if there is a factor of G, and if G + diag(λ) is cheap.
    `batch` are the leading axes of G, () for one metric.

    >>> class Walk(Metric):
    ...     "The covariance of a random walk as a metric: G v sums twice, from either end."
    ...     def __init__(self, n):
    ...         self.dim = n
    ...     def _apply(self, v):
    ...         return np.cumsum(np.cumsum(v[..., ::-1], axis=-1)[..., ::-1], axis=-1)
    ...     def _solve(self, g):
    ...         return -np.diff(np.diff(g, prepend=0), append=0)
    >>> walk = Walk(3)
    >>> walk, walk.apply([0, 1, 0]), walk.solve([1, 2, 2]) + 0, walk.norm([0, 0, 3])
    (Walk(n=3), array([1., 2., 2.]), array([0., 1., 0.]), np.float64(5.196152422706632))
    """

    dim: int = cached_property(lambda self: arrays.must(False, "dim", "be set", f"{type(self).__name__} has none"))

    _apply = _solve = abstractmethod(lambda self, v: ...)

    def _damped(self, damping: np.ndarray) -> Metric:
        half = 0.5 * self.as_matrix()
        matrix = arrays.in_range(half + half.mT + damping[..., None] * np.eye(self.dim), "damping")
        return Dense._from_factor(*arrays.positive_definite(matrix, "damping", "make a metric that is"))

    def _whiten(self, v: np.ndarray) -> np.ndarray:
        arrays.must(False, "metric", "hold a factor of G to whiten with", f"it is {self}")

    _unwhiten = lambda self, w: self._whiten(w)
    _squared_norm = lambda self, v: np.vecdot(v, self._apply(v))
    _squared_dual_norm = lambda self, g: self._squared_norm(self._solve(g))  # ‖v‖² for v = G⁻¹g
    # Zero where squares have lost their digits: `arrays.in_range` sees to that.
    _root = lambda self, squared: np.sqrt(np.where(squared < arrays.LOWEST, 0, squared))
    _norm = lambda self, v: self._root(self._squared_norm(v))
    _dual_norm = lambda self, g: self._root(self._squared_dual_norm(g))
    _shape = property(lambda self: (self.dim,))
    _traits = lambda self: {"n": self.dim} | ({"batch": self.batch} if self.batch else {})

    def _steepest(self, g):
        v = self._solve(g)  # G⁻¹g / ‖g‖*
        return v / self._root(np.vecdot(g, v))[..., None]

    def apply(self, v: ArrayLike) -> np.ndarray:
        """Take vectors v, shape (..., n), to covectors G v of the same shape.

        >>> Dense([[5, 2], [2, 4]]).apply([0, 3])
        array([ 6., 12.])
        """
        return self._checked(self._apply, 1, v=v)

    def solve(self, g: ArrayLike) -> np.ndarray:
        """Take covectors g, shape (..., n), back to vectors G⁻¹ g. For the Mahalanobis metric of Σ this is Σ g.

        >>> Dense([[5, 2], [2, 4]]).solve([6, 12]).round(12) + 0
        array([0., 3.])
        """
        return self._checked(self._solve, 1, g=g)

    def squared_norm(self, v: ArrayLike) -> np.ndarray:
        """Measure vectors v, shape (..., n): ‖v‖² = vᵀ G v, shape (...), never negative.

        >>> Dense([[5, 2], [2, 4]]).squared_norm([1, 2]).round(12)
        np.float64(29.0)
        """
        return self._checked(self._squared_norm, v=v)

    def squared_dual_norm(self, g: ArrayLike) -> np.ndarray:
        """Measure covectors g, shape (..., n): ‖g‖*² = gᵀ G⁻¹ g, shape (...), the square of the steepest slope.

        >>> Dense([[5, 2], [2, 4]]).squared_dual_norm([5, 2]).round(12)
        np.float64(5.0)
        """
        return self._checked(self._squared_dual_norm, g=g)

    def inner(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """The inner product uᵀ G v of vectors, shape (...), up to rounding errors relative to ‖u‖ ‖v‖.

        >>> Dense([[5, 2], [2, 4]]).inner([1, 0], [0, 1])
        np.float64(2.0)
        """
        u, v = self._vectors(u=u, v=v)
        # A small result is right if the vectors are nearly orthogonal, but not if they are short.
        lost = lambda: u.any(axis=-1) & v.any(axis=-1) & (self._norm(u) * self._norm(v) < arrays.LOWEST)
        with np.errstate(all="ignore"):
            return arrays.in_range(np.asarray(np.vecdot(u, self._apply(v))), "u", "v", source=lost)[()]

    def distance(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """The distance ‖x − y‖ between points, shape (...).

        >>> Dense([[1, 0], [0, 4]]).distance([4, 5], [1, 3])
        np.float64(5.0)
        """
        x, y = self._vectors(x=x, y=y)
        with np.errstate(over="ignore"):
            return self._checked(self._norm, x=arrays.in_range(x - y, "x", "y"))

    def whiten(self, v: ArrayLike) -> np.ndarray:
        """Take vectors v, shape (..., n), to coordinates w in which |w| = ‖v‖; refused without a factor of G.

        >>> Dense([[4, 0], [0, 9]]).whiten([1, 2])
        array([2., 6.])
        """
        return self._checked(self._whiten, 1, v=v)

    def unwhiten(self, w: ArrayLike) -> np.ndarray:
        """Take coordinates w of `whiten`, shape (..., n), back to vectors; normal ones to draws of covariance G⁻¹.

        >>> Dense([[4, 0], [0, 9]]).unwhiten([2, 6])
        array([1., 2.])
        """
        return self._checked(self._unwhiten, 1, w=w)

    def damped(self, damping: ArrayLike) -> Metric:
        """The metric G + λI for a positive number λ, or G + diag(λ) for one in the units of each coordinate.

        >>> Dense([[5, 2], [2, 4]]).damped([1, 2]).as_matrix()
        array([[6., 2.],
               [2., 6.]])
        """
        damping = arrays.each(damping, "damping", self.dim)
        with np.errstate(over="ignore"):
            return self._damped(damping)

    def as_matrix(self) -> np.ndarray:
        """G itself, shape (*batch, n, n).

        >>> Dense([[5, 2], [2, 4]]).as_matrix()
        array([[5., 2.],
               [2., 4.]])
        """
        basis = np.eye(self.dim).reshape(self.dim, *(1 for _ in self.batch), self.dim)
        with np.errstate(all="ignore"):
            return np.moveaxis(arrays.in_range(self._apply(basis), "metric", source=lambda: True, axes=1), 0, -1)


class Dense(Metric):
    """The metric of symmetric positive definite G, shape (..., n, n), held with their Cholesky factors, G = L Lᵀ.

    A `ValueError` is raised if G has no digits to be solved with: if its condition number, scaled to a diagonal of
    ones, is above 4.5e12. So solutions keep three digits or more, relative to their norm.

    >>> metric = Dense([[5, 2], [2, 4]])
    >>> metric, metric.solve([6, 12]).round(12) + 0
    (Dense(n=2), array([0., 3.]))
    """

    def __init__(self, tensor: ArrayLike):
        self._hold(*arrays.positive_definite(tensor, "tensor"))

    _from_factor = classmethod(lambda cls, tensor, factor: cls.__new__(cls)._hold(tensor, factor))

    def _hold(self, tensor: np.ndarray, factor: np.ndarray) -> Dense:
        self.batch, self.dim = tensor.shape[:-2], tensor.shape[-1]
        self._tensor, self._factor = arrays.frozen(tensor), factor
        return self

    _inverse = cached_property(lambda self: _kernels.inverse_of_lower(self._factor))
    _apply = lambda self, v: _kernels.products(self._tensor, v)
    _whiten = lambda self, v: _kernels.products(self._factor.mT, v)  # |Lᵀv|² = vᵀGv
    _unwhiten = lambda self, w: _kernels.products(self._inverse.mT, w)
    _squared_norm = lambda self, v: _kernels.squared_lengths(self._factor.mT, v)
    _squared_dual_norm = lambda self, g: _kernels.squared_lengths(self._inverse, g)  # |L⁻¹g|² = gᵀG⁻¹g

    def _solve(self, g):
        found = _kernels.solve(self._factor, g)
        return self._unwhiten(_kernels.products(self._inverse, g)) if found is None else found  # L⁻ᵀL⁻¹g
