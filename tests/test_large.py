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
DAMPINGS = [1.0, 1e-2, 1e-6, 1e-10, 1e-14]
# Singular values from 1 to 1e-3, and a score that is there twice.
SPREAD = SCORES * np.logspace(0, -3, 8)[:, None]
TWICE = SCORES[[0, 1, 2, 2]]


def precise(scores, damping, gradient=None, rewards=None):
    """(SᵀS/N + damping I)⁻¹ g in 80 digits, for g itself or for SᵀR/N, rounded once."""
    with mp.workdps(80):
        s, n = mp.matrix(scores.tolist()), len(scores)
        g = s.T * mp.matrix(rewards.tolist()) / n if gradient is None else mp.matrix(gradient.tolist())
        solution = mp.lu_solve(s.T * s / n + mp.mpf(damping) * mp.eye(scores.shape[1]), g)
        return np.array([float(entry) for entry in solution])


def error(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("damping", DAMPINGS)
def test_rewards_keep_their_digits(damping):
    found = ng.LowRank(SCORES, damping).solve_rewards(REWARDS)
    assert error(found, precise(SCORES, damping, rewards=REWARDS)) <= 1e-14


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("scores", [SCORES, SPREAD], ids=["alike", "spread"])
def test_solutions_keep_half_of_their_digits_or_are_refused(scores, damping):
    metric = ng.LowRank(scores, damping)
    size = 1 + np.linalg.norm(scores, 2) ** 2 / 8 / damping
    # Woodbury's formula can't do the second, nearly all of it in the span of the scores, where damping is small.
    for gradient in GRADIENT, scores.T @ REWARDS / 8:
        exact = precise(scores, damping, gradient)
        if gradient is not GRADIENT and damping <= (1e-6 if scores is SCORES else 1e-10):
            with pytest.raises(
                ValueError, match=r"^`damping` must be .* \(`solve_rewards` bears less\), but the sum of"
            ):
                metric.solve(gradient)
            continue
        tolerance = min(1e-8, FULL * size)
        assert error(metric.solve(gradient), exact) <= tolerance
        dual = mp.fdot(gradient, exact)
        assert abs(metric.squared_dual_norm(gradient) / dual - 1) <= max(tolerance, EXACT)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_is_not_refused_has_lost_more_than_half_of_its_digits(seed):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(rng.integers(2, 12, 2)) * 10.0 ** -rng.integers(0, 1 + 4 * (seed % 3))
    scores[-1] = scores[0] + 10.0 ** -rng.integers(0, 20) * scores[-1]
    gradient, rewards = rng.standard_normal(scores.shape[1]), rng.standard_normal(len(scores))
    damping = 10.0 ** rng.uniform(-15, 0)
    span = scores.T @ rewards / len(scores)
    for solve, given in [
        (lambda metric: metric.solve(gradient), {"gradient": gradient}),
        (lambda metric: metric.solve(span), {"gradient": span}),
        (lambda metric: metric.solve_rewards(rewards), {"rewards": rewards}),
    ]:
        try:
            found = solve(ng.LowRank(scores, damping))
        except ValueError:
            continue
        assert error(found, precise(scores, damping, **given)) <= 1e-8


def test_the_plain_formula_would_be_wrong():
    # Woodbury's: the test above would not notice if this were as good.
    damping, gradient = 1e-14, SCORES.T @ REWARDS / 8
    kernel = SCORES @ SCORES.T + 8 * damping * np.eye(8)
    plain = (gradient - SCORES.T @ linalg.solve(kernel, SCORES @ gradient, assume_a="pos")) / damping
    assert error(plain, precise(SCORES, damping, gradient)) > 1e-4


@pytest.mark.parametrize("damping", [1.0, 1e-2, 1e-6, 1e-10])
def test_repeated_scores_and_more_scores_than_coordinates(damping):
    metric = ng.LowRank(TWICE, damping)
    assert error(metric.solve(GRADIENT), precise(TWICE, damping, GRADIENT)) <= 1e-8
    # Equal scores of different reward ask for the difference of large numbers.
    for scores in TWICE, SCORES.reshape(80, 3):
        metric, gradient = ng.LowRank(scores, damping), GRADIENT[: scores.shape[1]]
        rewards = np.cos(np.arange(len(scores)))
        if damping >= 1e-2:
            assert error(metric.solve(gradient), precise(scores, damping, gradient)) <= 1e-8
            assert error(metric.solve_rewards(rewards), precise(scores, damping, rewards=rewards)) <= 1e-8
        else:
            with pytest.raises(ValueError, match="^`damping` must be large enough to solve with, but"):
                metric.solve_rewards(rewards)


@pytest.mark.parametrize("damping", [1e-2, 1e-10, 1e-20, 1e-34])
def test_dual_norms_are_as_exact_as_solutions(damping):
    metric, exact = ng.LowRank(SCORES, damping), precise(SCORES, damping, GRADIENT)
    assert_close(metric.squared_dual_norm(GRADIENT), GRADIENT @ exact, EXACT)
    assert_close(ng.steepest_direction(GRADIENT, metric), exact / np.sqrt(GRADIENT @ exact), EXACT)


def test_several_at_once():
    metric = ng.LowRank(SCORES, 1e-2)
    gradients = np.stack([GRADIENT, SCORES.T @ REWARDS / 8, 0 * GRADIENT])[:, None]
    found = metric.solve(gradients)
    assert found.shape == (3, 1, 30)
    assert not found[2].any()
    for one, gradient in zip(found[:2, 0], gradients[:2, 0], strict=True):
        assert error(one, precise(SCORES, 1e-2, gradient)) <= 1e-12
    with pytest.raises(ValueError, match="^`damping` must be large enough"):
        ng.LowRank(SCORES, 1e-12).solve(gradients)
    rewards = RNG.standard_normal((2, 5, 8))
    assert_close(metric.solve_rewards(rewards)[1, 3], metric.solve_rewards(rewards[1, 3]), EXACT)


@pytest.mark.parametrize("damping", [1.0, 1e-6])
def test_float32_scores_become_float64(damping):
    scores = SCORES.astype(np.float32)
    metric, rewards = ng.LowRank(scores, damping), REWARDS.astype(np.float32)
    found = metric.solve_rewards(rewards)
    assert found.dtype == np.float64
    assert error(found, precise(scores, damping, rewards=rewards)) <= 1e-14
    assert error(metric.solve(GRADIENT), precise(scores, damping, GRADIENT)) <= 1e-8
    # Their squares need not be in the range of float32.
    assert ng.LowRank(np.float32([[1e30, 0]]), 1).solve([0, 1])[1] == 1


@pytest.mark.parametrize("damping", [1e-16, 1e-25, 1e-40])
def test_hardly_any_damping(damping):
    metric = ng.LowRank(SCORES, damping)
    assert error(metric.solve_rewards(REWARDS), precise(SCORES, damping, rewards=REWARDS)) <= 1e-14
    with pytest.raises(ValueError, match="^`damping` must be large enough to solve with, but"):
        ng.LowRank(TWICE, damping)


def test_scores_are_neither_copied_nor_changed():
    scores = SCORES.copy()
    metric = ng.LowRank(scores, 0.1)
    metric.solve(GRADIENT)
    assert np.shares_memory(metric._scores, scores)
    assert not metric._scores.flags.writeable
    assert (scores == SCORES).all()


def test_wrong_gradients_are_not_taken_for_small_damping():
    metric = ng.LowRank(SCORES, 1e-12)
    for bad in np.nan, np.inf:
        for verb in metric.solve, metric.dual_norm:
            with pytest.raises(ValueError, match="^`g` must be finite"):
                verb(np.where(np.arange(30) == 7, bad, GRADIENT))


def test_memory():
    n, dim = 40, 50_000
    scores, rewards = RNG.standard_normal((n, dim)), RNG.standard_normal(n)
    ng.LowRank(scores[:, :50], 1).solve_rewards(rewards)  # loads what it needs
    tracemalloc.start()
    try:
        ng.LowRank(scores, 1e-14).solve_rewards(rewards)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 8 * (n**2 + 3 * dim)


def test_many_columns_of_float32():
    scores = np.random.default_rng(3).standard_normal((8, 40_000)).astype(np.float32)
    v, metric = np.cos(np.arange(40_000)), ng.LowRank(scores, 0.5)
    wide = scores.astype(float)
    applied = wide.T @ (wide @ v) / 8 + 0.5 * v
    assert_close(metric.apply(v), applied, EXACT)
    assert_close(metric.solve(applied), v, EXACT)
    assert_close(metric.squared_norm(v), v @ applied, EXACT)
    v = v.astype(np.float32).astype(float)
    for verb in metric.apply, metric.squared_norm, metric.norm, metric.solve, metric.squared_dual_norm:
        assert_close(verb(v.astype(np.float32)), verb(v), EXACT)


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


def test_a_product_in_float32_is_as_good_as_that():
    matrix, g = with_spectrum(np.logspace(0, 1, 20)).astype(np.float32), np.arange(20.0)
    metric = ng.MatrixFree(lambda v: matrix @ v.astype(np.float32), 20, 1e-5)
    assert_close(metric.solve(g), np.linalg.solve(matrix.astype(float), g), 1e-3)
    with pytest.raises(ValueError, match=r"relative error of 1e-10, but it is \S+e-0[78] after"):
        ng.MatrixFree(lambda v: matrix @ v.astype(np.float32), 20, 1e-10).solve(g)
    assert metric.apply(g).dtype == np.float64


def test_mistakes_of_the_function_are_not_hidden():
    def broken(v):
        raise KeyError("its own mistake")

    with pytest.raises(KeyError, match="its own mistake"):
        ng.MatrixFree(broken, 3)
    with pytest.raises(ValueError, match=r"^`matvec` must keep the shape \(3,\), but it returns the shape \(2,\)"):
        ng.MatrixFree(lambda v: v[:2], 3)


def test_symmetry_is_judged_by_the_length_of_what_is_compared():
    for n in 10, 100_000:
        assert ng.MatrixFree(lambda v: v + v.mean(), n).dim == n


def test_small_scores_are_no_reason_to_refuse():
    # What is lost is small beside what little there is.
    assert_close(ng.LowRank([[1e-8, 0]], 1.0).solve_rewards([1]), [1e-8, 0], FULL)
    assert (ng.LowRank([[0.0, 0]], 1.0).solve_rewards([1]) == 0).all()


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-10])
def test_the_error_is_no_larger_than_asked_and_reported(tolerance):
    matrix, g = with_spectrum(np.logspace(0, 4, 60)), np.random.default_rng(2).standard_normal(60)
    dense, exact = ng.Dense(matrix), np.linalg.solve(matrix, g)
    found = ng.MatrixFree(lambda v: matrix @ v, 60, tolerance).solution(g)
    error = dense.distance(found.value, exact) / dense.norm(exact)
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


