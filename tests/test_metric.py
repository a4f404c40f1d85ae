"""One contract for every representation of a metric, held against a matrix built without natgrad."""

import sys
import tracemalloc
from functools import cache
from typing import NamedTuple

import mpmath as mp
import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.distance import mahalanobis
from tolerances import EXACT, assert_close

import natgrad as ng
from natgrad import _kernels

SPD = np.array([[5.0, 2.0, 1.0], [2.0, 4.0, 0.0], [1.0, 0.0, 3.0]])
SPD_STACK = np.stack([SPD, np.diag([0.5, 7.0, 2.0]), SPD[::-1, ::-1]])
# Not triangular, and of negative determinant.
FRAME = np.array([[2.0, 1.0, 0.5], [0.0, 2.0, -1.0], [3.0, 0.0, 1.0]])
FRAME_STACK = np.stack([FRAME, FRAME.T, FRAME[::-1] + np.eye(3)])
# No leading axis is as long as the matrices.
SPD_GRID, FRAME_GRID = SPD_STACK[:2, None], FRAME_STACK[:2, None]
ENTRIES = np.array([0.25, 3.0, 40.0])
FEW = np.array([[1.0, 2.0, -0.5], [0.25, -1.0, 3.0]])
OTHER, OTHERS = np.array([[2.0, -0.5], [-0.5, 0.25]]), np.array([[[2.0, -0.5], [-0.5, 0.25]], [[1.0, 0.5], [0.5, 3.0]]])
ENTRIES_STACK = np.array([[[0.25, 3.0, 40.0]], [[1.0, 2.0, 0.125]]])


def precise_inverse(matrix):
    """The inverse in twice the digits of float64, rounded once."""
    if matrix.ndim > 2:
        return np.stack([precise_inverse(m) for m in matrix])
    return precise_inverse_of(matrix.tobytes(), len(matrix))


@cache
def precise_inverse_of(entries, n):
    with mp.workdps(32):
        return np.array((mp.matrix(np.frombuffer(entries).reshape(n, n).tolist()) ** -1).tolist(), dtype=float)


def diagonals(entries):
    return entries[..., None] * np.eye(entries.shape[-1])


def random_spd(*shape):
    """Symmetric positive definite matrices of condition number about ten."""
    root = np.random.default_rng(len(shape)).standard_normal((*shape, 3 * shape[-1]))
    return root @ root.mT / (3 * shape[-1])


# More rows than columns.
SCORES = np.random.default_rng(5).standard_normal((2, 5, 3)) * [1, 10, 0.1]
# Of every size that the kernels treat in a way of its own.
MEDIUM, LARGE, MANY, MANY_LARGE = random_spd(30), random_spd(50), random_spd(700, 5), random_spd(2, 36)
FRAME_LARGE = np.random.default_rng(6).standard_normal((50, 50)) + 20 * np.eye(50)


def krons(left, right):
    """Each A ⊗ B, entry by entry."""
    product = np.einsum("...ij,...kl->...ikjl", left, right)
    return product.reshape(*product.shape[:-4], *(2 * [left.shape[-1] * right.shape[-1]]))


class Case(NamedTuple):
    metric: ng.Metric
    tensor: np.ndarray

    def draw(self, *leading):
        """Random vectors with coordinates of very different size."""
        shape = (*leading, *self.metric.batch, self.metric.dim)
        generator = np.random.default_rng(1 + len(shape))
        return generator.standard_normal(shape) * 10.0 ** generator.integers(-2, 3, shape)


