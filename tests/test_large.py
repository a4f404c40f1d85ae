"""Metrics that are never written down: their digits against mpmath, their memory, and what they refuse."""

import pickle
import tracemalloc

import mpmath as mp
import numpy as np
import pytest
from scipy import linalg
from tolerances import EXACT, FULL, assert_close

import natgrad as ng

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((8, 30))
REWARDS, GRADIENT = RNG.standard_normal(8), RNG.standard_normal(30)
DAMPINGS = [1.0, 1e-2, 1e-6, 1e-10]
# Singular values from 1 to 1e-3, and a score that is there twice.
SPREAD = SCORES * np.logspace(0, -3, 8)[:, None]
TWICE = SCORES[[0, 1, 2, 2]]


def precise(scores, damping, gradient):
    """(SᵀS/N + damping I)⁻¹ g in 80 digits, rounded once."""
    with mp.workdps(80):
        s, n = mp.matrix(scores.tolist()), len(scores)
        solution = mp.lu_solve(s.T * s / n + mp.mpf(damping) * mp.eye(scores.shape[1]), mp.matrix(gradient.tolist()))
        return np.array([float(entry) for entry in solution])


def error(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("scores", [SCORES, SPREAD, TWICE, SCORES.reshape(80, 3)], ids=["8", "spread", "twice", "many"])
def test_solutions_lose_no_more_digits_than_the_scores_exceed_the_damping(scores, damping):
    metric, n = ng.LowRank(scores, damping), scores.shape[1]
    excess = (scores**2).sum() / len(scores) / damping
    # The second, all of it in the span of the scores, is where Woodbury's formula cancels.
    for gradient in GRADIENT[:n], scores.T @ np.cos(np.arange(len(scores))):
        exact, tolerance = precise(scores, damping, gradient), FULL * (1 + excess)
        assert error(metric.solve(gradient), exact) <= tolerance
        assert abs(metric.squared_dual_norm(gradient) / (gradient @ exact) - 1) <= tolerance + EXACT


@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_of_the_largest_score_is_not_lost_in_the_smallest(seed):
    rng, damping = np.random.default_rng(seed), 1.5e-12
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (3, 6))
    scores = left * [1, 30 * damping**0.5, damping**0.5] @ right[:3]
    exact = precise(scores, damping, right[0])
    assert error(ng.LowRank(scores, damping).solve(right[0]), exact) <= FULL / 3 / damping


def test_the_digits_are_really_lost_there():
    gradient = SCORES.T @ REWARDS
    assert error(ng.LowRank(SCORES, 1e-10).solve(gradient), precise(SCORES, 1e-10, gradient)) > FULL


@pytest.mark.parametrize("damping", [1e-13, 1e-16, 1e-40])
def test_hardly_any_damping_is_refused(damping):
    with pytest.raises(ValueError, match=r"^`damping` must be large enough to solve with, but the sum of squares of"):
        ng.LowRank(SCORES, damping)


def test_several_at_once():
    metric = ng.LowRank(SCORES, 1e-2)
    gradients = np.stack([GRADIENT, SCORES.T @ REWARDS / 8, 0 * GRADIENT])[:, None]
    found = metric.solve(gradients)
    assert found.shape == (3, 1, 30)
    assert not found[2].any()
    for one, gradient in zip(found[:2, 0], gradients[:2, 0], strict=True):
        assert error(one, precise(SCORES, 1e-2, gradient)) <= 1e-12


def test_scores_are_neither_copied_nor_changed():
    scores = SCORES.copy()
    metric = ng.LowRank(scores, 0.1)
    metric.solve(GRADIENT)
    assert np.shares_memory(metric._scores, scores)
    assert (scores == SCORES).all()


def test_wrong_gradients_are_not_taken_for_small_damping():
    metric = ng.LowRank(SCORES, 1e-10)
    for bad in np.nan, np.inf:
        for verb in metric.solve, metric.dual_norm:
            with pytest.raises(ValueError, match="^`g` must be finite"):
                verb(np.where(np.arange(30) == 7, bad, GRADIENT))


def test_memory():
    n, dim = 40, 50_000
    scores, gradient = RNG.standard_normal((n, dim)), RNG.standard_normal(dim)
    ng.LowRank(scores[:, :50], 1).solve(gradient[:50])  # loads what it needs
    tracemalloc.start()
    try:
        ng.LowRank(scores, 1e-3).solve(gradient)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 8 * (4 * n**2 + 4 * dim)


def test_low_rank_metrics_can_be_sent_elsewhere():
    metric = pickle.loads(pickle.dumps(ng.LowRank(SCORES, 0.1)))
    assert (metric.solve(GRADIENT) == ng.LowRank(SCORES, 0.1).solve(GRADIENT)).all()


# Matrix-free.


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_blamed_on_the_function(bad):
    metric, wrong = ng.MatrixFree(lambda v: 2 * v, 2), [1.0, bad]
    for verb, name in [(metric.apply, "v"), (metric.norm, "v"), (metric.squared_norm, "v"), (metric.solve, "g")]:
        with pytest.raises(ValueError, match=f"^`{name}` must be finite, but it contains {bad}"):
            verb(wrong)
    with pytest.raises(ValueError, match="^`gradient` must be finite"):
        ng.natural_gradient(wrong, metric)
    with pytest.raises(ValueError, match="^`x` and `y` must have a result within the range of float64"):
        metric.distance([1e308, 0], [-1e308, 0])


def with_spectrum(eigenvalues, seed=1):
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2))[0]
    matrix = (q * eigenvalues) @ q.T
    return np.tril(matrix) + np.tril(matrix, -1).T


