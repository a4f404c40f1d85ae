"""Norms beyond metrics: values, dual norms and steepest directions, against mpmath, optimisers and sampling."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog, minimize
from tolerances import DIFFERENCES, DIVERGENCE, EXACT, FULL, OPTIMISER, assert_close

import natgrad as ng

INF = float("inf")
deterministic = settings(derandomize=True, max_examples=100, deadline=None, database=None)
EXPONENTS = [1, 1 + 1e-12, 1.001, 1.5, 2, 3, 17.5, 1000, 1e9, INF]
V = np.array([1.5, -0.002, 0.0, 4.0])
MATRICES = np.random.default_rng(0).standard_normal((5, 3, 4))


def precise(p, v):
    """(Σ |v|^p)^(1/p) in 60 digits."""
    with mp.workdps(60):
        sizes = [abs(mp.mpf(float(x))) for x in v]
        top = max(sizes)
        if p == INF or top == 0:
            return top
        return top * mp.fsum((size / top) ** mp.mpf(p) for size in sizes) ** (1 / mp.mpf(p))


def precise_dual(p, g):
    with mp.workdps(60):
        q = mp.inf if p == 1 else mp.mpf(1) if p == INF else mp.mpf(p) / (mp.mpf(p) - 1)
        sizes = [abs(mp.mpf(float(x))) for x in g]
        top = max(sizes)
        if q == mp.inf:
            return top
        return top * mp.fsum((size / top) ** q for size in sizes) ** (1 / q)


CLOSE = np.array([1.0, 1 - 1e-9, 1 - 3e-13, 0.3])


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("factor", [1, 1e-100, 1e100])
@pytest.mark.parametrize("v", [V, CLOSE], ids=["far apart", "close"])
def test_values(p, factor, v):
    norm, v = ng.PNorm(p), factor * v
    for found, expected in (norm.norm(v), precise(p, v)), (norm.dual_norm(v), precise_dual(p, v)):
        assert abs(found / expected - 1) <= FULL


@pytest.mark.parametrize("p", [1 + 1e-12, 1 + 1e-9, 1.001, 3, 1e9])
def test_the_steepest_direction_of_coordinates_that_are_close(p):
    g = 0.7 * CLOSE  # so that their quotients are not numbers of float64
    with mp.workdps(60):
        sizes, power = [mp.mpf(float(x)) for x in g], mp.mpf(p)
        expected = [size ** (1 / (power - 1)) for size in sizes]
        length = mp.fsum(x**power for x in expected) ** (1 / power)
        expected = np.array([float(x / length) for x in expected])
    assert_close(ng.steepest_direction(g, ng.PNorm(p)), expected, DIVERGENCE, expected + 1e-300)


def test_two_is_euclidean_and_some_are_numpys():
    v = np.random.default_rng(0).standard_normal((6, 5))
    assert_close(ng.PNorm(2).norm(v), ng.euclidean(5).norm(v), EXACT)
    for p in 1, 1.5, 2, 7, np.inf:
        assert_close(ng.PNorm(p).norm(v), np.linalg.norm(v, p, axis=-1), EXACT)
    assert_close(ng.Spectral().norm(MATRICES), np.linalg.norm(MATRICES, 2, axis=(-2, -1)), EXACT)
    assert_close(ng.Spectral().dual_norm(MATRICES), np.linalg.norm(MATRICES, "nuc", axis=(-2, -1)), EXACT)


@pytest.mark.parametrize("p", [1.2, 2, 3, 8])
def test_an_optimiser_finds_the_dual_norm_and_the_direction(p):
    # |x| is smooth enough where no coordinate is zero.
    g = np.array([1.0, -2.0, 0.5])
    found = minimize(lambda x: -g @ x / (np.abs(x) ** p).sum() ** (1 / p), x0=np.sign(g), method="BFGS", tol=1e-12)
    best = found.x / (np.abs(found.x) ** p).sum() ** (1 / p)
    norm = ng.PNorm(p)
    assert_close(norm.dual_norm(g), -found.fun, OPTIMISER)
    assert_close(ng.steepest_direction(g, norm), best, 10 * OPTIMISER)


def test_linear_programmes_find_the_dual_norms_of_one_and_infinity():
    g = np.array([1.0, -2.0, 0.5])
    box = linprog(-g, bounds=[(-1, 1)] * 3)
    assert_close(ng.PNorm(INF).dual_norm(g), -box.fun, OPTIMISER)
    assert_close(ng.steepest_direction(g, ng.PNorm(INF)), box.x, OPTIMISER)
    # u = a − b with a, b ≥ 0 and Σ (a + b) ≤ 1.
    cross = linprog(np.append(-g, g), A_ub=np.ones((1, 6)), b_ub=[1])
    assert_close(ng.PNorm(1).dual_norm(g), -cross.fun, OPTIMISER)
    assert_close(ng.steepest_direction(g, ng.PNorm(1)), cross.x[:3] - cross.x[3:], OPTIMISER)


numbers = st.floats(-5, 5).map(lambda x: round(x, 2))
exponents = st.sampled_from(EXPONENTS) | st.floats(1, 30)


@deterministic
@given(exponents, arrays(float, 4, elements=numbers), arrays(float, 4, elements=numbers))
def test_no_unit_vector_climbs_faster(p, g, u):
    assume(g.any() and u.any())
    norm = ng.PNorm(p)
    best = ng.steepest_direction(g, norm)
    assert_close(norm.norm(best), 1.0, EXACT)
    assert_close(best @ g, norm.dual_norm(g), EXACT)
    assert abs(ng.directional_derivative(g, u, norm)) <= best @ g * (1 + EXACT)
    assert_close(ng.directional_derivative(g, best, norm), norm.dual_norm(g), EXACT)


@deterministic
@given(arrays(float, (3, 2), elements=numbers), arrays(float, (3, 2), elements=numbers))
def test_no_matrix_of_norm_one_climbs_faster(g, u):
    assume(np.abs(g).max() > 0.01 and np.abs(u).max() > 0.01)
    norm = ng.Spectral()
    best = ng.steepest_direction(g, norm)
    assert_close(norm.norm(best), 1.0, EXACT)
    assert_close((best * g).sum(), norm.dual_norm(g), EXACT)
    rival = u / np.sqrt(np.linalg.eigvalsh(u.T @ u).max())
    assert abs((rival * g).sum()) <= norm.dual_norm(g) * (1 + EXACT)
    assert_close(ng.directional_derivative(g, u, norm), (rival * g).sum(), EXACT, norm.dual_norm(g))


@pytest.mark.parametrize("p", [1.1, 1.5, 2, 4, 20])
def test_the_steepest_direction_is_the_gradient_of_the_dual_norm(p):
    g = np.array([1.0, -2.0, 0.5, 0.25])
    norm = ng.PNorm(p)
    assert_close(ng.numerical_gradient(norm.dual_norm, g, 0.1), ng.steepest_direction(g, norm), DIFFERENCES)
    matrix = MATRICES[0]
    nuclear = lambda entries: ng.Spectral().dual_norm(entries.reshape(3, 4))
    found = ng.numerical_gradient(nuclear, matrix.ravel(), 0.1).reshape(3, 4)
    assert_close(found, ng.steepest_direction(matrix, ng.Spectral()), DIFFERENCES)


def test_what_is_returned_where_the_direction_is_not_unique():
    assert_close(ng.steepest_direction([3, -3, 1, 3], ng.PNorm(1)), [1 / 3, -1 / 3, 0, 1 / 3], EXACT)
    assert_close(ng.steepest_direction([3, 0, -1], ng.PNorm(INF)), [1, 0, -1], EXACT)
    # Rank one: any W on the other singular vectors would do, in both directions alike.
    u, v = np.array([0.6, 0.8]), np.array([1.0, 2.0, 2.0]) / 3
    assert_close(ng.steepest_direction(7 * np.outer(u, v), ng.Spectral()), np.outer(u, v), EXACT)
    other, rival = np.outer([-0.8, 0.6], [2, 1, -2]) / 3, np.outer(u, v)
    for w in -1, 0.5, 1:
        assert_close(ng.Spectral().norm(rival + w * other), 1.0, EXACT)
        assert_close(((rival + w * other) * 7 * rival).sum(), 7.0, EXACT)


def test_the_choice_at_one_and_infinity_is_the_limit():
    g = np.array([3.0, -3.0, 1.0, 0.0])
    assert_close(ng.steepest_direction(g, ng.PNorm(1 + 1e-9)), ng.steepest_direction(g, ng.PNorm(1)), OPTIMISER)
    assert_close(ng.steepest_direction(g, ng.PNorm(1e9)), ng.steepest_direction(g, ng.PNorm(INF)), OPTIMISER)


def test_what_is_zero_up_to_rounding_is_judged_for_each_matrix_by_itself():
    spectral, flat, steep = ng.Spectral(), np.diag([1.0, 1e-14]), np.diag([1e14, 1e12])
    assert_close(ng.steepest_direction([steep, flat], spectral), np.stack([np.eye(2), np.eye(2)]), EXACT)
    many = ng.steepest_direction(np.broadcast_to(flat, (500, 2, 2)), spectral)
    assert_close(many, np.broadcast_to(np.eye(2), (500, 2, 2)), EXACT)


@pytest.mark.parametrize("p", EXPONENTS)
def test_leading_axes_broadcast(p):
    gradients, norm = np.random.default_rng(1).standard_normal((5, 1, 4)), ng.PNorm(p)
    for i, gradient in enumerate(gradients[:, 0]):
        assert_close(norm.norm(gradients)[i, 0], norm.norm(gradient), EXACT)
        assert_close(norm.dual_norm(gradients)[i, 0], norm.dual_norm(gradient), EXACT)
        assert_close(ng.steepest_direction(gradients, norm)[i, 0], ng.steepest_direction(gradient, norm), EXACT)
        slope = ng.directional_derivative(gradient, V, norm)
        assert_close(ng.directional_derivative(gradients, V, norm)[i, 0], slope, EXACT)


# A contract is not opt-in: every public norm that is no metric has examples here, and metrics have theirs elsewhere.
NORMS = {
    "1": (ng.PNorm(1), (4,)),
    "3": (ng.PNorm(3), (4,)),
    "infinity": (ng.PNorm(INF), (4,)),
    "spectral": (ng.Spectral(), (3, 4)),
}


def test_every_public_norm_has_an_example():
    kinds = {v for v in map(vars(ng).get, ng.__all__) if isinstance(v, type) and issubclass(v, ng.Norm)}
    kinds -= {v for v in kinds if issubclass(v, ng.Metric)}
    assert kinds == {ng.Norm} | {type(norm) for norm, _ in NORMS.values()}


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_its_dual_and_its_steepest_direction_belong_together(name):
    norm, shape = NORMS[name]
    rng = np.random.default_rng(0)
    u, g = rng.standard_normal((2, 50, *(1 for _ in norm.batch), *shape))
    axes = tuple(range(-len(shape), 0))
    slope = lambda a, b: (a * b).sum(axis=axes)
    best = ng.steepest_direction(g, norm)
    assert_close(norm.norm(best), np.ones(best.shape[: -len(shape)]), EXACT)
    assert_close(slope(best, g), norm.dual_norm(g), EXACT)
    assert (np.abs(slope(u, g)) <= norm.norm(u) * norm.dual_norm(g) * (1 + EXACT)).all()
    assert_close(ng.directional_derivative(g, u, norm), slope(u, g) / norm.norm(u), EXACT)
    assert (norm.norm(u + g) <= (norm.norm(u) + norm.norm(g)) * (1 + EXACT)).all()
    assert_close(norm.norm(-3 * u), 3 * norm.norm(u), EXACT)
    assert not norm.norm(0 * u).any()
    assert len(repr(norm)) < 80
    assert repr(norm).startswith(type(norm).__name__)


class Taxi(ng.Norm):
    """What somebody else writes: streets run along the axes."""

    def _norm(self, v):
        return abs(v).sum(axis=-1)

    def _dual_norm(self, g):
        return abs(g).max(axis=-1)

    def _steepest(self, g):
        best = np.sign(g) * (abs(g) == abs(g).max(axis=-1, keepdims=True))
        return best / abs(best).sum(axis=-1, keepdims=True)


def test_a_norm_of_your_own():
    g = np.array([[1.0, -2.0], [3.0, 3.0]])
    for verb in "norm", "dual_norm":
        assert_close(getattr(Taxi(), verb)(g), getattr(ng.PNorm(1), verb)(g), EXACT)
    assert_close(ng.steepest_direction(g, Taxi()), ng.steepest_direction(g, ng.PNorm(1)), EXACT)
    assert_close(ng.directional_derivative(g, [1, 1], Taxi()), [-0.5, 3], EXACT)
    assert repr(Taxi()) == "Taxi()"
    with pytest.raises(ValueError, match="^`v` must be finite, but it contains nan"):
        Taxi().norm([1, np.nan])


class Stiff(ng.Metric):
    """A metric with nothing but the two methods that it needs."""

    dim = 2

    def _apply(self, v):
        return v @ np.array([[2.0, 1.0], [1.0, 2.0]])

    def _solve(self, g):
        return g @ np.array([[2.0, -1.0], [-1.0, 2.0]]) / 3


def test_a_metric_of_your_own():
    mine, dense, v = Stiff(), ng.Dense([[2, 1], [1, 2]]), np.array([[1.0, -2.0], [3.0, 3.0]])
    for verb in "apply", "solve", "norm", "squared_norm", "dual_norm", "squared_dual_norm":
        assert_close(getattr(mine, verb)(v), getattr(dense, verb)(v), EXACT)
        assert_close(getattr(ng.Dual(mine), verb)(v), getattr(ng.Dual(dense), verb)(v), EXACT)
    assert_close(ng.steepest_direction(v, mine), ng.steepest_direction(v, dense), EXACT)
    assert_close(mine.inner(v, v[::-1]), dense.inner(v, v[::-1]), EXACT)
    assert_close(mine.damped(0.5).as_matrix(), [[2.5, 1], [1, 2.5]], EXACT)
    assert repr(ng.Dual(mine)) == "Dual(metric=Stiff(n=2))"
    with pytest.raises(ValueError, match="^`metric` must hold a factor of G to whiten with"):
        mine.whiten(v)


def test_a_metric_of_your_own_says_how_many_coordinates_it_has():
    class Unsized(ng.Metric):
        _apply = _solve = lambda self, v: 1 * v

    for call in (
        lambda: Unsized().norm([1, 2]),
        Unsized().as_matrix,
        lambda: ng.Dual(Unsized()),
        lambda: repr(Unsized()),
    ):
        with pytest.raises(ValueError, match=r"^`dim` must be set, but Unsized has none\.$"):
            call()
