"""Triangular factors, A = L Lᵀ: one larger matrix goes to LAPACK by way of scipy, if that is there."""

from functools import cache
from importlib.util import find_spec

import numpy as np

# A single matrix larger than this is worth loading scipy for.
SMALL = 3
# Numbers in a block: a megabyte, so that a block stays in the cache; a part of that, if much is made of it.
BLOCK = 2**17


@cache
def _lapack(n: int):
    if n > SMALL and find_spec("scipy"):
        from scipy.linalg import lapack

        return lapack


def cholesky(matrix: np.ndarray) -> np.ndarray | None:
    """The lower factors L of A = L Lᵀ, shape (..., n, n), or None if one of them isn't there."""
    if matrix.ndim == 2 and (lapack := _lapack(len(matrix))):
        factor, failed = lapack.dpotrf(matrix.T, lower=1, clean=1)  # the transpose is the same, in its own order
        return None if failed else factor
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    # Not everywhere is a pivot that isn't there an error: elsewhere it is NaN.
    return factor if (factor.diagonal(axis1=-2, axis2=-1) > 0).all() else None


def inverse_of_lower(factor: np.ndarray) -> np.ndarray:
    """L⁻¹ of lower triangles. No row is mixed with one below it: small ones stay accurate beside large ones."""
    if factor.ndim == 2 and (lapack := _lapack(len(factor))):
        return lapack.dtrtri(factor, lower=1)[0]
    n = factor.shape[-1]
    many, step = factor.reshape(-1, n, n), max(1, BLOCK // n**2)
    out = np.empty(many.shape)
    for start in range(0, len(many), step):
        out[start : start + step] = _inverses(many[start : start + step])
    return out.reshape(factor.shape)


def _inverses(factor: np.ndarray) -> np.ndarray:
    # Transposed, the axes of many matrices come last, so that the innermost loops are long.
    upper = factor.T.copy()
    inverse = np.zeros_like(upper)
    for i in range(len(upper)):
        inverse[i, i] = 1 / upper[i, i]
        if i:
            inverse[:i, i] = -np.einsum("p...,mp...->m...", upper[:i, i], inverse[:i, :i]) * inverse[i, i]
    return inverse.T


def solve(factor: np.ndarray, g: np.ndarray) -> np.ndarray | None:
    """L⁻ᵀ L⁻¹ g of one larger L without an inverse, if LAPACK is there to do it."""
    n = g.shape[-1]
    if factor.ndim == 2 and (lapack := _lapack(n)):
        return np.ascontiguousarray(lapack.dpotrs(factor, g.reshape(-1, n).T, lower=1)[0].T).reshape(g.shape)


def products(matrix: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A v. One matrix and many vectors make one product of matrices, which is quicker."""
    return v @ matrix.T if matrix.ndim == 2 else np.einsum("...ij,...j->...i", matrix, v)


def squared_lengths(matrix: np.ndarray, v: np.ndarray) -> np.ndarray:
    """‖A v‖² of vectors v, shape (..., n); of many under one A in blocks, so that only the result is as long as v."""
    n = v.shape[-1]
    if matrix.ndim > 2 or v.size <= BLOCK:
        w = products(matrix, v)
        return np.vecdot(w, w)
    rows, step = v.reshape(-1, n), max(512, BLOCK // (2 * n))
    # Coordinates first: the sums over a few coordinates are then sums of long rows.
    blocks = (matrix @ rows[start : start + step].T for start in range(0, len(rows), step))
    return np.concatenate([(w * w).sum(axis=0) for w in blocks]).reshape(v.shape[:-1])


def well_conditioned(factor: np.ndarray, most: float) -> bool:
    """Whether all A = L Lᵀ have a condition number below `most` when scaled to a diagonal of ones, C = D A D.

    First by a bound: the trace of C is n, so that its smallest eigenvalue is at least det C (1 − 1/n)ⁿ⁻¹ ≥ det C/e, by
    the means of the others, and no eigenvalue is larger than n. Singular values decide the rest.
    """
    n, squares, pivots = factor.shape[-1], np.vecdot(factor, factor), factor.diagonal(axis1=-2, axis2=-1)
    suspects = ~(np.multiply.reduce(pivots * pivots / squares, axis=-1) * most > n * np.e)
    if not suspects.any():
        return True
    rows = factor / np.sqrt(squares)[..., None]
    # For one large matrix an estimate from LAPACK saves the singular values, unless it is close.
    if factor.ndim == 2 and (lapack := _lapack(n)) and 10 * n < most * lapack.dpocon(rows, 1.0, uplo="L")[0]:
        return True
    values = np.linalg.svd(rows[suspects], compute_uv=False)
    return bool((values[..., 0] < np.sqrt(most) * values[..., -1]).all())