# A new representation is one line here: the metric, and the matrix G that it must be.
CASES = {
    "dense": lambda: Case(ng.Dense(SPD), SPD),
    "dense in one dimension": lambda: Case(ng.Dense([[4]]), np.array([[4.0]])),
    "dense, several": lambda: Case(ng.Dense(SPD_STACK), SPD_STACK),
    "dense, a grid": lambda: Case(ng.Dense(SPD_GRID), SPD_GRID),
    "dense, medium": lambda: Case(ng.Dense(MEDIUM), MEDIUM),
    "dense, large": lambda: Case(ng.Dense(LARGE), LARGE),
    "dense, many": lambda: Case(ng.Dense(MANY), MANY),
    "dense, several large": lambda: Case(ng.Dense(MANY_LARGE), MANY_LARGE),
    "diagonal": lambda: Case(ng.Diagonal(ENTRIES), np.diag(ENTRIES)),
    "diagonal, several": lambda: Case(ng.Diagonal(ENTRIES_STACK), diagonals(ENTRIES_STACK)),
    "dual of dense": lambda: Case(ng.Dual(ng.Dense(SPD)), precise_inverse(SPD)),
    "dual of diagonal": lambda: Case(ng.Dual(ng.Diagonal(ENTRIES)), np.diag(1 / ENTRIES)),
    "dual of several": lambda: Case(ng.Dual(ng.Dense(SPD_STACK)), precise_inverse(SPD_STACK)),
    "dual of a dual": lambda: Case(ng.Dual(ng.Dual(ng.Dense(SPD))), SPD),
    "euclidean": lambda: Case(ng.euclidean(4), np.eye(4)),
    "covariance": lambda: Case(ng.from_covariance(SPD), precise_inverse(SPD)),
    "covariance, several": lambda: Case(ng.from_covariance(SPD_STACK), precise_inverse(SPD_STACK)),
    "covariance, large": lambda: Case(ng.from_covariance(LARGE), precise_inverse(LARGE)),
    "frame": lambda: Case(ng.from_frame(FRAME), precise_inverse(FRAME @ FRAME.T)),
    "frame, large": lambda: Case(ng.from_frame(FRAME_LARGE), precise_inverse(FRAME_LARGE @ FRAME_LARGE.T)),
    "frame, several": lambda: Case(ng.from_frame(FRAME_STACK), precise_inverse(FRAME_STACK @ FRAME_STACK.mT)),
    "frame, a grid": lambda: Case(ng.from_frame(FRAME_GRID), precise_inverse(FRAME_GRID @ FRAME_GRID.mT)),
    "scores": lambda: Case(ng.from_scores(SCORES[0]), SCORES[0].T @ SCORES[0] / 5),
    "scores, several": lambda: Case(ng.from_scores(SCORES), SCORES.mT @ SCORES / 5),
    "Kronecker": lambda: Case(ng.Kronecker(SPD, OTHER), np.kron(SPD, OTHER)),
    "Kronecker, several": lambda: Case(ng.Kronecker(SPD_GRID, OTHERS), krons(SPD_GRID, OTHERS)),
    "dual of Kronecker": lambda: Case(
        ng.Dual(ng.Kronecker(OTHER, SPD)), np.kron(precise_inverse(OTHER), precise_inverse(SPD))
    ),
    "low rank": lambda: Case(ng.LowRank(FEW, 0.5), FEW.T @ FEW / 2 + 0.5 * np.eye(3)),
    "low rank, of many scores": lambda: Case(ng.LowRank(FRAME, 0.5), FRAME.T @ FRAME / 3 + 0.5 * np.eye(3)),
    "dual of low rank": lambda: Case(ng.Dual(ng.LowRank(FEW, 2)), precise_inverse(FEW.T @ FEW / 2 + 2 * np.eye(3))),
    "matrix-free": lambda: Case(ng.MatrixFree(lambda v: SPD @ v, 3, 1e-14), SPD),
    "Fisher metric": lambda: Case(ng.fisher_metric(ng.Gaussian(), [0.3, 2.0]), np.diag([2.0, 0.125])),
    "Fisher metrics": lambda: Case(ng.fisher_metric(ng.Bernoulli(), [[0.2], [0.5]]), np.array([[[6.25]], [[4.0]]])),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]()


@pytest.fixture(params=[(), (4,), (2, 3)], ids=["one", "four", "two by three"])
def vectors(request, case):
    return case.draw(*request.param)


