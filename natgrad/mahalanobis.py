"""Mahalanobis metrics and their doors (sections 2.1 and 2.2): a covariance, a frame and scores are different matrices.

Each has a function of its own, so that nobody inverts the wrong one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from .metric import Dense, Metric


class Dual(Metric):
    """The metric G⁻¹, in which vectors and covectors have changed places. Nothing is inverted.

    Parameters
    ----------
    metric : Metric
        The metric G.

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
    """The Mahalanobis metric of a covariance matrix Σ: ‖v‖² = vᵀ Σ⁻¹ v (section 2.2).

    Parameters
    ----------
    cov : array_like, shape (..., n, n)
        Σ; a `ValueError` is raised unless it is symmetric and positive definite.

    Returns
    -------
    Metric
        G = Σ⁻¹, never formed: `solve(g)` is Σ g.

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
    >>> from_frame([[4, 1], [2, 3]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    matrix = arrays.square(arrays.real(frame, "frame"), "frame")
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
    factor = arrays.triangle(scores, "scores", "have independent columns")
    factor /= np.sqrt(scores.shape[-2])
    with np.errstate(over="ignore", under="ignore"):
        tensor = scores.mT @ scores / scores.shape[-2]
    return Dense._from_factor(_in_range(tensor, scores, "scores"), factor, rounded=True)


def _in_range(product: np.ndarray, matrix: np.ndarray, name: str) -> np.ndarray:
    lengths = np.diagonal(product, axis1=-2, axis2=-1)
    if not np.isfinite(product).all() or lengths.min() < np.finfo(lengths.dtype).tiny:
        raise ValueError(
            f"`{name}` must have squares within the range of {matrix.dtype}, "
            f"but its largest entry is {np.abs(matrix).max():.6g}."
        )
    return product
