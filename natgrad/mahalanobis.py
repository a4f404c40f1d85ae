"""Mahalanobis metrics and their doors (sections 2.1 and 2.2): a covariance, a frame and scores are different matrices.

Each has a function of its own, so that nobody inverts the wrong one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from .metric import Dense, Metric


class Dual(Metric):
    """The metric G⁻¹ of another one, in which vectors and covectors have changed places. Nothing is inverted.

    Examples
    --------
    >>> Dual(Dense([[4, 0], [0, 9]])).apply([4, 9])
    array([1., 1.])
    """

    def __init__(self, metric: Metric):
        self._metric = arrays.instance(metric, "metric", Metric)
        self.dim, self.batch, self.dtype = metric.dim, metric.batch, metric.dtype

    def _checked(self, verb, **values):
        return self._metric._checked(verb, **values)

    def _apply(self, v):
        return self._metric._solve(v)

    def _solve(self, g):
        return self._metric._apply(g)

    def _squared_norm(self, v):
        return self._metric._squared_dual_norm(v)

    def _squared_dual_norm(self, g):
        return self._metric._squared_norm(g)


def from_covariance(cov: ArrayLike) -> Metric:
    """The Mahalanobis metric of a symmetric positive definite covariance matrix Σ, shape (..., n, n) (section 2.2).

    That is, ‖v‖² = vᵀ Σ⁻¹ v. G = Σ⁻¹ is never formed: `solve(g)` is Σ g.

    Examples
    --------
    >>> from_covariance([[17, 11], [11, 13]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    return Dual(Dense._from_factor(*arrays.positive_definite(cov, "cov")))


def from_frame(frame: ArrayLike) -> Metric:
    """The Mahalanobis metric of Σ = M Mᵀ, in which the columns of M are orthonormal (sections 2.1 and 2.2).

    M, shape (..., n, n), is any invertible matrix; ‖M w‖ is the Euclidean length of the coordinates w.
    Norms come from an orthogonal factorisation of M, so that its condition number is not squared.
    A `ValueError` is raised if M is singular up to rounding, or so large or small that Σ can't be represented.

    Examples
    --------
    >>> from_frame([[4, 1], [2, 3]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    return Dual(_of_columns(arrays.square(arrays.real(frame, "frame"), "frame").mT, 1, "frame", "be invertible"))


def from_scores(scores: ArrayLike) -> Metric:
    """The metric G = SᵀS/N of N scores, shape (..., N, n), without the loss of digits that comes with squaring them.

    The columns must be linearly independent, hence N ≥ n; for fewer scores there is `LowRank`.
    Norms come from an orthogonal factorisation of S, so that its condition number is not squared.
    A `ValueError` is raised if columns depend on each other, or are so large or small that G can't be represented.

    Examples
    --------
    >>> from_scores([[1, 0], [0, 2]]).as_matrix()
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    scores = arrays.vector(scores, "scores")
    if scores.ndim < 2 or scores.shape[-2] < scores.shape[-1]:
        raise ValueError(f"`scores` must have at least as many rows as columns, but its shape is {scores.shape}.")
    return _of_columns(scores, scores.shape[-2], "scores", "have independent columns")


def _of_columns(a: np.ndarray, count: int, name: str, property: str) -> Dense:
    """The metric AᵀA / count of an A with independent columns, shape (..., N, n)."""
    *_, rows, n = a.shape
    eps, tiny = np.finfo(a.dtype).eps, np.finfo(a.dtype).tiny
    with np.errstate(all="ignore"):
        tensor = a.mT @ a / count
    squares = np.diagonal(tensor, axis1=-2, axis2=-1)
    if not arrays.all_finite(tensor) or (squares[a.any(axis=-2)] < tiny).any():
        raise ValueError(
            f"`{name}` must have squares within the range of {a.dtype}, but its largest entry is {np.abs(a).max():.6g}."
        )
    r = np.linalg.qr(a, mode="r")
    # In columns of length one, so that a change of units changes no decision, except for a column of zeros, which stays
    # what it is. Roundings of many rows add up like the root of their number.
    lengths = np.sqrt(np.where(squares == 0, 1, squares))
    singular = np.linalg.svd(r / lengths[..., None, :], compute_uv=False)
    if not (singular[..., -1] > max(math.sqrt(rows), n) * eps * singular[..., 0]).all():
        smallest = np.linalg.svd(r, compute_uv=False).min()
        raise ValueError(f"`{name}` must {property}, but its smallest singular value is {smallest:.6g}.")
    # A = Q R with Q orthogonal, hence AᵀA = RᵀR; the signs make the diagonal positive.
    r *= np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None] / math.sqrt(count)
    metric = Dense._from_factor(tensor, r.mT)
    metric._rounded = True
    return metric
