"""The careful loops of linear algebra against mpmath and numpy."""

import mpmath as mp
import numpy as np
import pytest
from tolerances import EXACT, FULL, assert_close

from natgrad import _kernels
from natgrad._kernels import (
    blocks,
    cholesky,
    condition,
    inverse_of_lower,
    refine,
    residual,
    solve_many,
    squared_lengths,
)


def test_inverse_of_lower():
    generator = np.random.default_rng(0)
    for n in 3, 5:
        factor = np.tril(generator.standard_normal((n, n))) + 3 * np.eye(n)
        assert_close(inverse_of_lower(factor) @ factor, np.eye(n), EXACT)
        assert_close(inverse_of_lower(factor), np.linalg.inv(factor), EXACT)


def test_inverse_of_lower_keeps_small_rows_beside_large_ones():
    units = 10.0 ** np.array([-9, 0, 9, 3])
    factor = np.tril(np.random.default_rng(1).uniform(1, 2, (4, 4))) * units[:, None]
    with mp.workdps(60):
        expected = np.array((mp.matrix(factor.tolist()) ** -1).tolist(), dtype=float)
    assert_close(inverse_of_lower(factor), expected, EXACT, np.abs(expected) + 1e-300)


def test_float32_stays_float32():
    factor = np.array([[2, 0], [1, 3]], dtype=np.float32)
    assert inverse_of_lower(factor).dtype == np.float32


@pytest.mark.parametrize("n", [5, 60])
def test_residuals_round_once(n):
    rng = np.random.default_rng(n)
    matrix, x = rng.standard_normal((n, n)) * 10.0 ** rng.integers(-6, 6, (n, n)), rng.standard_normal(n)
    g = matrix @ x
    with mp.workdps(60):
        exact = mp.matrix(g.tolist()) - mp.matrix(matrix.tolist()) * mp.matrix(x.tolist())
        exact = np.array(exact.T.tolist()[0], dtype=float)
    assert np.abs(g - matrix @ x - exact).max() > 0
    assert_close(residual(matrix, g, x), exact, FULL, np.abs(exact))
    units = 2.0 ** rng.integers(-200, 200, n)
    assert_close(residual(units[:, None] * matrix, units * g, x), units * exact, FULL, np.abs(units * exact))


@pytest.mark.parametrize("digits", [3, 9, 15])
def test_refinement_takes_few_steps(digits, monkeypatch):
    # As conjugate gradients do, three products in each, and what goes astray does not.
    q = np.linalg.qr(np.random.default_rng(digits).standard_normal((40, 40)))[0]
    tensor = (q * np.logspace(0, -digits, 40)) @ q.T
    tensor = (tensor + tensor.T) / 2
    calls = []
    monkeypatch.setattr(_kernels, "residual", lambda *arguments: calls.append(1) or residual(*arguments))
    assert refine(tensor, inverse_of_lower(cholesky(tensor)[0]), q @ np.ones(40)) is not None
    assert len(calls) <= {3: 12, 9: 12, 15: 24}[digits]


def test_refinement_that_fails_says_so():
    hilbert = 1 / np.add.outer(np.arange(1, 12), np.arange(11))
    assert refine(hilbert, np.eye(11), np.ones(11)) is None


def test_refinement_goes_on_where_one_coordinate_has_arrived():
    hilbert = np.zeros((11, 11))
    hilbert[:10, :10] = 1 / np.add.outer(np.arange(1, 11), np.arange(10))
    hilbert[10, 10] = 1
    with mp.workdps(60):
        exact = np.array(mp.lu_solve(mp.matrix(hilbert.tolist()), mp.matrix([1.0] * 10 + [0])).tolist(), float)[:, 0]
    found = refine(hilbert, inverse_of_lower(cholesky(hilbert)[0]), np.array([1.0] * 10 + [0]))
    assert_close(found, exact, FULL, np.abs(exact))


