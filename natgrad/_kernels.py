"""The few loops that have to be both careful and quick.

One matrix goes to LAPACK, by way of scipy, which is loaded only then. Many small ones are kept batch-last:
every step of an algorithm is then one operation on long contiguous rows, in blocks that stay in the cache.
"""

import math
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import numpy as np

from ._special import product

# A single matrix larger than the first is worth a call of LAPACK; without scipy, as in a browser, there is something
# instead up to the second.
SMALL, LARGE = 3, 48
# Up to this size many matrices are factorised by a loop over their columns.
BATCH_SIZE = 32
# Numbers in a block: a megabyte of float64, so that a block and what is made of it stay in the cache; and the rows of a
# tile, that it and its mirror image do.
BLOCK, TILE = 2**17, 128


@cache
def _scipy(name: str, dtype: np.dtype):
    from scipy.linalg import blas, lapack

    name = {"f": "s", "d": "d"}[dtype.char] + name
    return getattr(lapack, name, None) or getattr(blas, name)


@cache
def _by_lapack(n: int) -> bool:
    return n > SMALL and (n >= LARGE or find_spec("scipy") is not None)


def cholesky(matrix: np.ndarray, *, overwrite: bool = False) -> tuple[np.ndarray, bool, bool]:
    """The lower factors L of matrices L Lᵀ, shape (..., n, n); whether these equal their transposes; whether L exists.

    Equality is judged bit by bit; L exists if every pivot is greater than its rounding error. NaN is neither.
    The other triangle of a single L is empty, or if it is large, that of the matrix.
    """
    *_, n = matrix.shape
    rounding = n * np.finfo(matrix.dtype).eps
    if matrix.ndim > 2 and n <= BATCH_SIZE:
        return _cholesky_of_many(matrix, rounding)
    parts = [slice(i, i + TILE) for i in range(0, n, TILE)]
    tiles = ((..., part, other) for i, part in enumerate(parts) for other in parts[: i + 1])
    symmetric = all((matrix[tile] == matrix.mT[tile]).all() for tile in tiles)
    limits = rounding * matrix.diagonal(axis1=-2, axis2=-1)
    try:
        if matrix.ndim == 2 and _by_lapack(n):
            # The transpose is the same matrix in the order of LAPACK.
            factor, failed = _scipy("potrf", matrix.dtype)(matrix.T, lower=1, clean=n < LARGE, overwrite_a=overwrite)
        else:
            factor, failed = np.linalg.cholesky(matrix), False
    except np.linalg.LinAlgError:
        return matrix, symmetric, False
    pivots = factor.diagonal(axis1=-2, axis2=-1)
    return factor, symmetric, not failed and bool((pivots * pivots > limits).all())


