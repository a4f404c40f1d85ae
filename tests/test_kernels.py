"""The careful loops of linear algebra against mpmath and numpy."""

import mpmath as mp
import numpy as np
import pytest
from tolerances import EXACT, assert_close

from natgrad._kernels import SMALL, cholesky, inverse_of_lower, solve, squared_lengths, well_conditioned


def test_inverse_of_lower():
    generator = np.random.default_rng(0)
    for n in 3, 5, 40, 101:
        factor = np.tril(generator.standard_normal((n, n))) + 3 * np.eye(n)
        factor[:, :] = factor / n**0.5 + 2 * np.eye(n)
        assert_close(inverse_of_lower(factor) @ factor, np.eye(n), EXACT)
        assert_close(inverse_of_lower(factor), np.linalg.inv(factor), EXACT)


def test_inverse_of_lower_keeps_small_rows_beside_large_ones():
    units = 10.0 ** np.array([-9, 0, 9, 3])
    factor = np.tril(np.random.default_rng(1).uniform(1, 2, (4, 4))) * units[:, None]
    with mp.workdps(60):
        expected = np.array((mp.matrix(factor.tolist()) ** -1).tolist(), dtype=float)
    assert_close(inverse_of_lower(factor), expected, EXACT, np.abs(expected) + 1e-300)


@pytest.mark.parametrize("shape", [(2, 2), (9, 9), (60, 60), (3, 40, 40), (400, 2, 2), (5, 7, 6, 6), (1500, 12, 12)])
def test_cholesky(shape):
    root = np.random.default_rng(0).standard_normal((*shape[:-1], 2 * shape[-1]))
    matrix = root @ root.mT
    factor = cholesky(matrix)
    assert_close(factor, np.linalg.cholesky(matrix), EXACT)
    assert not np.triu(factor, 1).any()
    g = np.random.default_rng(1).standard_normal((2, *shape[:-1]))
    expected = np.linalg.solve(matrix, g[..., None])[..., 0]
    if len(shape) == 2 and shape[0] > SMALL:
        assert_close(solve(factor, g), expected, EXACT * np.linalg.cond(matrix))
    else:
        assert solve(factor, g) is None
    assert_close(inverse_of_lower(factor), np.linalg.inv(factor), EXACT)
    for bad in (-1, np.nan) if len(shape) > 2 else (-1,):
        wrong = matrix.copy()
        wrong.reshape(-1, *shape[-2:])[-1, -1, -1] *= bad
        with np.errstate(invalid="ignore"):
            assert cholesky(wrong) is None


@pytest.mark.parametrize("n", [2, 30])
def test_more_vectors_than_a_block(n):
    rng = np.random.default_rng(n)
    matrix, v = rng.standard_normal((n, n)), rng.standard_normal((2, 50_000, n))
    assert_close(squared_lengths(matrix, v), ((v @ matrix.T) ** 2).sum(axis=-1), EXACT)


@pytest.mark.parametrize("n", [2, 3, 10, 40])
@pytest.mark.parametrize("units", [False, True])
def test_conditions_are_judged_as_eigenvalues_do(n, units):
    for digits in 0.5, 2, 4:
        for seed in range(10):
            rng = np.random.default_rng(seed)
            root = rng.standard_normal((n, n)) * np.logspace(0, -digits, n)
            matrix = root @ root.T
            scale = 1 / np.sqrt(matrix.diagonal())
            exact = np.linalg.cond(matrix * scale[:, None] * scale)
            if exact > 1e10:  # which is no longer exact
                continue
            scale = 10.0 ** rng.integers(-9, 9, n) if units else np.ones(n)
            factor = scale[:, None] * np.linalg.cholesky(matrix)
            for one in factor, np.stack([np.eye(n), factor]):
                assert well_conditioned(one, 1.01 * exact)
                assert not well_conditioned(one, 0.99 * exact)