def test_no_convergence_says_how_far_it_came():
    matrix = with_spectrum(np.logspace(0, 6, 100))
    with pytest.raises(ValueError, match=r"^`matvec` must let .* error of 1e-08, but it is \S+ after 7 iterations\.$"):
        ng.MatrixFree(lambda v: matrix @ v, 100, iterations=7).solve(np.ones(100))
    # Not to be had in float64, and given up long before the limit.
    with pytest.raises(ValueError, match=r"but it is \S+ after \d{2,4} iterations"):
        ng.MatrixFree(lambda v: matrix @ v, 100, 1e-16, 10**9).solve(np.ones(100))


@pytest.mark.parametrize("exponent", [-30, -10, 10, 30])
def test_low_rank_in_other_units_is_right_or_refused(exponent):
    factor = 10.0**exponent
    for scores, damping, rewards in [
        (factor * SCORES, 1.0, REWARDS),
        (SCORES, factor, REWARDS),
        (SCORES, 1.0, factor * REWARDS),
        (factor * SCORES, factor**2, REWARDS),
    ]:
        try:
            found = ng.LowRank(scores, damping).solve_rewards(rewards)
        except ValueError as refusal:
            assert str(refusal).startswith("`")  # noqa: PT017 (either is right)
        else:
            exact = precise(scores, damping, rewards=rewards)
            assert np.abs(found - exact).max() <= 1e-8 * np.abs(exact).max()
