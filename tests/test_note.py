"""Every number that sections 2.1, 2.5 and 3.6 of the note work out: exactly in sympy, and to EXACT in natgrad."""

import numpy as np
import pytest
import sympy as sp
from tolerances import DIFFERENCES, EXACT, assert_close

import natgrad as ng

half = sp.Rational(1, 2)


def numbers(matrix):
    """The entries of a sympy column or matrix, as floats."""
    found = np.array(matrix.tolist(), dtype=float)
    return found[:, 0] if matrix.cols == 1 else found


# Section 2.1: graph paper.

V = sp.Matrix([3, 4])
W = sp.Matrix([3, 2])
M = sp.Matrix([[4, 1], [2, 3]])
PAPER = ng.from_frame(numbers(M))
COLUMNS = numbers(M.T)


def test_note_2_1a_the_length_of_v():
    assert V.dot(V) == 25
    assert V.norm() == 5
    assert_close(ng.euclidean(2).squared_norm(numbers(V)), 25, EXACT)
    assert_close(ng.euclidean(2).norm(numbers(V)), 5, EXACT)


def test_note_2_1d_w_on_paper():
    assert M * W == sp.Matrix([14, 12])
    # The columns of M are orthonormal, so inner products with them are coordinates.
    assert_close(PAPER.inner(COLUMNS, [14, 12]), [3, 2], EXACT)
    assert_close(PAPER.squared_norm([14, 12]), 13, EXACT)


def test_note_2_1e_the_coordinates_of_v():
    assert M.inv() == sp.Matrix([[3, -1], [-2, 4]]) / 10
    assert M.inv() * V == sp.Matrix([half, 1])
    # M⁻¹ = Mᵀ G, row by row.
    assert_close(PAPER.apply(COLUMNS), [[0.3, -0.1], [-0.2, 0.4]], EXACT)
    assert_close(PAPER.inner(COLUMNS, numbers(V)), [0.5, 1.0], EXACT)


def test_note_2_1f_the_squared_norm_of_v():
    coordinates = M.inv() * V
    assert coordinates.dot(coordinates) == sp.Rational(5, 4)
    assert_close(PAPER.squared_norm(numbers(V)), 1.25, EXACT)
    covariance = numbers(M * M.T)
    assert_close(ng.from_covariance(covariance).squared_norm(numbers(V)), 1.25, EXACT)


# Section 2.5: an explicit example.

x, y = sp.symbols("x y", real=True)
FRAME = sp.Matrix([[2, 1], [0, 2]])
SIGMA = sp.Matrix([[5, 2], [2, 4]])
POINT = sp.Matrix([x, y])
SQUARED_NORM = sp.expand((POINT.T * SIGMA.inv() * POINT)[0])
METRIC = ng.from_covariance(numbers(SIGMA))
GRID = np.stack(np.meshgrid(np.linspace(-3, 3, 7), np.linspace(-2, 4, 7)), axis=-1)


def test_note_2_5a_sigma():
    assert FRAME * FRAME.T == SIGMA
    assert_close(ng.from_frame(numbers(FRAME)).solve(np.eye(2)), numbers(SIGMA), EXACT)


def test_note_2_5b_sigma_inverse():
    assert SIGMA.inv() == sp.Matrix([[4, -2], [-2, 5]]) / 16
    expected = np.array([[4, -2], [-2, 5]]) / 16
    assert_close(METRIC.as_matrix(), expected, EXACT)
    assert_close(ng.from_frame(numbers(FRAME)).as_matrix(), expected, EXACT)


def test_note_2_5c_squared_norm():
    assert sp.expand(16 * SQUARED_NORM - (4 * x**2 - 4 * x * y + 5 * y**2)) == 0
    a, b = GRID[..., 0], GRID[..., 1]
    assert_close(METRIC.squared_norm(GRID), (4 * a**2 - 4 * a * b + 5 * b**2) / 16, EXACT)


