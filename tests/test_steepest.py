"""The steepest direction and the natural gradient, for random metrics and by other routes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from tolerances import EXACT, OPTIMISER, assert_close

import natgrad as ng

# The same examples on every run.
deterministic = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)
numbers = st.floats(-3, 3).map(lambda x: round(x, 3))


@st.composite
def problems(draw, vectors):
    """An invertible matrix of condition at most 100, and some vectors that are not zero."""
    n = draw(st.integers(1, 4))
    matrix = draw(arrays(float, (n, n), elements=numbers))
    assume(np.linalg.cond(matrix) < 100)
    rows = draw(arrays(float, (vectors, n), elements=numbers))
    assume((np.linalg.norm(rows, axis=-1) > 0.1).all())
    return matrix, *rows


def metrics(matrix):
    """The same metric, three ways."""
    covariance = matrix @ matrix.T
    # The exact symmetry of an inverse is not to be had, so one triangle is used twice.
    inverse = np.linalg.inv(covariance)
    tensor = np.tril(inverse) + np.tril(inverse, -1).T
    return ng.from_frame(matrix), ng.from_covariance(covariance), ng.Dense(tensor)


@deterministic
@given(problems(2))
def test_no_unit_vector_beats_the_steepest_direction(problem):
    matrix, gradient, u = problem
    for metric in metrics(matrix):
        best = ng.steepest_direction(gradient, metric)
        # Scaled to unit length without natgrad: ‖u‖ is the length of M⁻¹u.
        rival = u / np.linalg.norm(np.linalg.solve(matrix, u))
        assert abs(rival @ gradient) <= best @ gradient * (1 + EXACT) + EXACT


@deterministic
@given(problems(1))
def test_the_steepest_direction_has_unit_length_and_gains_the_dual_norm(problem):
    matrix, gradient = problem
    for metric in metrics(matrix):
        best = ng.steepest_direction(gradient, metric)
        gain = metric.dual_norm(gradient)
        tolerance = EXACT * np.linalg.cond(matrix)
        assert_close(np.linalg.norm(np.linalg.solve(matrix, best)), 1.0, tolerance)
        assert_close(best @ gradient, gain, tolerance)
        assert_close(ng.directional_derivative(gradient, best, metric), gain, tolerance)
        assert_close(gain, np.linalg.norm(matrix.T @ gradient), tolerance)


@deterministic
@given(problems(1))
def test_the_natural_gradient_is_the_covariance_times_the_gradient(problem):
    matrix, gradient = problem
    expected = matrix @ matrix.T @ gradient
    for metric in metrics(matrix):
        natural = ng.natural_gradient(gradient, metric)
        assert_close(natural, expected, EXACT * np.linalg.cond(matrix) ** 2)
        # Same ray: the steepest direction is the natural gradient divided by a positive number.
        steepest = ng.steepest_direction(gradient, metric)
        length = np.linalg.norm(matrix.T @ gradient)
        assert_close(steepest * length, expected, EXACT * np.linalg.cond(matrix) ** 2)


@deterministic
@given(problems(1), st.integers(0, 2**32 - 1))
def test_natural_gradients_are_equivariant(problem, seed):
    # In new coordinates y = A x gradients become A⁻ᵀ g, Σ becomes A Σ Aᵀ, and vectors A u.
    matrix, gradient = problem
    n = gradient.size
    change = np.random.default_rng(seed).standard_normal((n, n)) + 3 * np.eye(n)
    assume(np.linalg.cond(change) < 100)
    new_gradient = np.linalg.solve(change.T, gradient)
    condition = np.linalg.cond(change) * np.linalg.cond(matrix)
    for old, new in zip(metrics(matrix), metrics(change @ matrix), strict=True):
        for step in (ng.natural_gradient, ng.steepest_direction):
            expected = change @ step(gradient, old)
            assert_close(step(new_gradient, new), expected, EXACT * condition**2)
        assert_close(new.dual_norm(new_gradient), old.dual_norm(gradient), EXACT * condition**2)


@deterministic
@given(problems(1))
def test_a_frame_measures_coordinates(problem):
    frame, w = problem
    expected = np.linalg.norm(w)
    assert_close(ng.from_frame(frame).norm(frame @ w), expected, EXACT * np.linalg.cond(frame))


@deterministic
@given(problems(2), st.floats(1e-6, 1e6))
def test_slopes_do_not_depend_on_the_length_of_the_direction(problem, factor):
    matrix, gradient, u = problem
    for metric in metrics(matrix):
        slope = ng.directional_derivative(gradient, u, metric)
        tolerance = EXACT * metric.dual_norm(gradient)
        assert abs(ng.directional_derivative(gradient, factor * u, metric) - slope) <= tolerance
        assert abs(ng.directional_derivative(gradient, -u, metric) + slope) <= tolerance


@deterministic
@given(problems(2))
def test_slopes_are_limits_of_quotients(problem):
    # For a linear function the quotient is exact: the growth over a step, per length of the step.
    matrix, gradient, u = problem
    expected = gradient @ u / np.linalg.norm(np.linalg.solve(matrix, u))
    slope = ng.directional_derivative(gradient, u, ng.from_frame(matrix))
    assert abs(slope - expected) <= EXACT * np.linalg.norm(matrix.T @ gradient) * np.linalg.cond(matrix)


@pytest.mark.parametrize("seed", range(6))
def test_a_general_optimiser_finds_the_same_direction(seed):
    generator = np.random.default_rng(seed)
    frame, gradient = generator.standard_normal((3, 3)), generator.standard_normal(3)
    precision = np.linalg.inv(frame @ frame.T)
    found = minimize(
        lambda u: -u @ gradient,
        x0=frame @ [1.0, 0.0, 0.0],
        jac=lambda u: -gradient,
        constraints={
            "type": "eq",
            "fun": lambda u: u @ precision @ u - 1,
            "jac": lambda u: 2 * precision @ u,
        },
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    metric = ng.from_covariance(frame @ frame.T)
    assert_close(ng.steepest_direction(gradient, metric), found.x, OPTIMISER)
    assert_close(metric.dual_norm(gradient), -found.fun, OPTIMISER)


def test_descent_is_the_opposite_of_ascent():
    metric, gradient = ng.from_frame([[2, 1], [0, 2]]), np.array([1.0, -3.0])
    ascent = ng.steepest_direction(gradient, metric)
    assert (ng.steepest_direction(-gradient, metric) == -ascent).all()


def test_the_length_of_the_gradient_matters_only_to_the_natural_gradient():
    metric, gradient = ng.from_frame([[2, 1], [0, 2]]), np.array([1.0, -3.0])
    natural, steepest = ng.natural_gradient(gradient, metric), ng.steepest_direction(gradient, metric)
    assert (ng.natural_gradient(8 * gradient, metric) == 8 * natural).all()
    assert (ng.steepest_direction(8 * gradient, metric) == steepest).all()


def test_in_the_euclidean_metric_the_natural_gradient_is_the_gradient():
    gradient = np.array([[3.0, -4.0], [0.0, 2.0]])
    metric = ng.euclidean(2)
    assert (ng.natural_gradient(gradient, metric) == gradient).all()
    assert_close(ng.steepest_direction(gradient, metric), [[0.6, -0.8], [0.0, 1.0]], EXACT)
    assert_close(ng.directional_derivative(gradient, [1, 0], metric), [3.0, 0.0], EXACT)


def test_leading_axes_broadcast():
    frames = np.array([[[2.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 1.0]]])
    gradients = np.array([[1.0, -3.0], [2.0, 0.5], [0.0, 1.0]])
    together, u = ng.from_frame(frames), np.array([1.0, 2.0])
    for i, gradient in enumerate(gradients):
        for j, frame in enumerate(frames):
            alone = ng.from_frame(frame)
            for step in (ng.natural_gradient, ng.steepest_direction):
                found = step(gradients[:, None], together)[i, j]
                assert_close(found, step(gradient, alone), EXACT)
            slopes = ng.directional_derivative(gradients[:, None], u, together)
            assert_close(slopes[i, j], ng.directional_derivative(gradient, u, alone), EXACT)


@pytest.mark.parametrize(("gradient", "u", "name"), [([1, 0], [1e-300, 0], "`u`"), ([1e-300, 0], [0, 1], "`gradient`")])
def test_what_is_too_small_to_be_divided_by_or_to_have_a_slope_is_named(gradient, u, name):
    with pytest.raises(ValueError, match=f"^{name} .*underflows"):
        ng.directional_derivative(gradient, u, ng.euclidean(2))
