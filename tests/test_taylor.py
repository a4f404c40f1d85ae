"""Numerical derivatives against sympy's, and the order of an error against errors of known order."""

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from tolerances import DIFFERENCES, EXACT, ORDER, assert_close

import natgrad as ng
from natgrad import taylor

x, y, z = VARIABLES = sp.symbols("x y z")

# Functions of three variables whose derivatives differ in every entry.
FUNCTIONS = [
    x**3 * y + 2 * z**2 * x - y * z,
    sp.exp(x / 2) * sp.sin(y + 2 * z),
    sp.log(4 + x**2 + y * z),
    sp.sqrt(3 + x) / (2 + z**2) + sp.cos(x * y),
]
POINTS = [[0.3, -0.7, 1.1], [0.0, 0.0, 0.0], [1.5, 0.25, -0.5]]


def numeric(expression):
    """A function of a point, from an expression in x, y and z."""
    function = sp.lambdify(VARIABLES, expression)
    return lambda point: np.array(function(*point), dtype=float)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_gradient_and_hessian_against_sympy(function, point):
    gradient = [numeric(function.diff(v))(point) for v in VARIABLES]
    hessian = [[numeric(function.diff(v, w))(point) for w in VARIABLES] for v in VARIABLES]
    assert_close(ng.numerical_gradient(numeric(function), point), gradient, DIFFERENCES)
    assert_close(ng.numerical_hessian(numeric(function), point), hessian, DIFFERENCES)


def test_they_are_as_accurate_as_they_say():
    gradient_error = ng.numerical_gradient(lambda p: np.exp(p[0]), [0.0]) - 1
    hessian_error = ng.numerical_hessian(lambda p: np.exp(p[0]), [0.0]) - 1
    # About 1e-12 and 1e-10, that is, within a factor of ten.
    assert np.abs(gradient_error) < 1e-11
    assert np.abs(hessian_error) < 1e-9


def test_derivatives_of_arrays():
    f = lambda p: np.array([[p[0] ** 2, p[0] * p[1]], [3 * p[1], 1.0], [p[1] ** 3, p[0]]])
    point = [2.0, -1.0]
    gradient, hessian = ng.numerical_gradient(f, point), ng.numerical_hessian(f, point)
    assert gradient.shape == (3, 2, 2)
    assert hessian.shape == (3, 2, 2, 2)
    jacobian = [[[4, 0], [-1, 2]], [[0, 3], [0, 0]], [[0, 3], [1, 0]]]
    assert_close(gradient, jacobian, DIFFERENCES)
    assert_close(hessian[0], [[[2, 0], [0, 0]], [[0, 1], [1, 0]]], DIFFERENCES)
    assert_close(hessian[2], [[[0, 0], [0, -6]], [[0, 0], [0, 0]]], DIFFERENCES)


def test_hessians_are_symmetric():
    hessian = ng.numerical_hessian(numeric(FUNCTIONS[1]), POINTS[0])
    assert (hessian == hessian.T).all()


def test_polynomials_of_fourth_degree_have_no_truncation_error():
    # With a large unit rounding is no concern either.
    f = lambda p: p[0] ** 4 - 2 * p[0] ** 3
    point, unit = [1.5], 1000.0
    assert_close(ng.numerical_gradient(f, point, unit), [4 * 1.5**3 - 6 * 1.5**2], EXACT)
    assert_close(ng.numerical_hessian(f, point, unit), [[12 * 1.5**2 - 12 * 1.5]], EXACT)


@pytest.mark.parametrize(("derivative", "exact"), [(ng.numerical_gradient, 1.0), (ng.numerical_hessian, 1.0)])
def test_differences_are_of_fourth_order(derivative, exact):
    units = 100.0 * 2.0 ** -np.arange(4)
    errors = [abs(derivative(lambda p: np.exp(p[0]), [0.0], unit).item() - exact) for unit in units]
    assert (np.abs(ng.observed_order(errors, units) - 4) < ORDER).all()


def test_mixed_differences_are_of_fourth_order():
    f = lambda p: np.exp(p[0]) * np.sin(p[1])
    units = 100.0 * 2.0 ** -np.arange(4)
    exact = np.cos(0.5)
    errors = [abs(ng.numerical_hessian(f, [0.0, 0.5], unit)[0, 1] - exact) for unit in units]
    assert (np.abs(ng.observed_order(errors, units) - 4) < ORDER).all()


def test_each_coordinate_has_its_own_unit():
    # A function that changes over 1e-6 in one coordinate and over 1e6 in the other.
    f = lambda p: np.sin(1e6 * p[0]) * np.exp(1e-6 * p[1])
    gradient = ng.numerical_gradient(f, [0.0, 0.0], [1e-6, 1e6])
    hessian = ng.numerical_hessian(f, [0.0, 0.0], [1e-6, 1e6])
    assert_close(gradient[0], 1e6, DIFFERENCES)
    assert abs(gradient[1]) < DIFFERENCES * 1e-6
    assert_close(hessian[0, 1], 1.0, DIFFERENCES)