def test_note_2_5d_gradient_of_the_squared_norm():
    gradient = sp.Matrix([SQUARED_NORM.diff(x), SQUARED_NORM.diff(y)])
    printed = sp.Matrix([4 * x - 2 * y, 5 * y - 2 * x])
    assert (8 * gradient - printed).expand() == sp.zeros(2, 1)
    a, b = GRID[..., 0], GRID[..., 1]
    expected = np.stack([4 * a - 2 * b, 5 * b - 2 * a], axis=-1)
    assert_close(8 * (2 * METRIC.apply(GRID)), expected, EXACT)
    numerical = ng.numerical_gradient(METRIC.squared_norm, [1.0, -2.0])
    assert_close(8 * numerical, [8.0, -12.0], DIFFERENCES)


def test_note_2_5e_gradient_of_f():
    f = 3 * y
    assert (f.diff(x), f.diff(y)) == (0, 3)
    euclidean = ng.euclidean(2)
    assert_close(ng.numerical_gradient(lambda v: 3 * v[1], [0.0, 0.0]), [0, 3], EXACT)
    assert_close(ng.directional_derivative([0, 3], np.eye(2), euclidean), [0, 3], EXACT)


def test_note_2_5f_natural_gradient():
    natural = SIGMA * sp.Matrix([0, 3])
    assert natural == sp.Matrix([6, 12])
    assert natural / 6 == sp.Matrix([1, 2])
    assert_close(ng.natural_gradient([0, 3], METRIC), [6, 12], EXACT)


def test_note_2_5g_unit_circle():
    ellipse = 4 * x**2 - 4 * x * y + 5 * y**2 - 16
    assert sp.expand(16 * (SQUARED_NORM - 1) - ellipse) == 0
    angles = np.linspace(0, 2 * np.pi, 50)
    gradients = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    # The steepest directions of all gradients are all of the unit circle.
    a, b = ng.steepest_direction(gradients, METRIC).T
    assert_close(4 * a**2 - 4 * a * b + 5 * b**2, np.full(50, 16.0), EXACT)


UPPER = sp.Rational(2, 5) * (2 * sp.sqrt(5 - x**2) + x)


def test_note_2_5h_upper_half_of_the_ellipse():
    ellipse = 4 * x**2 - 4 * x * y + 5 * y**2 - 16
    assert sp.simplify(ellipse.subs(y, UPPER)) == 0
    assert UPPER in sp.solve(ellipse, y) or any(sp.simplify(root - UPPER) == 0 for root in sp.solve(ellipse, y))
    a = np.linspace(-np.sqrt(5), np.sqrt(5), 50)
    b = 0.4 * (2 * np.sqrt(np.maximum(5 - a**2, 0)) + a)
    assert_close(METRIC.norm(np.stack([a, b], axis=-1)), np.ones(50), EXACT)


def test_note_2_5i_highest_point():
    assert sp.solve(UPPER.diff(x), x) == [1]
    assert UPPER.subs(x, 1) == 2
    assert UPPER.diff(x, 2).subs(x, 1) < 0
    assert_close(ng.steepest_direction([0, 3], METRIC), [1, 2], EXACT)
    # No point of the circle is higher than the dual norm of the gradient of y.
    assert_close(METRIC.dual_norm([0, 1]), 2, EXACT)


def test_note_2_5j_unit_vector():
    assert SQUARED_NORM.subs({x: 1, y: 2}) == 1
    assert_close(METRIC.norm([1, 2]), 1, EXACT)


# Section 3.6: the Gaussian family.

X, mu = sp.symbols("X mu", real=True)
tau = sp.Symbol("tau", positive=True)
DENSITY = sp.sqrt(tau / (2 * sp.pi)) * sp.exp(-tau * (X - mu) ** 2 / 2)
LOG_DENSITY = sp.expand_log(sp.log(DENSITY), force=True)
SCORE = sp.Matrix([LOG_DENSITY.diff(mu), LOG_DENSITY.diff(tau)])
SQUARE = SCORE * SCORE.T
AT = {mu: 0, tau: 1}
GAUSSIAN = ng.Gaussian()
THETAS = [(0, 1), (sp.Rational(3, 10), 2), (-4, sp.Rational(1, 5))]
OBSERVATIONS = [-3, -half, 0, 1, sp.Rational(17, 4)]