def form(u, matrix, v):
    """The sum over i and j of u_i matrix_ij v_j."""
    return np.einsum("...i,...ij,...j", u, matrix, v, dtype=float)


def size(u, matrix, v):
    """What rounding errors in that sum are relative to."""
    return form(np.abs(u), np.abs(matrix), np.abs(v))


def products(matrix, v):
    return np.einsum("...ij,...j->...i", matrix, v, dtype=float)


def inverse(case):
    return precise_inverse(case.tensor.reshape(-1, *case.tensor.shape[-2:])).reshape(case.tensor.shape)


def test_dimensions(case):
    assert case.metric.dim == case.tensor.shape[-1]
    assert case.metric.batch == case.tensor.shape[:-2]


def test_apply(case, vectors):
    expected = products(case.tensor, vectors)
    scale = products(np.abs(case.tensor), np.abs(vectors))
    assert_close(case.metric.apply(vectors), expected, EXACT, scale)


def test_solve(case, vectors):
    expected = products(inverse(case), vectors)
    # Per vector, because a solution mixes the sizes of its coordinates.
    scale = np.abs(expected).max(axis=-1, keepdims=True)
    assert_close(case.metric.solve(vectors), expected, EXACT, 10 * scale)


def test_solve_undoes_apply(case, vectors):
    scale = np.abs(vectors).max(axis=-1, keepdims=True) * np.linalg.cond(case.tensor).max()
    for there_and_back in (
        case.metric.solve(case.metric.apply(vectors)),
        case.metric.apply(case.metric.solve(vectors)),
    ):
        assert_close(there_and_back, vectors, EXACT, scale)


def test_squared_norm(case, vectors):
    expected = form(vectors, case.tensor, vectors)
    assert_close(case.metric.squared_norm(vectors), expected, EXACT, expected)


def test_squared_dual_norm(case, vectors):
    expected = form(vectors, inverse(case), vectors)
    assert_close(case.metric.squared_dual_norm(vectors), expected, EXACT, expected)


def test_norm(case, vectors):
    expected = np.sqrt(form(vectors, case.tensor, vectors))
    assert_close(case.metric.norm(vectors), expected, EXACT, expected)


def test_dual_norm(case, vectors):
    expected = np.sqrt(form(vectors, inverse(case), vectors))
    assert_close(case.metric.dual_norm(vectors), expected, EXACT, expected)


def test_inner(case, vectors):
    others = case.draw()
    scale = size(vectors, case.tensor, others)
    expected = form(vectors, case.tensor, others)
    assert_close(case.metric.inner(vectors, others), expected, EXACT, scale)
    assert_close(case.metric.inner(others, vectors), expected, EXACT, scale)


def test_distance(case, vectors):
    others = case.draw() + 1
    steps = vectors - others
    expected = np.sqrt(form(steps, case.tensor, steps))
    assert_close(case.metric.distance(vectors, others), expected, EXACT, expected)
    assert_close(case.metric.distance(others, vectors), expected, EXACT, expected)
    assert not case.metric.distance(vectors, vectors).any()


def test_as_matrix(case):
    assert_close(case.metric.as_matrix(), case.tensor, EXACT)


def test_norms_are_homogeneous(case, vectors):
    for factor in (-2.0, 0.375):
        for norm in (case.metric.norm, case.metric.dual_norm):
            expected = abs(factor) * norm(vectors)
            assert_close(norm(factor * vectors), expected, EXACT, expected)


def test_only_zero_has_length_zero(case):
    zero = np.zeros_like(case.draw())
    for norm in (case.metric.norm, case.metric.dual_norm):
        assert not norm(zero).any()
        assert (norm(case.draw(5)) > 0).all()


def test_triangle_inequality(case):
    u, v = case.draw(6), case.draw(6)[::-1]
    for norm in (case.metric.norm, case.metric.dual_norm):
        assert (norm(u + v) <= (norm(u) + norm(v)) * (1 + EXACT)).all()


