"""More metrics (sections 2.1 and 2.2). Covariance, frame and scores have a door each: nobody inverts the wrong one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays
from .metric import Dense, Metric


class Diagonal(Metric):
    """The metric of a diagonal G with positive entries, shape (..., n).

    >>> Diagonal([1, 0.5]).solve([1, 1])
    array([1., 2.])
    """

    def __init__(self, entries: ArrayLike):
        self._entries = arrays.frozen(arrays.positive(entries, "entries"))
        self.batch, self.dim = self._entries.shape[:-1], self._entries.shape[-1]

    _apply = lambda self, v: self._entries * v
    _solve = lambda self, g: g / self._entries
    _whiten = lambda self, v: np.sqrt(self._entries) * v
    _unwhiten = lambda self, w: w / np.sqrt(self._entries)
    _damped = lambda self, damping: Diagonal(arrays.in_range(self._entries + damping, "damping"))


class Dual(Metric):
    """The metric G⁻¹ of another one, in which vectors and covectors have changed places. Nothing is inverted.

    >>> dual = Dual(Dense([[4, 0], [0, 9]]))
    >>> dual, dual.apply([4, 9])
    (Dual(metric=Dense(n=2)), array([1., 1.]))
    """

    def __init__(self, metric: Metric):
        self._metric = arrays.instance(metric, "metric", Metric)
        self.dim, self.batch = metric.dim, metric.batch

    _traits = lambda self: {"metric": self._metric}
    _apply = lambda self, v: self._metric._solve(v)
    _solve = lambda self, g: self._metric._apply(g)
    _squared_norm = lambda self, v: self._metric._squared_dual_norm(v)
    _squared_dual_norm = lambda self, g: self._metric._squared_norm(g)
    _whiten = lambda self, v: self._metric._whiten(self._metric._solve(v))  # |Lᵀ G⁻¹ v|² = vᵀ G⁻¹ v
    _unwhiten = lambda self, w: self._metric._apply(self._metric._unwhiten(w))


def euclidean(n: int) -> Metric:
    """The metric G = I of ordinary space in n dimensions.

    >>> euclidean(2).norm([3, 4])
    np.float64(5.0)
    """
    return Diagonal(np.ones(arrays.count(n, "n")))


def from_covariance(cov: ArrayLike) -> Metric:
    """The Mahalanobis metric of a symmetric positive definite covariance matrix Σ, shape (..., n, n) (section 2.2).

    That is, ‖v‖² = vᵀ Σ⁻¹ v. G = Σ⁻¹ is never formed: `solve(g)` is Σ g. What is refused is said at `Dense`.

    >>> from_covariance([[17, 11], [11, 13]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    return Dual(Dense._from_factor(*arrays.positive_definite(cov, "cov")))


def from_frame(frame: ArrayLike) -> Metric:
    """The Mahalanobis metric of Σ = M Mᵀ, in which the columns of M are orthonormal (sections 2.1 and 2.2).

    M, shape (..., n, n), is any invertible matrix; ‖M w‖ is the Euclidean length of the coordinates w. Norms come from
    an orthogonal factorisation of M, so that its condition number is not squared. A `ValueError` is raised if M, its
    rows scaled to length one, has no digits to be solved with (see `Dense`).

    >>> from_frame([[4, 1], [2, 3]]).squared_norm([3, 4]).round(12)
    np.float64(1.25)
    """
    return Dual(_of_columns(arrays.real(frame, "frame", (..., "n", "n")).mT, 1, "frame", "be invertible", "rows"))


def from_scores(scores: ArrayLike) -> Metric:
    """The metric G = SᵀS/N of N scores, shape (..., N, n), without the loss of digits that comes with squaring them.

    The columns must be linearly independent, hence N ≥ n; for fewer scores there is `LowRank`. What is refused is said
    at `Dense`, here of S with its columns scaled to length one.

    >>> from_scores([[1, 0], [0, 2]]).as_matrix()
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    scores = arrays.real(scores, "scores", (..., "N", "n"))
    count, dim = scores.shape[-2:]
    arrays.must(count >= dim, "scores", "have at least as many rows as columns", f"its shape is {scores.shape}")
    return _of_columns(scores, count, "scores", "have independent columns", "columns")


def _of_columns(a: np.ndarray, count: int, name: str, wanted: str, scaled: str) -> Dense:
    # The metric AᵀA / count of an A with independent columns, shape (..., N, n).
    with np.errstate(all="ignore"):
        tensor = a.mT @ a / count
        # AᵀA = RᵀR for A = Q R with Q orthogonal; the signs make the diagonal of R positive.
        r = np.linalg.qr(a, mode="r")
        r *= np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None] / np.sqrt(count)
        squares = arrays.in_range(np.diagonal(tensor, axis1=-2, axis2=-1), name, source=lambda: a.any(axis=-2))
        arrays.must((squares > 0).all(), name, wanted, "its smallest singular value is 0")
        # The condition number of R is the root of that of RᵀR.
        if not _kernels.well_conditioned(r.mT, arrays.CONDITION**2):
            values = np.linalg.svd(r / np.sqrt(squares)[..., None, :], compute_uv=False)
            most = (values[..., 0] / values[..., -1]).max()
            found = f"scaled to {scaled} of length one its condition number is {most:.2g}"
            arrays.must(False, name, f"{wanted} beyond rounding", found)
    return Dense._from_factor(tensor, r.mT)
