"""The few loops of linear algebra that have to be both careful and quick.

One matrix goes to LAPACK, by way of scipy if that is there. Many small ones are kept batch-last: every step of an
algorithm is then one operation on long contiguous rows, in blocks that stay in the cache.
"""

import math
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import numpy as np

# A single matrix larger than this is worth loading scipy for; up to this size many are done by a loop over columns.
SMALL, BATCH_SIZE = 3, 32
# Numbers in a block: a megabyte of float64, so that a block and what is made of it stay in the cache.
BLOCK = 2**17


@cache
def _by_lapack(n: int) -> bool:
    return n > SMALL and find_spec("scipy") is not None


@cache
def _lapack(name: str, dtype: np.dtype):
    from scipy.linalg import lapack

    return getattr(lapack, {"f": "s", "d": "d"}[dtype.char] + name)


def blocks(shape: tuple[int, ...], size: int) -> Iterator[tuple]:
    """Yield indices that cut an array of this shape into pieces of at most `size` elements."""
    rows = size // math.prod(shape[1:])
    if not shape:
        yield ()
    elif rows:
        yield from ((slice(start, start + rows),) for start in range(0, shape[0], rows))
    else:
        yield from ((i, *rest) for i in range(shape[0]) for rest in blocks(shape[1:], size))


def is_symmetric(matrix: np.ndarray) -> bool:
    """Whether matrices, shape (..., n, n), equal their transposes bit by bit; NaN equals nothing."""
    *lead, n, _ = matrix.shape
    if lead and n <= BATCH_SIZE:  # NaN on the diagonal shows in the factor
        return all((matrix[..., j, j + 1 :] == matrix[..., j + 1 :, j]).all() for j in range(n))
    parts = (slice(i, i + 128) for i in range(0, n, 128))
    return all((matrix[..., part, :] == matrix[..., part].mT).all() for part in parts)