def test_the_dual_norm_bounds_every_slope_and_is_attained(case):
    gradients, steps = case.draw(7), case.draw(7)[::-1]
    bound = case.metric.dual_norm(gradients)
    slopes = np.vecdot(gradients, steps) / case.metric.norm(steps)
    assert (np.abs(slopes) <= bound * (1 + EXACT)).all()
    best = case.metric.solve(gradients) / bound[..., None]
    assert_close(np.vecdot(gradients, best), bound, EXACT, bound)
    assert_close(case.metric.norm(best), np.ones(bound.shape), EXACT)


def test_one_vector_is_measured_by_many_metrics():
    v = np.array([1.0, -2.0, 3.0])
    expected = np.sqrt(form(v, SPD_STACK, v))
    assert_close(ng.Dense(SPD_STACK).norm(v), expected, EXACT)
    assert ng.Dense(SPD_STACK).apply(v).shape == (3, 3)
    assert ng.Diagonal(ENTRIES_STACK).solve(np.ones((5, 3))).shape == (2, 5, 3)


def test_dual_swaps_vectors_and_covectors(case, vectors):
    metric, dual = case.metric, ng.Dual(case.metric)
    assert (dual.apply(vectors) == metric.solve(vectors)).all()
    assert (dual.solve(vectors) == metric.apply(vectors)).all()
    assert (dual.squared_norm(vectors) == metric.squared_dual_norm(vectors)).all()
    assert (dual.dual_norm(vectors) == metric.norm(vectors)).all()


MAKERS = {
    ng.Dense: SPD,
    ng.Diagonal: ENTRIES,
    ng.from_covariance: SPD,
    ng.from_frame: FRAME,
    ng.from_scores: FRAME,
}


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_later_changes_of_the_callers_array_change_nothing(make):
    array, v = MAKERS[make].copy(), np.array([1.0, -2.0, 3.0])
    metric, before = make(array), make(array.copy())
    array *= 7
    for verb in ("apply", "solve", "norm", "dual_norm"):
        assert (getattr(metric, verb)(v) == getattr(before, verb)(v)).all()
    assert (metric.as_matrix() == before.as_matrix()).all()


def test_later_changes_of_a_result_change_nothing(case):
    v = case.draw()
    for verb in (case.metric.apply, case.metric.solve, lambda _: case.metric.as_matrix()):
        first = verb(v)
        kept = first.copy()
        first *= 0
        assert (verb(v) == kept).all()
    assert (case.draw() == v).all()


def test_a_dual_asks_what_its_metric_asks():
    dual = ng.Dual(ng.MatrixFree(lambda v: 2 * v, 2))
    for verb, name in [(dual.apply, "v"), (dual.solve, "g"), (dual.norm, "v"), (dual.dual_norm, "g")]:
        for bad in np.nan, np.inf:
            with pytest.raises(ValueError, match=f"^`{name}` must be finite, but it contains {bad}"):
                verb([1.0, bad])


@pytest.mark.parametrize("make", [ng.from_frame, ng.from_scores])
def test_frames_and_scores_out_of_range(make):
    for huge in [
        [[1.7e308, 1e308], [-1.7e308, 1e308]],
        [[1.5e308, 1], [1, 1.5e308]],
        [[1.5e308, 1.5e308], [1.5e308, 1.5e308]],
        [[1e-200, 0], [0, 1]],
    ]:
        with pytest.raises(ValueError, match=r"^`(frame|scores)` must have a result within the range of float64"):
            make(huge)


def test_nothing_is_symmetrised():
    # Rounding of a product may leave a matrix a little asymmetric; it is used as it is.
    for n in 2, 60:
        tensor = np.eye(n) + 1
        tensor[0, 1:] += 1e-15
        metric = ng.Dense(tensor)
        assert (metric.as_matrix() == tensor).all()
        assert_close(metric.solve(np.ones(n)), np.linalg.solve(tensor, np.ones(n)), EXACT)
        assert_close(ng.from_covariance(tensor).squared_norm(np.ones(n)), n / (n + 1), EXACT)