@pytest.mark.parametrize("x", [1e20, -1e20])
def test_steps_that_rounding_swallows_are_refused(x):
    # At 1e20 the next number is 16384 away.
    for derivative in ng.numerical_gradient, ng.numerical_hessian:
        with pytest.raises(ValueError, match="^`unit` must allow steps that rounding leaves apart"):
            derivative(lambda p: p[0], [x])
        with pytest.raises(ValueError, match=r"but a unit of 1 is negligible beside -?1e\+20\.$"):
            derivative(lambda p: p[0], [1.0, x])
    assert_close(ng.numerical_gradient(lambda p: p[0] / 1e20, [x], abs(x)), [1e-20], DIFFERENCES)


def test_the_unit_is_one_unless_given():
    f = lambda p: np.exp(np.sin(3 * p[0]))
    for derivative in ng.numerical_gradient, ng.numerical_hessian:
        assert derivative(f, [0.3]) == derivative(f, [0.3], 1.0) != derivative(f, [0.3], 2.0)


def test_the_function_may_change_its_argument():
    def f(p):
        p *= 2
        return p.sum()

    point = np.array([1.0, 2.0])
    assert_close(ng.numerical_gradient(f, point), [2.0, 2.0], DIFFERENCES)
    assert_close(ng.numerical_hessian(lambda p: f(p) ** 2, point), np.full((2, 2), 8.0), DIFFERENCES)
    assert (point == [1.0, 2.0]).all()


def test_the_function_may_return_the_same_array_each_time():
    out = np.empty(1)
    assert_close(ng.numerical_gradient(lambda x: np.square(x, out=out), [3]), [[6]], DIFFERENCES)
    assert_close(ng.numerical_hessian(lambda x: np.square(x, out=out), [3]), [[[2]]], DIFFERENCES)


def test_the_coefficients_are_those_of_fourth_order():
    # Σ c k^m is 1 for m = 1 and 0 for the other m up to 4.
    moments = [taylor.COEFFICIENTS @ taylor.OFFSETS**m for m in range(5)]
    assert_close(moments, [0, 1, 0, 0, 0], EXACT)


@pytest.mark.parametrize("order", [0.5, 1, 2, 3, 7])
def test_observed_order_of_a_power(order):
    steps = np.array([1.0, 0.5, 0.3, 0.001, 2.0])
    orders = ng.observed_order(6.0 * steps**order, steps)
    assert_close(orders, np.full(4, float(order)), EXACT)


def test_observed_orders_are_local():
    # First order for large steps, second for small ones, in that sequence.
    steps = np.array([4.0, 2.0, 1e-3, 1e-4])
    errors = [4.0, 2.0, 1e-6, 1e-8]
    orders = ng.observed_order(errors, steps)
    assert_close(orders[[0, 2]], [1.0, 2.0], EXACT)
    assert 1 < orders[1] < 2


@pytest.mark.parametrize(
    ("terms", "order"),
    [(lambda h: 1, 1), (lambda h: 1 + h, 2), (lambda h: 1 + h + h**2 / 2, 3)],
)
def test_taylor_polynomials_have_the_order_of_what_they_leave_out(terms, order):
    steps = 0.05 * 2.0 ** -np.arange(4)
    orders = ng.observed_order(np.exp(steps) - terms(steps), steps)
    assert (np.abs(orders - order) < ORDER).all()


def test_a_function_keeps_its_shape():
    with pytest.raises(ValueError, match=r"^`f` must return one shape everywhere, but it returns \("):
        ng.numerical_gradient(lambda x: np.ones(1 + (x[0] > 0)), [0.0])


@pytest.mark.parametrize("x", [1e3, 1023.9999999999999, -(2.0**30) * (1 - 2.0**-53)])
@pytest.mark.parametrize(
    ("derivative", "step", "order", "exact"),
    [
        (ng.numerical_gradient, taylor.GRADIENT_STEP, 1, np.cos(1)),
        (ng.numerical_hessian, taylor.HESSIAN_STEP, 2, -np.sin(1)),
    ],
)
def test_steps_lose_nothing_beside_a_large_point(x, derivative, step, order, exact):
    # Also where the next power of two is closer than the step.
    place = np.spacing(2 * abs(x))
    for unit in np.array([1.01, 8, 1000]) * place / taylor.STEP_ROUNDING / step:
        found = derivative(lambda p, unit=unit: np.sin((p[0] - x) / unit + 1), [x], unit).ravel() * unit**order
        # At most it is the derivative at a neighbour of x.
        assert_close(found, [exact], max(DIFFERENCES, place / unit))


