"""Matrices without digits are refused at all doors by one criterion, and iterations stop by a norm without units."""

import mpmath as mp
import numpy as np
import pytest

import natgrad as ng


def correlated(n, digits, seed=0):
    """A matrix with a diagonal of ones and a condition number of about 10**digits."""
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    matrix = (q * np.logspace(0, -digits, n)) @ q.T
    scale = 1 / np.sqrt(matrix.diagonal())
    matrix = scale[:, None] * matrix * scale
    return np.tril(matrix) + np.tril(matrix, -1).T


def nearly_singular():
    """A covariance of twenty coordinates of which float64 holds no digit of the inverse."""
    rng, i = np.random.default_rng(0), np.arange(20)
    factor = np.tril(rng.normal(size=(20, 20)))
    factor[i, i] = np.sqrt(0.1 * np.exp(factor[i, i]))
    cov = factor @ factor.T
    return (cov + cov.T) / 2


# Each takes a symmetric positive definite matrix, or what makes it.
DOORS = {
    "Dense": (ng.Dense, "tensor"),
    "from_covariance": (ng.from_covariance, "cov"),
    "Kronecker": (lambda matrix: ng.Kronecker(matrix, np.eye(2)), "inputs"),
    "LowRank": (
        lambda matrix: ng.LowRank(np.linalg.svd(matrix)[0] * np.sqrt(np.linalg.svd(matrix)[1]), 1e-30),
        "damping",
    ),
    "from_frame": (lambda matrix: ng.from_frame(matrix), "frame"),
    "from_scores": (lambda matrix: ng.from_scores(matrix), "scores"),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_matrix_without_digits_is_refused(door):
    make, name = DOORS[door]
    for matrix in nearly_singular(), correlated(20, 14), correlated(60, 14):
        with pytest.raises(ValueError, match=f"^`{name}` must .*, but "):
            make(matrix)


@pytest.mark.parametrize("n", [3, 20, 60])
@pytest.mark.parametrize("digits", [2, 6, 10])
def test_what_is_accepted_has_digits_left_in_any_units(n, digits):
    matrix, v = correlated(n, digits, n), np.random.default_rng(1).standard_normal(n)
    for units in np.ones(n), 10.0 ** np.random.default_rng(2).integers(-8, 9, n):
        cov = matrix * units[:, None] * units
        with mp.workdps(60):
            white = mp.lu_solve(mp.matrix(cov.tolist()), mp.matrix((v * units).tolist()))
            exact = float(mp.fdot((v * units).tolist(), list(white)))
        found = ng.from_covariance(cov).squared_norm(v * units)
        assert abs(found / exact - 1) <= 10 * np.linalg.cond(matrix) * np.finfo(float).eps


def test_one_coordinate_in_another_unit():
    metric = ng.MatrixFree(lambda v: np.array([1, 1e-10]) * v, 2)
    assert np.abs(metric.solve([1, 5e-9]) / [1, 50] - 1).max() < 1e-8


@pytest.mark.parametrize("seed", range(60))
def test_units_change_no_digit_of_a_matrix_free_solution(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    root = rng.standard_normal((n, 2 * n))
    units = 10.0 ** rng.uniform(-6, 6, n)
    tensor, g = root @ root.T / n * units[:, None] * units, rng.standard_normal(n) * units
    metric, dense = ng.MatrixFree(lambda v: tensor @ v, n, tolerance=1e-8), ng.Dense(tensor)
    exact = dense.solve(g)
    assert dense.norm(metric.solve(g) - exact) <= 1e-8 * dense.norm(exact)