def expectation(matrix):
    return matrix.applyfunc(lambda e: sp.integrate(sp.expand(e) * DENSITY.subs(AT), (X, -sp.oo, sp.oo)))


def test_note_3_6a_score():
    printed = sp.Matrix([tau * (X - mu), 1 / (2 * tau) - (X - mu) ** 2 / 2])
    assert (SCORE - printed).applyfunc(sp.simplify) == sp.zeros(2, 1)
    for theta in THETAS:
        for observation in OBSERVATIONS:
            at = {mu: theta[0], tau: theta[1], X: observation}
            found = GAUSSIAN.score([float(t) for t in theta], float(observation))
            assert_close(found, numbers(printed.subs(at)), EXACT)


def test_note_3_6b_outer_product_of_the_score():
    d = X - mu
    mixed = d / 2 - tau * d**3 / 2
    printed = sp.Matrix([[tau**2 * d**2, mixed], [mixed, 1 / (4 * tau**2) + d**4 / 4 - d**2 / (2 * tau)]])
    assert (SQUARE - printed).applyfunc(sp.simplify) == sp.zeros(2, 2)
    for theta in THETAS:
        values = [float(t) for t in theta]
        at = {mu: theta[0], tau: theta[1]}
        expected = numbers(printed.subs(at).subs(X, OBSERVATIONS[-1]))
        score = GAUSSIAN.score(values, float(OBSERVATIONS[-1]))
        assert_close(np.outer(score, score), expected, EXACT)
        entries = sp.lambdify(X, list(printed.subs(at)))
        mean = GAUSSIAN.expect(values, lambda v, entries=entries: np.transpose(entries(v)))
        assert_close(mean.reshape(2, 2), GAUSSIAN.fisher(values), EXACT)


def test_note_3_6c_outer_product_at_the_standard_gaussian():
    # The note prints ½X − X³ in both corners; 3.6b at (0, 1) gives ½X − ½X³.
    right, misprinted = X / 2 - X**3 / 2, X / 2 - X**3
    corrected = sp.Matrix([[X**2, right], [right, half / 2 + X**4 / 4 - X**2 / 2]])
    assert (SQUARE.subs(AT) - corrected).expand() == sp.zeros(2, 2)
    assert sp.expand(SQUARE.subs(AT)[0, 1] - misprinted) != 0
    for observation in OBSERVATIONS:
        score = GAUSSIAN.score([0, 1], float(observation))
        expected = numbers(corrected.subs(X, observation))
        assert_close(np.outer(score, score), expected, EXACT)
    score = GAUSSIAN.score([0, 1], 2.0)
    assert score[0] * score[1] == pytest.approx(-3, rel=EXACT)
    assert misprinted.subs(X, 2) == -7


def test_note_3_6d_fisher_matrix():
    assert expectation(SQUARE.subs(AT)) == sp.Matrix([[1, 0], [0, half]])
    expected = [[1, 0], [0, 0.5]]
    assert_close(GAUSSIAN.fisher([0, 1]), expected, EXACT)
    assert_close(ng.fisher_information(GAUSSIAN, [0, 1]), expected, EXACT)
    assert_close(ng.fisher_metric(GAUSSIAN, [0, 1]).as_matrix(), expected, EXACT)


def test_note_3_6e_inverse_fisher_matrix():
    assert sp.Matrix([[1, 0], [0, half]]).inv() == sp.Matrix([[1, 0], [0, 2]])
    metric = ng.fisher_metric(GAUSSIAN, [0, 1])
    assert_close(metric.solve(np.eye(2)), [[1, 0], [0, 2]], EXACT)
    assert_close(ng.Dual(metric).as_matrix(), [[1, 0], [0, 2]], EXACT)


def test_note_3_6f_natural_gradient():
    fisher = sp.Matrix([[1, 0], [0, half]])
    assert fisher.inv() * sp.Matrix([1, 1]) == sp.Matrix([1, 2])
    assert_close(ng.natural_gradient([1, 1], ng.fisher_metric(GAUSSIAN, [0, 1])), [1, 2], EXACT)