def test_steps_too_small_to_be_numbers_are_refused():
    for unit in 5e-324, 1e-320:
        with pytest.raises(ValueError, match="^`unit` must allow steps that rounding leaves apart"):
            ng.numerical_gradient(lambda x: x[0], [0.0], unit)
    assert_close(ng.numerical_gradient(lambda x: x[0] / 1e-300, [0.0], 1e-300), [1e300], DIFFERENCES)


def test_derivatives_that_overflow_are_refused():
    f = lambda x: 1e300 * np.sin(1e10 * x[0])
    for derivative in ng.numerical_gradient, ng.numerical_hessian:
        with pytest.raises(ValueError, match="^`f` must have a result within the range of float64, but it overflows"):
            derivative(f, [0.1e-10], 1e-10)


def test_derivatives_that_overflow_per_unit_are_refused():
    with pytest.raises(ValueError, match="^`f` must have a result within the range of float64, but it overflows"):
        ng.numerical_gradient(lambda x: 1e299 * x[0], [1], 1e10)


def test_steps_are_exact_up_to_the_last_of_them():
    # Where x + 4 steps is in the next binade, whose numbers are twice as far apart.
    unit = 1e-11
    step = np.finfo(float).eps ** (1 / 6) * unit
    x = 1 - (2 * round(3.5 * step / 2**-52) + 1) * 2**-53
    assert abs(ng.numerical_hessian(lambda x: (x[0] - 1) / unit, [x], unit)[0, 0]) * unit**2 < 1e-9


def test_the_first_coordinate_that_differences_cannot_reach_is_named():
    with pytest.raises(ValueError, match=r"but a unit of 1 is negligible beside 1e\+20\.$"):
        ng.numerical_gradient(lambda x: x @ x, [1e20, 3, 1e30], [1, 1, 2])


@pytest.mark.parametrize("name", ["tanh", "exp"])
def test_the_promised_digits(name):
    exact, f = mp.diff(getattr(mp, name), 0.3), getattr(np, name)
    assert abs(ng.numerical_gradient(lambda x: f(x[0]), [0.3])[0] - float(exact)) < 1e-12


@pytest.mark.parametrize(("derivative", "closest"), [(ng.numerical_gradient, 2e-3), (ng.numerical_hessian, 1.4e-2)])
def test_a_unit_that_is_too_long_is_refused(derivative, closest):
    log = lambda x: np.log(x[0])
    with pytest.raises(ValueError, match=r"^`unit` must be a length over which `f` hardly bends, but steps of 0.0"):
        derivative(log, [closest])
    # Or what is returned is right to three digits and more.
    refused = []
    for x in np.geomspace(closest, 1, 60):
        exact = 1 / x if derivative is ng.numerical_gradient else -1 / x**2
        try:
            assert abs(derivative(log, [x]).item() / exact - 1) < 1.1e-3
        except ValueError:
            refused.append(x)
    assert len(refused) > 1
    assert_close(ng.numerical_gradient(log, [0.002], 0.002), [500], DIFFERENCES)
    # Half of the steps may agree by chance.
    with pytest.raises(ValueError, match="^`unit` must be a length .* steps of 0.0025 and 0.00062 units give"):
        ng.numerical_hessian(log, [0.01076770650792497])


def test_a_small_derivative_beside_a_large_one_is_no_reason_to_refuse():
    assert_close(ng.numerical_gradient(lambda x: 1e6 * x[0] + 1e-9 * np.exp(x[1]), [0, 0]), [1e6, 0], DIFFERENCES)
    assert abs(ng.numerical_gradient(lambda x: 7.0, [0.3])) < 1e-11
    # Each output is judged for itself.
    with pytest.raises(ValueError, match="^`unit` must be a length"):
        ng.numerical_gradient(lambda x: np.array([1e9 * x[0], np.log(x[0])]), [0.002])


def test_a_gradient_that_is_zero_is_found_where_f_is_a_difference_of_large_numbers():
    # A loss less its own minimum, whose values have lost the digits that its terms had.
    x = 1 + 0.5 * np.random.default_rng(0).standard_normal(500)
    family, best = ng.Gaussian(), np.array([x.mean(), 1 / x.var()])
    excess = lambda theta: family.log_prob(best, x).mean() - family.log_prob(theta, x).mean()
    assert np.abs(ng.numerical_gradient(excess, best)).max() < 1e-11
    with pytest.raises(ValueError, match="^`unit` must be a length over which `f` hardly bends"):
        ng.numerical_gradient(lambda theta: excess(theta) + np.log(theta[1] - best[1] + 0.002), best)
