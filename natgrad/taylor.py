"""Numerical derivatives, and the observed order of an error: what an ≈ promises, measured (section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from . import arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Central differences of fourth order: f′ ≈ Σ c f(x + kh) / h. The steps balance truncation (h⁴) against rounding.
OFFSETS = np.array([-2, -1, 1, 2])
COEFFICIENTS = np.array([1, -8, 8, -1]) / 12
GRADIENT_STEP = np.finfo(float).eps ** (1 / 5)
HESSIAN_STEP = np.finfo(float).eps ** (1 / 6)
# The part of a step that may be lost when it is added to x.
STEP_ROUNDING = 1e-4


def numerical_gradient(f: Callable[[np.ndarray], np.ndarray], x: ArrayLike, unit: ArrayLike = 1.0) -> np.ndarray:
    """The gradient of f at x, shape (..., n), by central differences of fourth order.

    Its error is about 1e-12 for a function whose derivatives per `unit` are about one.

    Parameters
    ----------
    f : callable
        Takes a point, shape (n,), and returns a number or an array of numbers, shape (...).
    x : array_like, shape (n,)
    unit : float or array_like, shape (n,)
        The length over which f changes appreciably in each coordinate; steps are a small part of it.

    Examples
    --------
    >>> numerical_gradient(lambda x: 3 * x[1], [1, 2]).round(9) + 0
    array([0., 3.])
    """
    f, x, steps = _arguments(f, x, unit, GRADIENT_STEP)
    return np.stack([_difference(f, x, [i], steps) for i in range(x.size)], axis=-1)


def numerical_hessian(f: Callable[[np.ndarray], np.ndarray], x: ArrayLike, unit: ArrayLike = 1.0) -> np.ndarray:
    """The Hessian of f at x, shape (..., n, n), by central differences of fourth order (section 3.3).

    Symmetric, with an error of about 1e-10 for a function whose derivatives per `unit` are about one.
    The arguments are those of `numerical_gradient`.

    Parameters
    ----------
    f : callable
    x : array_like, shape (n,)
    unit : float or array_like, shape (n,)

    Examples
    --------
    >>> numerical_hessian(lambda x: x[0] ** 2 * x[1], [1, 2]).round(6) + 0
    array([[4., 2.],
           [2., 0.]])
    """
    f, x, steps = _arguments(f, x, unit, HESSIAN_STEP)
    rows = [[_difference(f, x, [max(i, j), min(i, j)], steps) for j in range(x.size)] for i in range(x.size)]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def observed_order(errors: ArrayLike, steps: ArrayLike) -> np.ndarray:
    """The slopes of an error against its step on logarithmic axes, from each step to the next, shape (m - 1,).

    An error of order k shows slopes that tend to k. All of them are returned, so that one lucky value decides nothing.

    Parameters
    ----------
    errors : array_like, shape (m,)
        Positive errors, m ≥ 2.
    steps : array_like, shape (m,)
        The positive step sizes that gave them, each different from the next.

    Examples
    --------
    >>> steps = np.array([0.1, 0.01, 0.001])
    >>> observed_order(np.abs(np.exp(steps) - 1 - steps), steps).round(2)
    array([2.01, 2.  ])
    """
    errors, steps = arrays.positive(errors, "errors"), arrays.positive(steps, "steps")
    if errors.ndim != 1 or errors.shape != steps.shape or errors.size < 2:
        raise ValueError(
            f"`errors` must be a list of two or more errors, one for each of the steps, "
            f"but the shapes of `errors` and `steps` are {errors.shape} and {steps.shape}."
        )
    widths = np.diff(np.log(steps))
    if not widths.all():
        raise ValueError(f"`steps` must differ from one to the next, but {steps[:-1][widths == 0][0]:.6g} repeats.")
    return np.diff(np.log(errors)) / widths


def _arguments(f, x, unit, step: float) -> tuple[Callable, np.ndarray, np.ndarray]:
    x = arrays.point(x, "x").astype(np.float64)
    unit = arrays.real(unit, "unit")
    if unit.ndim and unit.shape != x.shape:
        raise ValueError(f"`unit` must be a number or one for each coordinate, but its shape is {unit.shape}.")
    arrays.positive(np.atleast_1d(unit), "unit")
    steps = np.broadcast_to(step * unit, x.shape)
    # x + step is rounded to a neighbour of x; beside a large x nothing would be left of the step.
    lost = np.finfo(float).eps * np.abs(x) > STEP_ROUNDING * steps
    if lost.any():
        raise ValueError(
            f"`unit` must not be negligible beside `x`, but it is {np.broadcast_to(unit, x.shape)[lost][0]:.6g} "
            f"where `x` is {x[lost][0]:.6g}."
        )
    return arrays.function(f, "f"), x, steps


def _difference(f: Callable, x: np.ndarray, axes: list[int], steps: np.ndarray) -> np.ndarray:
    # The first derivative along the first axis, of the derivatives along the others.
    if not axes:
        return arrays.real(f(x), "f")
    axis, *rest = axes
    offset = steps[axis] * np.eye(x.size)[axis]
    values = [_difference(f, x + k * offset, rest, steps) for k in OFFSETS]
    shapes = {value.shape for value in values}
    if len(shapes) > 1:
        raise ValueError(f"`f` must return one shape everywhere, but it returns {' and '.join(map(str, shapes))}.")
    return np.tensordot(COEFFICIENTS, values, axes=1) / steps[axis]