def test_the_same_as_scipy():
    matrix, g = with_spectrum(np.logspace(0, 3, 40)), np.arange(40.0)
    expected = linalg.solve(matrix, g, assume_a="pos")
    assert_close(ng.MatrixFree(lambda v: matrix @ v, 40, 1e-13).solve(g), expected, EXACT * 1e3)


def test_what_is_not_symmetric_or_not_positive_is_refused():
    skew = np.eye(4) + np.triu(np.full((4, 4), 1e-6), 1)
    with pytest.raises(ValueError, match=r"^`matvec` must be symmetric, but .* vᵀGu = \S+ and uᵀGv = \S+\.$"):
        ng.MatrixFree(lambda v: skew @ v, 4)
    with pytest.raises(ValueError, match=r"^`matvec` must be symmetric"):
        ng.MatrixFree(lambda v: 4 * v + 1e-3, 4)
    with pytest.raises(ValueError, match=r"^`matvec` must be positive definite, but for a vector v"):
        ng.MatrixFree(lambda v: -v, 4)
    # One negative direction among many, which no random vector shows.
    entries = np.append(np.ones(49), -1e-3)
    metric = ng.MatrixFree(lambda v: entries * v, 50)
    for verb in metric.solve, metric.squared_norm:
        with pytest.raises(ValueError, match="^`matvec` must be positive definite"):
            verb(np.eye(50)[-1])


def test_one_vector_at_a_time_that_nobody_else_holds():
    # Products of matrices with a square stack of vectors would go wrong silently; so would a buffer that is used again.
    matrix, buffer = with_spectrum([1.0, 2.0, 5.0]), np.empty(3)

    def careless(v):
        assert v.shape == (3,)
        np.matmul(matrix, v, out=buffer)
        v[:] = np.nan
        return buffer

    g = np.random.default_rng(0).standard_normal((3, 3))
    metric = ng.MatrixFree(careless, 3, 1e-13)
    assert_close(metric.solve(g), np.linalg.solve(matrix, g.T).T, EXACT)
    assert_close(metric.apply(g), g @ matrix, EXACT)


def test_mistakes_of_the_function_are_not_hidden():
    def broken(v):
        raise KeyError("its own mistake")

    with pytest.raises(KeyError, match="its own mistake"):
        ng.MatrixFree(broken, 3)
    with pytest.raises(ValueError, match=r"^`matvec` must have the shape \(3,\), but its shape is \(2,\)"):
        ng.MatrixFree(lambda v: v[:2], 3)


def test_symmetry_is_judged_by_the_length_of_what_is_compared():
    for n in 10, 100_000:
        assert ng.MatrixFree(lambda v: v + v.mean(), n).dim == n


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-10])
def test_the_error_is_no_larger_than_asked_and_reported(tolerance):
    matrix, g = with_spectrum(np.logspace(0, 4, 60)), np.random.default_rng(2).standard_normal(60)
    dense, exact = ng.Dense(matrix), np.linalg.solve(matrix, g)
    found = ng.MatrixFree(lambda v: matrix @ v, 60, tolerance).solution(g)
    error = dense.norm(found.value - exact) / dense.norm(exact)
    assert error <= tolerance
    assert found.error <= tolerance


def test_few_eigenvalues_need_few_iterations():
    matrix = with_spectrum(np.repeat([1.0, 3.0, 10.0], 20))
    assert ng.MatrixFree(lambda v: matrix @ v, 60).solution(np.arange(60.0)).iterations <= 20
    assert ng.MatrixFree(lambda v: 2 * v, 3).solution([0, 0, 0]).iterations == 0


@pytest.mark.parametrize("exponent", [-200, -100, 100, 200])
def test_gradients_and_matrices_of_any_size(exponent):
    matrix, g, factor = with_spectrum(np.logspace(0, 3, 40)), np.arange(40.0), 10.0**exponent
    expected = np.linalg.solve(matrix, g)
    assert_close(ng.MatrixFree(lambda v: matrix @ v, 40, 1e-12).solve(factor * g), factor * expected, 1e-9)
    assert_close(ng.MatrixFree(lambda v: factor * (matrix @ v), 40, 1e-12).solve(g), expected / factor, 1e-9)


def test_a_solution_may_contain_zeros():
    assert_close(ng.MatrixFree(lambda v: 2 * v, 3).solution([2, 0, 0]).value, [1, 0, 0], 1e-15)


def test_no_convergence_says_how_far_it_came():
    matrix = with_spectrum(np.logspace(0, 6, 100))
    with pytest.raises(ValueError, match=r"^`matvec` must let .* error of 1e-08, but it is \S+ after 7 iterations\.$"):
        ng.MatrixFree(lambda v: matrix @ v, 100, iterations=7).solve(np.ones(100))
    # Not to be had in float64, and given up long before the limit.
    with pytest.raises(
        ValueError, match=r"^`matvec` must let .* error of 1e-16, but it is \S+ after \d{2,4} iterations"
    ):
        ng.MatrixFree(lambda v: matrix @ v, 100, 1e-16, 10**9).solve(np.ones(100))


@pytest.mark.parametrize("exponent", [-30, -10, 10, 30])
def test_low_rank_in_other_units_is_right_or_refused(exponent):
    factor = 10.0**exponent
    for scores, damping, gradient in [
        (factor * SCORES, 1.0, GRADIENT),
        (SCORES, factor, GRADIENT),
        (SCORES, 1.0, factor * GRADIENT),
        (factor * SCORES, factor**2, GRADIENT),
    ]:
        try:
            found = ng.LowRank(scores, damping).solve(gradient)
        except ValueError as refusal:
            assert str(refusal).startswith("`")  # noqa: PT017 (either is right)
        else:
            assert error(found, precise(scores, damping, gradient)) <= 1e-3
