"""The careful loops of linear algebra against mpmath and numpy."""

import mpmath as mp
import numpy as np
import pytest
from tolerances import EXACT, FULL, assert_close

from natgrad._kernels import ExactProduct, blocks, cholesky, inverse_of_lower


def test_inverse_of_lower():
    generator = np.random.default_rng(0)
    factor = np.tril(generator.standard_normal((3, 5, 5))) + 3 * np.eye(5)
    assert_close(inverse_of_lower(factor) @ factor, np.broadcast_to(np.eye(5), (3, 5, 5)), EXACT)
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
def test_exact_products_round_once(n):
    rng = np.random.default_rng(n)
    matrix, x = rng.standard_normal((n, n)) * 10.0 ** rng.integers(-6, 6, (n, n)), rng.standard_normal(n)
    g = matrix @ x
    with mp.workdps(60):
        exact = mp.matrix(g.tolist()) - mp.matrix(matrix.tolist()) * mp.matrix(x.tolist())
        exact = np.array(exact.T.tolist()[0], dtype=float)
    assert np.abs(g - matrix @ x - exact).max() > 0
    assert_close(ExactProduct(matrix).residual(g, x), exact, FULL, np.abs(exact))


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


def test_one_of_many_that_is_not_definite():
    many = np.broadcast_to(np.eye(3), (50, 3, 3)).copy()
    many[7, 2, 2] = -1
    with np.errstate(invalid="ignore"):
        factor, _, definite = cholesky(many)
    assert not definite
    assert np.isnan(factor[7]).any()
    assert (np.delete(factor, 7, axis=0) == np.eye(3)).all()


def test_blocks_cover_everything_once():
    for shape in ((), (7,), (3, 5), (2, 3, 4), (1, 1, 9)):
        for size in (1, 2, 4, 100):
            seen = np.zeros(shape, dtype=int)
            for index in blocks(shape, size):
                assert seen[index].size <= size
                seen[index] += 1
            assert (seen == 1).all()
