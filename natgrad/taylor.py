"""Numerical derivatives, and the observed order of an error: what an ≈ promises, measured (section 3.3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from . import arrays

# Central differences of fourth order: f′ ≈ Σ c f(x + kh) / h. The steps balance truncation (h⁴) against rounding.
OFFSETS = np.array([-2, -1, 1, 2])
COEFFICIENTS = np.array([1, -8, 8, -1]) / 12
GRADIENT_STEP = np.finfo(float).eps ** (1 / 5)
HESSIAN_STEP = np.finfo(float).eps ** (1 / 6)
# The part of a step that may be the last place of what it is added to. It is rounded to that, so that no more is lost.
STEP_ROUNDING = 1e-2
# By how much a derivative may differ from that with smaller steps, of the largest one or in roundings of f.
MOST_ERROR, ROUNDINGS = 1e-3, 100


def numerical_gradient(f: Callable[[np.ndarray], np.ndarray], x: ArrayLike, unit: ArrayLike = 1.0) -> np.ndarray:
    """The gradient of f at x, shape (..., n), by central differences of fourth order.

    `f` takes a point, shape (n,), and returns a number or an array of numbers, shape (...). `unit`, a number or one for
    each coordinate, is the length over which f changes appreciably; steps are a small part of it. The error is about
    1e-12 if f and its derivatives per unit are about one. A `ValueError` is raised if half or a quarter of the steps
    gives something else, by more than f's rounding and a thousandth of the largest derivative per unit.

    >>> numerical_gradient(lambda x: 3 * x[1], [1, 2]).round(9) + 0
    array([0., 3.])
    """
    return _sound(_gradient, 1, GRADIENT_STEP, f, x, unit)


def numerical_hessian(f: Callable[[np.ndarray], np.ndarray], x: ArrayLike, unit: ArrayLike = 1.0) -> np.ndarray:
    """The Hessian of f at x, shape (..., n, n), by central differences of fourth order (section 3.3).

    `f`, `x` and `unit` are as for `numerical_gradient`, and so is what is raised. The error is about 1e-10.

    >>> numerical_hessian(lambda x: x[0] ** 2 * x[1], [1, 2]).round(6) + 0
    array([[4., 2.],
           [2., 0.]])
    """
    return _sound(_hessian, 2, HESSIAN_STEP, f, x, unit)


def observed_order(errors: ArrayLike, steps: ArrayLike) -> np.ndarray:
    """The slopes of an error against its step on logarithmic axes, from each step to the next, shape (m - 1,).

    An error of order k shows slopes that tend to k. All of them are returned, so that one lucky value decides nothing.
    `errors` and the `steps` that gave them, shape (m,), are positive; each step differs from the next. A `ValueError`
    is raised otherwise: an error of zero has no order.

    >>> steps = np.array([0.1, 0.01, 0.001])
    >>> observed_order(np.abs(np.exp(steps) - 1 - steps), steps).round(2)
    array([2.01, 2.  ])
    """
    errors = arrays.positive(errors, "errors", ("m",))
    steps = arrays.positive(steps, "steps", errors.shape)
    arrays.must(errors.size > 1, "errors", "be two or more", "there is one")
    widths = np.diff(np.log(steps))
    arrays.must(widths.all(), "steps", "differ from one to the next", f"{steps[np.abs(widths).argmin()]:.6g} repeats")
    return np.diff(np.log(errors)) / widths


def _sound(derivative: Callable, order: int, part: float, f: Callable, x, unit) -> np.ndarray:
    """A derivative, of which those with a half and a quarter of the steps are the evidence: one may agree by chance."""
    arrays.instance(f, "f", Callable)
    x, values = arrays.real(x, "x", ("n",)), []
    unit = arrays.each(unit, "unit", x.size)
    # Copies, because f may return the same array each time.
    seen = lambda x: values.append(arrays.real(f(x), "f").copy()) or values[-1]
    # Of x + k step the last place: multiples of it are added exactly.
    with np.errstate(all="ignore"):
        place = np.spacing(np.abs(x) + 4 * part * unit)
    exact = place <= STEP_ROUNDING * part * unit
    told = f"a unit of {unit[exact.argmin()]:.6g} is negligible beside {x[exact.argmin()]:.6g}"
    arrays.must(exact.all(), "unit", "allow steps that rounding leaves apart", told)
    x, steps = np.rint(x / place) * place, np.rint(part * unit / place)
    found, *others = (derivative(seen, x, np.rint(steps / k) * place) for k in (1, 2, 4))
    # Per unit, so that those in different coordinates can be compared.
    per_unit = unit if order == 1 else np.outer(unit, unit)
    with np.errstate(over="ignore"):
        largest = np.abs(found * per_unit).max(axis=tuple(range(-order, 0)), keepdims=True)
        rounding = ROUNDINGS * arrays.EPS * max(np.abs(value).max() for value in values) / part**order
        # At a minimum, where the derivative is zero, what f rises by all around says how large it might have been.
        around = MOST_ERROR**2 * np.ptp(np.stack(values), axis=0) / part**order
        allowed = arrays.in_range(MOST_ERROR * largest + rounding + around.reshape(largest.shape), "f")
        for k, again in zip((2, 4), others, strict=True):
            if (off := np.abs((found - again) * per_unit) > allowed).any():
                both = f"{found[off][0]:.6g} and {again[off][0]:.6g}"
                told = f"steps of {part:.2g} and {part / k:.2g} units give the derivatives {both}"
                arrays.must(False, "unit", "be a length over which `f` hardly bends", told)
    return found


def _gradient(f: Callable, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    derivatives = []
    for step, direction in zip(steps, np.eye(x.size), strict=True):
        values = [f(x + k * step * direction) for k in OFFSETS]
        shapes = {str(value.shape) for value in values}
        arrays.must(len(shapes) == 1, "f", "return one shape everywhere", f"it returns {' and '.join(shapes)}")
        with np.errstate(all="ignore"):
            derivatives.append(arrays.in_range(np.tensordot(COEFFICIENTS, values, axes=1) / step, "f"))
    return np.stack(derivatives, axis=-1)


def _hessian(f: Callable, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    hessian = _gradient(lambda x: _gradient(f, x, steps), x, steps)
    return 0.5 * hessian + 0.5 * hessian.mT  # which differ by rounding