def test_integers_become_float64():
    assert ng.Dense([[2, 1], [1, 2]]).apply([1, 2]).dtype == np.float64
    assert ng.euclidean(2).norm(np.array([3, 4], dtype=np.int8)) == 5


# Where the condition number is large.


def test_solve_loses_no_more_digits_than_the_condition_number():
    tensor = linalg.hilbert(6)
    g = np.arange(1.0, 7.0)
    with mp.workdps(50):
        exact = mp.lu_solve(mp.matrix(tensor.tolist()), mp.matrix(g.tolist()))
    exact = np.array(exact.tolist(), dtype=float)[:, 0]
    tolerance = 6 * np.linalg.cond(tensor) * np.finfo(float).eps
    assert_close(ng.Dense(tensor).solve(g), exact, tolerance)


def rotation(n, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def badly_conditioned_frame():
    return rotation(4, 1) @ np.diag([1.0, 1e-2, 1e-4, 1e-6]) @ rotation(4, 2)


def test_a_frame_does_not_square_its_condition_number():
    frame, v = badly_conditioned_frame(), np.array([1.0, -2.0, 0.5, 3.0])
    with mp.workdps(50):
        coordinates = mp.lu_solve(mp.matrix(frame.tolist()), mp.matrix(v.tolist()))
        exact = float(mp.norm(coordinates))
    error = abs(ng.from_frame(frame).norm(v) / exact - 1)
    squared_route = abs(ng.from_covariance(frame @ frame.T).norm(v) / exact - 1)
    assert error < 10 * np.linalg.cond(frame) * np.finfo(float).eps
    assert squared_route > 100 * error


def test_scores_do_not_square_their_condition_number():
    scores = rotation(9, 3)[:, :4] @ badly_conditioned_frame()
    g = np.array([1.0, -2.0, 0.5, 3.0])
    with mp.workdps(50):
        matrix = mp.matrix(scores.tolist())
        exact = mp.sqrt((mp.matrix(g.tolist()).T * mp.lu_solve(matrix.T * matrix / 9, mp.matrix(g.tolist())))[0])
    error = abs(ng.from_scores(scores).dual_norm(g) / float(exact) - 1)
    squared_route = abs(ng.Dense(scores.T @ scores / 9).dual_norm(g) / float(exact) - 1)
    assert error < 10 * np.linalg.cond(scores) * np.finfo(float).eps
    assert squared_route > 100 * error


@pytest.mark.parametrize("seed", range(5))
def test_a_rotation_of_the_frame_changes_nothing(seed):
    q = rotation(3, seed)
    metric, rotated = ng.from_frame(FRAME), ng.from_frame(FRAME @ q)
    v = np.random.default_rng(seed).standard_normal((4, 3))
    assert_close(rotated.as_matrix(), metric.as_matrix(), EXACT)
    assert_close(rotated.solve(v), metric.solve(v), EXACT)
    assert_close(rotated.norm(v), metric.norm(v), EXACT)
    # A rotation on the other side, of the space itself, is another metric.
    assert np.abs(ng.from_frame(q @ FRAME).norm(v) - metric.norm(v)).max() > 0.01


def test_the_columns_of_a_frame_are_orthonormal():
    columns = FRAME.T
    gram = ng.from_frame(FRAME).inner(columns[:, None], columns)
    assert_close(gram, np.eye(3), EXACT)


def test_units_change_no_decision():
    # Entries of very different size are a matter of units, not of definiteness.
    units = np.array([1e-8, 1.0, 1e9])
    scaled = ng.Dense(SPD * units[:, None] * units)
    v = np.array([1.0, -2.0, 3.0])
    assert_close(scaled.norm(v / units), ng.Dense(SPD).norm(v), EXACT)
    for frame in (FRAME, FRAME_GRID):
        assert_close(ng.from_frame(units[:, None] * frame).norm(units * v), ng.from_frame(frame).norm(v), EXACT)


def test_against_scipy():
    x, y = np.array([1.0, 2.0, -1.0]), np.array([0.5, -2.0, 4.0])
    expected = mahalanobis(x, y, linalg.inv(SPD))
    assert_close(ng.from_covariance(SPD).norm(x - y), expected, EXACT)


@pytest.mark.parametrize("seed", range(20))
def test_a_frame_singular_up_to_rounding_is_refused(seed):
    # Of rank n − 1 before rounding; a triangular factor alone does not always show it.
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((2, 6, 5))
    with pytest.raises(ValueError, match="^`frame` must be invertible"):
        ng.from_frame(left @ right.T)
    with pytest.raises(ValueError, match="^`scores` must have independent columns"):
        ng.from_scores(np.vstack([left @ right.T] * 2))


@pytest.mark.parametrize("tensor", [MEDIUM, LARGE, MANY, MANY_LARGE], ids=["medium", "large", "many", "several large"])
def test_what_is_wrong_with_one_entry_is_seen(tensor):
    # In the upper triangle too, which no factorisation reads.
    for place in [(-1, 2), (2, -1)]:
        for bad, message in [(np.nan, "finite"), (np.inf, "finite"), (tensor[..., 2, -1].max() + 1e-9, "symmetric")]:
            wrong = tensor.copy()
            wrong[(..., *place)] = bad
            with pytest.raises(ValueError, match=f"^`tensor` must be {message}, but"):
                ng.Dense(wrong)
    wrong = tensor.copy()
    wrong.reshape(-1, *tensor.shape[-2:])[-1, 0, 0] *= -1
    with pytest.raises(ValueError, match="^`tensor` must be positive definite, but its smallest eigenvalue is -"):
        ng.Dense(wrong)


def test_squared_norms_need_no_memory_but_the_result():
    metric, v = ng.from_covariance(LARGE), np.ones((20_000, 50))
    metric.squared_norm(v[:5])
    tracemalloc.start()
    metric.squared_norm(v)
    extra = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert extra < 20_000 * 8 + 2**22


@pytest.mark.parametrize("n", [3, 60])
def test_scores_and_frames_of_few_and_many_coordinates(n):
    scores = np.random.default_rng(n).standard_normal((2 * n, n))
    assert_close(ng.from_scores(scores).as_matrix(), scores.T @ scores / (2 * n), EXACT)
    frame = scores[:n] + n * np.eye(n)
    assert_close(ng.from_frame(frame).solve(np.eye(n)), frame @ frame.T, EXACT)


def test_scores_of_many_rows():
    # A constant beside one that is hardly ever there.
    scores = np.ones((1_000_000, 2))
    scores[1:, 1] = 0
    assert_close(ng.from_scores(scores).dual_norm([1, 0]), np.sqrt(1e6 / 999_999), EXACT)


# A contract is not opt-in.


def test_every_public_metric_has_a_case():
    kinds = {
        value for value in map(vars(ng).get, ng.__all__) if isinstance(value, type) and issubclass(value, ng.Metric)
    }
    assert kinds == {ng.Metric} | {type(make().metric) for make in CASES.values()}


def test_representations_fit_a_cell(case):
    shown = repr(case.metric)
    assert shown.startswith(f"{type(case.metric).__name__}(")
    assert f"n={case.metric.dim}" in shown
    assert "\n" not in shown
    assert len(shown) < 80


def factored(metric):
    while isinstance(metric, ng.Dual):
        metric = metric._metric
    return isinstance(metric, ng.Dense | ng.Diagonal | ng.Kronecker)


def test_whitened_vectors_have_the_lengths_and_angles_of_the_metric(case, vectors):
    metric, others = case.metric, case.draw()
    if not factored(metric):
        for verb in metric.whiten, metric.unwhiten:
            with pytest.raises(ValueError, match="^`metric` must hold a factor of G to whiten with, but it is"):
                verb(vectors)
        return
    white, other = metric.whiten(vectors), metric.whiten(others)
    length = np.sqrt(form(vectors, case.tensor, vectors))
    assert_close(np.linalg.norm(white, axis=-1), length, EXACT, length)
    scale = size(vectors, case.tensor, others)
    assert_close(np.vecdot(white, other), form(vectors, case.tensor, others), EXACT, scale)
    scale = np.abs(vectors).max(axis=-1, keepdims=True) * np.linalg.cond(case.tensor).max()
    assert_close(metric.unwhiten(white), vectors, EXACT, scale)


@pytest.mark.parametrize("each", [False, True], ids=["number", "one for each"])
def test_damped(case, each):
    damping = np.arange(1.0, case.metric.dim + 1) if each else 0.5
    damped, v = case.metric.damped(damping), case.draw(2)
    tensor = case.tensor + damping * np.eye(case.metric.dim)
    assert_close(damped.as_matrix(), tensor, EXACT)
    expected = np.linalg.solve(tensor, v[..., None])[..., 0]
    assert_close(damped.solve(v), expected, EXACT, 10 * np.abs(expected).max(axis=-1, keepdims=True))


def test_damping_that_leaves_no_metric_is_refused_by_its_name():
    nearly = np.array([[1, 1 - 1e-12], [1 - 1e-12, 1]])
    for metric, damping in (
        (ng.Diagonal([1e308]), 1e308),
        (ng.Dense([[1e308]]), 1e308),
        (ng.Kronecker(nearly, nearly), 1e-30),
    ):
        with pytest.raises(
            ValueError, match=r"^`damping` must (have a result within the range|make a metric that is pos)"
        ):
            metric.damped(damping)
    assert ng.Dense([[1.5e308]]).damped(1).as_matrix() == 1.5e308


def test_draws_are_unwhitened_noise():
    draws = ng.from_covariance(SPD).unwhiten(np.random.default_rng(0).standard_normal((100_000, 3)))
    # Dual: the metric is Σ⁻¹, so that draws have the covariance Σ.
    errors = np.sqrt((np.outer(SPD.diagonal(), SPD.diagonal()) + SPD**2) / 100_000)
    assert (np.abs(np.cov(draws.T) - SPD) < 4 * errors).all()


# Numbers far from one: right or refused.


def test_vectors_of_any_length_are_measured_or_refused(case):
    v, metric = case.draw(3), case.metric
    v /= np.abs(v).max()
    for verb, name, power in [
        (metric.norm, "v", 1),
        (metric.dual_norm, "g", 1),
        (metric.squared_norm, "v", 2),
        (metric.squared_dual_norm, "g", 2),
        (metric.apply, "v", 1),
        (metric.solve, "g", 1),
    ]:
        for exponent in -320, -290, -200, -157, -150, -100, -30, 30, 100, 150, 200, 290, 307:
            factor = 10.0**exponent
            try:
                found = verb(factor * v)
            except ValueError as error:
                assert f"`{name}` must have a result within the range of float" in str(error)  # noqa: PT017
            else:
                expected = verb(v).astype(float) * float(factor) ** power
                scale = expected if expected.ndim < v.ndim else np.abs(expected).max(axis=-1, keepdims=True)
                assert_close(found, expected, 10 * EXACT, np.abs(scale))


@pytest.mark.parametrize("seed", range(40))
def test_products_of_vectors_of_any_length_are_right_or_refused(seed):
    rng = np.random.default_rng(seed)
    entries, u, v = 10.0 ** rng.uniform(-300, 300, (3, 3)) if seed % 2 else 10.0 ** rng.uniform(-100, 100, (3, 3))
    with mp.workdps(40):
        square = lambda x, y: mp.fsum(mp.mpf(a) * mp.mpf(b) * mp.mpf(c) for a, b, c in zip(entries, x, y, strict=True))
        exact, scale = square(u, v), mp.sqrt(square(u, u) * square(v, v))
        gradient = mp.fsum(mp.mpf(a) * mp.mpf(b) for a, b in zip(u, v, strict=True)) / mp.sqrt(square(v, v))
        dual = mp.sqrt(mp.fsum(mp.mpf(b) ** 2 / mp.mpf(a) for a, b in zip(entries, u, strict=True)))
    metric = ng.Diagonal(entries)
    for found, right, size in [
        (lambda: metric.inner(u, v), exact, scale),
        (lambda: ng.directional_derivative(u, v, metric), gradient, dual),
    ]:
        try:
            value = found()
        except ValueError as error:
            assert "must have a result within the range of float64" in str(error)  # noqa: PT017
        else:
            assert abs(mp.mpf(float(value)) - right) <= EXACT * size


def test_orthogonal_vectors_are_no_underflow():
    for metric in ng.euclidean(2), ng.Dense(np.eye(2)), ng.MatrixFree(lambda v: v, 2):
        assert metric.inner([1, 2], [2, -1]) == 0
        assert ng.directional_derivative([1, 2], [2, -1], metric) == 0
        for tiny in 1e-170, 1e-300:
            with pytest.raises(ValueError, match="^`u` and `v` must have a result within the range of float64"):
                metric.inner([tiny, 0], [tiny, 0])


def test_a_matrix_out_of_range_is_refused():
    with pytest.raises(ValueError, match="^`cov` must have a result within the range of float64, but it underflows"):
        ng.from_covariance(1e-310 * np.eye(5))
    with pytest.raises(ValueError, match="^`metric` must have a result within the range of float64, but it overflows"):
        ng.Dual(ng.Diagonal([1e-310])).as_matrix()


@pytest.mark.parametrize("n", [2, 4, 30, 60, 200])
def test_without_scipy_and_where_numpy_does_not_raise(n, monkeypatch):
    tensor, v = random_spd(n, n)[0], np.random.default_rng(n).standard_normal((3, n))
    inverse, cholesky = np.linalg.inv(tensor), np.linalg.cholesky

    def quiet(matrix):  # as in a browser
        try:
            return cholesky(matrix)
        except np.linalg.LinAlgError:
            return np.full_like(matrix, np.nan)

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "scipy", None)
        patch.setattr(np.linalg, "cholesky", quiet)
        patch.setattr(_kernels, "_lapack", lambda n: None)
        metric = ng.Dense(tensor)
        assert_close(metric.solve(v), v @ inverse, EXACT)
        assert_close(metric.squared_norm(v), np.einsum("ki,ij,kj->k", v, tensor, v), EXACT)
        assert_close(metric.squared_dual_norm(v), np.einsum("ki,ij,kj->k", v, inverse, v), EXACT)
        assert_close(ng.LowRank(v, 0.5).solve(v @ (v.T @ v / 3 + 0.5 * np.eye(n))), v, EXACT)
        for bad in -tensor, np.ones((n, n)), tensor - 10 * np.eye(n):
            with pytest.raises(ValueError, match="^`tensor` must be positive definite"):
                ng.Dense(bad)
            with pytest.raises(ValueError, match="^`cov` must be positive definite"):
                ng.from_covariance(np.stack([tensor, bad]))
        with pytest.raises(ValueError, match="^`frame` must be invertible"):
            ng.from_frame(np.ones((n, n)))


LOST = "have a result within the range of float64"


def test_what_one_coordinate_has_lost_another_does_not_hide():
    with pytest.raises(ValueError, match=f"^`metric` must {LOST}"):
        ng.Diagonal([1, 1e-300]).as_matrix()
    tiny = np.array([[0, 1e-200], [0, 0]])
    for u, v in [(tiny, tiny[:1]), (tiny[:1], tiny)]:
        with pytest.raises(ValueError, match=f"^`u` and `v` must {LOST}"):
            ng.euclidean(2).inner(u, v)


def test_a_coordinate_may_be_zero():
    metric = ng.Diagonal([4, 9])
    assert (metric.whiten([1, 0]) == [2, 0]).all()
    assert (metric.unwhiten([2, 0]) == [1, 0]).all()