def test_batches_longer_than_a_block():
    rng = np.random.default_rng(8)
    root, g = rng.standard_normal((1500, 12, 24)), rng.standard_normal((2, 1500, 12))
    many = root @ root.mT
    factor, symmetric, definite = cholesky(many)
    assert symmetric
    assert definite
    assert_close(factor, np.linalg.cholesky(many), EXACT)
    solution = np.linalg.solve(many, g[..., None])[..., 0]
    assert_close(solve_many(factor, g, twice=True), solution, EXACT)
    halfway = np.linalg.solve(factor, g[..., None])[..., 0]
    assert_close(solve_many(factor, g, twice=False), halfway, EXACT)
    # One matrix for all vectors of a row.
    one = np.linalg.solve(many[:2, None], g[..., None])[..., 0]
    assert_close(solve_many(factor[:2, None], g, twice=True), one, EXACT)
    # Nearly singular is judged for each matrix, in its own units.
    for unit in 1e-20, 1, 1e20:
        assert cholesky(unit * many)[2]
        spoiled = unit * many
        spoiled[1000, :2, :2] = unit * 1e6
        spoiled[1000, 1, 1] *= 1 + 4e-16
        spoiled[1000, :2, 2:] = spoiled[1000, 2:, :2] = 0
        with np.errstate(invalid="ignore", divide="ignore"):
            assert not cholesky(spoiled)[2]
    for k in 100, 1499:  # in the first block, and in the last
        for wrong in np.copysign(1e-3, -1), 1.0:
            spoiled = many.copy()
            spoiled[k, 3, 2] += wrong
            assert not cholesky(spoiled)[1]
        spoiled = many.copy()
        spoiled[k, 5, 5] = -1
        with np.errstate(invalid="ignore"):
            assert not cholesky(spoiled)[2]


@pytest.mark.parametrize("n", [2, 30])
@pytest.mark.parametrize("transposed", [False, True])
def test_more_vectors_than_a_block(n, transposed):
    rng = np.random.default_rng(n)
    lower, v = np.tril(rng.standard_normal((n, n))), rng.standard_normal((2, 50_000, n))
    expected = ((v @ (lower if transposed else lower.T)) ** 2).sum(axis=-1)
    assert_close(squared_lengths(lower, v, transposed=transposed), expected, EXACT)


@pytest.mark.parametrize("shape", [(9, 9), (60, 60), (3, 40, 40), (400, 2, 2), (5, 7, 6, 6)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cholesky(shape, dtype):
    root = np.random.default_rng(0).standard_normal((*shape[:-1], 2 * shape[-1]))
    matrix = (root @ root.mT).astype(dtype)
    matrix = (matrix + matrix.mT) / 2
    factor, symmetric, definite = cholesky(matrix)
    assert symmetric
    assert definite
    assert factor.dtype == dtype
    expected = np.linalg.cholesky(matrix.astype(float))
    assert_close(np.tril(factor), expected, EXACT if dtype == np.float64 else 1e-4)
    # What is left of the matrix above a large one is used, too.
    assert (np.triu(factor, 1) == (np.triu(matrix, 1) if matrix.ndim == 2 and len(matrix) > 48 else 0)).all()
    wrong = matrix.copy()
    wrong[..., 0, 1] += 1
    assert not cholesky(wrong)[1]
    with np.errstate(invalid="ignore"):
        assert not cholesky(-matrix)[2]


@pytest.mark.parametrize("n", [64, 65, 128, 300])
def test_one_entry_off_the_mirror(n):
    matrix = np.eye(n) * n + 1
    for i, j in {(0, 1), (0, n - 1), (n - 1, 1), (n // 2, n // 2 - 1), (n - 2, n - 1)}:
        wrong = matrix.copy()
        assert cholesky(wrong)[1]
        wrong[i, j] += 1e-9
        assert not cholesky(wrong)[1]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_condition_of_a_small_matrix(n):
    root = np.random.default_rng(n).standard_normal((n, n + 2))
    matrix = root @ root.T
    expected = np.linalg.cond(matrix, 1)
    assert_close(condition(cholesky(matrix)[0], np.linalg.norm(matrix, 1)), expected, EXACT)


def test_one_of_many_that_is_not_definite():
    many = np.broadcast_to(np.eye(3), (50, 3, 3)).copy()
    many[7, 2, 2] = -1
    with np.errstate(invalid="ignore"):
        factor, _, definite = cholesky(many)
    assert not definite
    assert np.isnan(factor[7]).any()
    assert (np.delete(factor, 7, axis=0) == np.eye(3)).all()


def test_blocks_are_as_large_as_they_may_be():
    assert len(list(blocks((20_000,), 8192))) == 3
    assert len(list(blocks((3, 100, 100), 8192))) == 6


def test_blocks_cover_everything_once():
    for shape in ((), (7,), (3, 5), (2, 3, 4), (1, 1, 9)):
        for size in (1, 2, 4, 100):
            seen = np.zeros(shape, dtype=int)
            for index in blocks(shape, size):
                assert seen[index].size <= size
                seen[index] += 1
            assert (seen == 1).all()