def cholesky(matrix: np.ndarray) -> np.ndarray | None:
    """The lower factors L of A = L Lᵀ, shape (..., n, n), from the lower triangles; None if one of them isn't there."""
    *lead, n, _ = matrix.shape
    if lead and n <= BATCH_SIZE:
        last = np.empty((n, n, *lead), matrix.dtype)
        rows, factor = (np.moveaxis(matrix, (-2, -1), (0, 1)), np.moveaxis(last, (0, 1), (-2, -1)))
        for part in blocks(tuple(lead), max(1024, BLOCK // n**2)):
            last[:, :, *part] = cholesky_last(rows[:, :, *part].copy(order="C"))
    elif not lead and _by_lapack(n):
        # The transpose is the same matrix in the order of LAPACK.
        factor, failed = _lapack("potrf", matrix.dtype)(matrix.T, lower=1, clean=1)
        if failed:
            return None
    else:
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return None
    # Not everywhere is a pivot that isn't there an error: elsewhere it is NaN.
    return factor if np.minimum.reduce(factor.diagonal(axis1=-2, axis2=-1), axis=None) > 0 else None


def cholesky_last(matrix: np.ndarray) -> np.ndarray:
    """Lower Cholesky factors of symmetric matrices, shape (n, n, ...), from their lower triangles and in their place.

    Where a matrix isn't positive definite, its factor contains NaN; numpy's warning is left to the caller.
    """
    for j in range(len(matrix)):
        column = matrix[j:, j]
        if j:
            column -= np.einsum("p...,ip...->i...", matrix[j, :j], matrix[j:, :j])
        column[0] = np.sqrt(column[0])
        column[1:] *= 1 / column[0]
        matrix[:j, j] = 0
    return matrix


def solve_lower_last(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve L Y = R for lower triangles L, shape (n, n, ...), and R, shape (n, m, ...), in the place of R."""
    for i in range(len(factor)):
        if i:
            right[i] -= np.einsum("p...,pm...->m...", factor[i, :i], right[:i])
        right[i] /= factor[i, i]
    return right


def inverse_of_lower(factor: np.ndarray) -> np.ndarray:
    """L⁻¹ of one lower triangular L: [[A, 0], [B, C]]⁻¹ = [[A⁻¹, 0], [−C⁻¹ B A⁻¹, C⁻¹]].

    No row is mixed with one below it, which keeps small rows accurate beside large ones.
    """
    n = len(factor)
    if _by_lapack(n):
        return _lapack("trtri", factor.dtype)(factor, lower=1)[0]
    if n <= 16:
        return solve_lower_last(factor, np.eye(n, dtype=factor.dtype))
    half, inverse = n // 2, np.zeros_like(factor)
    a = inverse[:half, :half] = inverse_of_lower(factor[:half, :half])
    c = inverse[half:, half:] = inverse_of_lower(factor[half:, half:])
    inverse[half:, :half] = -(c @ factor[half:, :half] @ a)
    return inverse


def solve_one(factor: np.ndarray, g: np.ndarray, *, twice: bool = True) -> np.ndarray:
    """L⁻ᵀ L⁻¹ g, or L⁻¹ g unless `twice`, for one lower triangular L, shape (n, n), and vectors g, shape (..., n)."""
    n = len(factor)
    if not _by_lapack(n):
        inverse = inverse_of_lower(factor)
        return g @ inverse.T @ inverse if twice else g @ inverse.T
    solve = _lapack("potrs" if twice else "trtrs", np.result_type(factor, g))
    return np.ascontiguousarray(solve(factor, g.reshape(-1, n).T, lower=1)[0].T).reshape(g.shape)


def solve_many(factor: np.ndarray, g: np.ndarray, *, twice: bool = True) -> np.ndarray:
    """L⁻ᵀ L⁻¹ g, or L⁻¹ g unless `twice`, for batches of L, shape (..., n, n), and g that broadcast."""
    lead, n = np.broadcast_shapes(factor.shape[:-2], g.shape[:-1]), g.shape[-1]
    factors = np.moveaxis(np.broadcast_to(factor, (*lead, n, n)), (-2, -1), (0, 1))
    vectors = np.moveaxis(np.broadcast_to(g, (*lead, n)), -1, 0)
    out = np.empty((*lead, n), np.result_type(factor, g))
    for part in blocks(lead, max(1024, BLOCK // n**2)):
        lower, y = factors[:, :, *part], vectors[:, *part].astype(out.dtype, order="C")
        solve_lower_last(lower, y[:, None])
        if twice:  # Lᵀ read from its end is a lower triangle
            solve_lower_last(lower.swapaxes(0, 1)[::-1, ::-1], y[::-1, None])
        out[part] = np.moveaxis(y, 0, -1)
    return out


def squared_lengths(matrix: np.ndarray, v: np.ndarray) -> np.ndarray:
    """‖A v‖² of vectors v, shape (..., n), under one A, shape (n, n), in blocks: only the result is as long as v."""
    n = len(matrix)
    rows, step = v.reshape(-1, n), max(512, BLOCK // (2 * n))
    out = np.empty(len(rows), np.result_type(matrix, v))
    workspace = np.empty(min(step, len(rows)) * n, out.dtype)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        # Coordinates first: the sums over a few coordinates are then sums of long rows.
        w = np.matmul(matrix, part.T, out=workspace[: part.size].reshape(n, -1))
        np.add.reduce(np.multiply(w, w, out=w), axis=0, out=out[start : start + step])
    return out.reshape(v.shape[:-1])[()]


def inverse_norm(factor: np.ndarray) -> float:
    """The 1-norm of (L Lᵀ)⁻¹ for one L, shape (n, n), or an estimate that is hardly ever off by ten."""
    if not _by_lapack(len(factor)):
        inverse = inverse_of_lower(factor)
        return float(np.linalg.norm(inverse.T @ inverse, 1))
    reciprocal, _ = _lapack("pocon", factor.dtype)(factor, 1.0, uplo="L")
    return 1 / float(reciprocal) if reciprocal else math.inf


def well_conditioned(factor: np.ndarray, most: float) -> bool:
    """Whether all A = L Lᵀ have a condition number below `most` when scaled to a diagonal of ones, C = D A D.

    First by a bound: the trace of C is n, so that its smallest eigenvalue is at least det C (1 − 1/n)ⁿ⁻¹ ≥ det C/e, by
    the means of the others, and no eigenvalue is larger than n. Then by an estimate. Singular values decide the rest.
    """
    n = factor.shape[-1]
    if factor.ndim == 2:
        squares, pivots = np.vecdot(factor, factor), factor.diagonal()
    else:
        last = np.moveaxis(factor, (-2, -1), (0, 1))
        squares, pivots = np.einsum("ij...,ij...->i...", last, last), np.einsum("ii...->i...", last)
    suspects = ~(np.multiply.reduce(pivots * pivots / squares) * most > n * math.e)
    if not suspects.any():
        return True
    rows = (factor / np.sqrt(np.moveaxis(squares, 0, -1))[..., None])[suspects]
    if factor.ndim == 2 and 10 * n * inverse_norm(rows[0]) < most:
        return True
    if not np.isfinite(rows).all():
        return False
    values = np.linalg.svd(rows, compute_uv=False)
    return bool((values[..., 0] < math.sqrt(most) * values[..., -1]).all())