def _cholesky_of_many(matrix: np.ndarray, rounding: float) -> tuple[np.ndarray, bool, bool]:
    *lead, _, n = matrix.shape
    rows = np.moveaxis(matrix.reshape(-1, n, n), 0, -1)
    # Pages of zeros that are never written to cost nothing.
    factor, symmetric, definite = np.zeros(rows.shape, matrix.dtype), True, True
    for part in blocks(rows.shape[2:], max(1024, BLOCK // n**2)):
        f = rows[:, :, *part].copy()
        limits = rounding * np.einsum("jj...->j...", f)
        symmetric = symmetric and all((f[j, j + 1 :] == f[j + 1 :, j]).all() for j in range(n))
        pivots = np.einsum("jj...->j...", cholesky_last(f))
        definite = definite and bool((pivots * pivots > limits).all())
        for j in range(n):
            factor[j:, j, *part] = f[j:, j]
    return np.moveaxis(factor.reshape(n, n, *lead), (0, 1), (-2, -1)), symmetric, definite


def solve_many(factor: np.ndarray, g: np.ndarray, *, twice: bool) -> np.ndarray:
    """L⁻¹ g, or L⁻ᵀ L⁻¹ g if `twice`, for batches of L, shape (..., n, n), and g that broadcast."""
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


def solve_one(factor: np.ndarray, g: np.ndarray) -> np.ndarray:
    """(L Lᵀ)⁻¹ g for one L, shape (n, n), of which only the lower triangle is read, and vectors g, shape (..., n)."""
    n = len(factor)
    if not _by_lapack(n):
        inverse = inverse_of_lower(factor)
        return g @ inverse.T @ inverse
    solution, _ = _scipy("potrs", np.result_type(factor, g))(factor, g.reshape(-1, n).T, lower=1)
    return np.ascontiguousarray(solution.T).reshape(g.shape)


def inverse_of_lower(factor: np.ndarray) -> np.ndarray:
    """Invert a lower triangular matrix; what is in the other triangle may stay there.

    It is done row by row, which keeps small rows accurate beside large ones.
    """
    if _by_lapack(len(factor)):
        return _scipy("trtri", factor.dtype)(factor, lower=1)[0]
    return solve_lower_last(factor, np.eye(len(factor), dtype=factor.dtype))


def condition(factor: np.ndarray, norm: float) -> float:
    """The norm of a matrix times that of its inverse, which is estimated in the 1-norm from the lower factor L."""
    if not _by_lapack(len(factor)):
        inverse = inverse_of_lower(factor)
        return norm * np.linalg.norm(inverse.T @ inverse, 1)
    reciprocal, _ = _scipy("pocon", factor.dtype)(factor, norm, uplo="L")
    return 1 / reciprocal if reciprocal else np.inf


def squared_lengths(lower: np.ndarray, v: np.ndarray, *, transposed: bool) -> np.ndarray:
    """‖L v‖², or ‖Lᵀ v‖² if `transposed`, of vectors v, shape (..., n), under one lower triangular L, shape (n, n).

    In blocks, so that nothing but the result is as long as v.
    """
    n, rows = len(lower), v.reshape(-1, len(lower))
    out = np.empty(len(rows), np.result_type(lower, v))
    step = max(512, BLOCK // (2 * n))
    workspace = np.empty(min(step, len(rows)) * n, out.dtype)
    for start in range(0, len(rows), step):
        block, part = rows[start : start + step], slice(start, start + step)
        w = workspace[: block.size]
        if n > 24 and _by_lapack(n):  # half the work of a full product
            w = w.reshape(block.shape)
            w[...] = block
            w = _scipy("trmm", out.dtype)(1.0, lower, w.T, lower=1, trans_a=transposed, overwrite_b=1).T
            np.vecdot(w, w, out=out[part])
        else:  # coordinates first: the sums over a few coordinates are then sums of long rows
            w = np.matmul(lower.T if transposed else lower, block.T, out=w.reshape(n, -1))
            np.add.reduce(np.multiply(w, w, out=w), axis=0, out=out[part])
    return out.reshape(v.shape[:-1])[()]


def residual(matrix: np.ndarray, g: np.ndarray, *parts: np.ndarray) -> np.ndarray:
    """g − A x, shape (n,), for x the sum of its parts, every entry rounded once: exact sums of exact products."""
    terms = (np.concatenate([product(row, -part) for part in parts], axis=None).tolist() for row in matrix)
    return np.array([math.fsum([entry, *row]) for entry, row in zip(g, terms, strict=True)])


def refine(matrix: np.ndarray, inverse: np.ndarray, g: np.ndarray) -> np.ndarray | None:
    """A⁻¹ g, shape (n,), by conjugate gradients in the metric of the rounded L of A = L Lᵀ, by its inverse; or None."""
    # The solution is held as x + tail, so that the steps go on shrinking below the rounding of x.
    x, tail, left, white = np.zeros_like(g), np.zeros_like(g), g, inverse @ g
    step = inverse.T @ white
    for _ in range(50):
        if (gain := step @ left) == 0:
            return x + tail
        move = step * (gain / -(step @ residual(matrix, np.zeros_like(g), step)))
        if not np.isfinite(move).all():
            return None
        total = x + move
        part = total - x
        tail += (x - (total - part)) + (move - part)
        x, left, last = total, residual(matrix, g, total, tail), white
        if np.abs(move).max() <= 2.0**-60 * np.abs(x).max():
            return x + tail
        white = inverse @ left
        step = inverse.T @ white + white @ (white - last) / (last @ last) * step
    return None


def blocks(shape: tuple[int, ...], size: int) -> Iterator[tuple]:
    """Yield indices that cut an array of this shape into pieces of at most `size` elements."""
    rows = size // math.prod(shape[1:])
    if not shape:
        yield ()
    elif rows:
        yield from ((slice(start, start + rows),) for start in range(0, shape[0], rows))
    else:
        yield from ((i, *rest) for i in range(shape[0]) for rest in blocks(shape[1:], size))


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
