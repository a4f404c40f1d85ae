"""The only validation: what comes in is a finite real array of the right shape, or an error says what it is.

What goes out has its digits, or an error says that it hasn't: results out of range are refused here, and matrices
without digits. Every message has one form, `` `name` must <property>, but <measurement>. ``, and names the caller's own
argument. Nothing is repaired: no symmetrising, clipping or dropping. All arithmetic is in float64.
"""

import math
from collections.abc import Callable
from numbers import Integral

import numpy as np

from . import _kernels

EPS = float(np.finfo(float).eps)
# Two entries that should be equal may differ by a few roundings of the product that made them, not by more.
SYMMETRY_ROUNDINGS = 1000
# A matrix with a larger condition number is as good as singular: rounding may change its inverse by a thousandth.
CONDITION = 1e-3 / EPS
# Below this, numbers or what they are made of may have lost digits on their way to zero.
LOWEST = float(np.finfo(float).tiny) / EPS


def numbers(value, name: str) -> np.ndarray:
    """Return `value` as a non-empty array of float64 numbers, finite or not."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"`{name}` must not be masked, but it is a masked array.")
    try:
        array = np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):  # it comes from the value's own `__array__`
            raise
        raise ValueError(f"`{name}` must be a rectangular array, but its rows differ in length.") from None
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        found = type(value).__name__ if array.ndim == 0 else f"an array of {array.dtype}"
        raise ValueError(f"`{name}` must hold real numbers (integers or floats up to float64), but it is {found}.")
    if array.size == 0:
        raise ValueError(f"`{name}` must not be empty, but its shape is {array.shape}.")
    return array.astype(np.float64, copy=False)


def all_finite(array: np.ndarray) -> bool:
    """Whether all entries are finite, from their sum, which is quicker, unless that overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(np.add.reduce(array, axis=None)) or bool(np.isfinite(array).all())


def real(value, name: str) -> np.ndarray:
    """Return `value` as a non-empty array of finite numbers."""
    array = numbers(value, name)
    if not all_finite(array):
        raise ValueError(f"`{name}` must be finite, but it contains {array[~np.isfinite(array)][0]}.")
    return array


def vector(value, name: str, dim: int | None = None) -> np.ndarray:
    """Return `value` as an array of vectors, shape (..., dim)."""
    array = real(value, name)
    if array.ndim == 0:
        raise ValueError(f"`{name}` must have coordinates in its last axis, but it is a single number.")
    if dim is not None and array.shape[-1] != dim:
        raise ValueError(f"`{name}` must have length {dim} in its last axis, but its shape is {array.shape}.")
    return array


def point(value, name: str, dim: int | None = None) -> np.ndarray:
    """Return `value` as a single vector, shape (dim,)."""
    array = vector(value, name, dim)
    if array.ndim != 1:
        raise ValueError(f"`{name}` must be a single vector, but its shape is {array.shape}.")
    return array


def table(value, name: str) -> np.ndarray:
    """Return `value` as one row of numbers for each observation, shape (N, dim)."""
    array = real(value, name)
    if array.ndim != 2:
        raise ValueError(f"`{name}` must have one row for each observation, but its shape is {array.shape}.")
    return array


def square(value, name: str) -> np.ndarray:
    """Return `value` as an array of square matrices, shape (..., n, n)."""
    array = real(value, name)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError(f"`{name}` must be square in its last two axes, but its shape is {array.shape}.")
    return array


def positive(value, name: str) -> np.ndarray:
    """Return `value` as an array of vectors with positive entries, shape (..., dim)."""
    array = vector(value, name)
    if array.min() <= 0:
        raise ValueError(f"`{name}` must be positive, but its smallest entry is {array.min():.6g}.")
    return array


def positive_number(value, name: str) -> float:
    """Return `value` as a positive float."""
    array = real(value, name)
    if array.ndim:
        raise ValueError(f"`{name}` must be a single number, but its shape is {array.shape}.")
    return positive(array[None], name).item()


def positive_definite(value, name: str, be: str = "be") -> tuple[np.ndarray, np.ndarray]:
    """Return a positive definite `value`, shape (..., n, n), and its lower Cholesky factor.

    It has to equal its transpose up to rounding, and to have digits when it is inverted. Both are judged with its
    diagonal scaled to ones, so that a change of units changes no decision.
    """
    matrix = square(value, name)
    diagonal = matrix.diagonal(axis1=-2, axis2=-1)
    with np.errstate(all="ignore"):
        units = lambda roots: roots[..., :, None] * roots[..., None, :]
        if not (matrix == matrix.mT).all():
            excess = np.abs(matrix - matrix.mT) - SYMMETRY_ROUNDINGS * EPS * units(np.sqrt(np.abs(diagonal)))
            *which, i, j = worst = np.unravel_index(np.argmax(excess), excess.shape)
            if excess[worst] > 0:
                pair = f"{matrix[worst]:.6g} and {matrix[*which, j, i]:.6g}"
                raise ValueError(f"`{name}` must {be} symmetric, but its entries ({i}, {j}) and ({j}, {i}) are {pair}.")
        factor = _kernels.cholesky(matrix)
        if factor is None or not _kernels.well_conditioned(factor, CONDITION):
            beyond, found = "", f"its smallest eigenvalue is {np.linalg.eigvalsh(matrix).min():.6g}"
            values = np.linalg.eigvalsh(matrix / units(np.sqrt(diagonal))) if (diagonal > 0).all() else -np.ones(1)
            if values.min() > -EPS * matrix.shape[-1] ** 2:
                most = (values[..., -1] / np.abs(values[..., 0])).max()
                beyond, found = " beyond rounding", f"scaled to a diagonal of ones its condition number is {most:.2g}"
            raise ValueError(f"`{name}` must {be} positive definite{beyond}, but {found}.")
        in_range(diagonal, name, source=lambda: True)
    return matrix, factor


def broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of the named shapes, or say which of them do not fit together."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        names = " and ".join(f"`{name}`" for name in shapes)
        found = " and ".join(str(shape) for shape in shapes.values())
        raise ValueError(f"{names} must have leading axes that broadcast, but these are {found}.") from None


def in_range(result: np.ndarray, *names: str, source: Callable | None = None, axes: int = 0) -> np.ndarray:
    """Return `result` if it has its digits, or say that of the finite arguments with these names it has not.

    No entry may overflow. Where the source, if any, gives True, what is all (along so many last axes) below the range
    in which numbers keep their digits has lost them on its way to zero.
    """
    fate = "overflows"
    if result.ndim == 0 and LOWEST <= abs(float(result)) < math.inf:  # the same as below, but quicker
        return result
    if all_finite(result):
        fate = "underflows"
        low = np.abs(result).max(axis=tuple(range(-axes, 0))) < LOWEST if source else np.False_
        if not (low.any() and (low & source()).any()):
            return result
    arguments = " and ".join(f"`{name}`" for name in names)
    raise ValueError(f"{arguments} must have a result within the range of float64, but it {fate}.")


def count(value, name: str, smallest: int = 1) -> int:
    """Return `value` as an integer of at least `smallest`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be an integer, but it is a {type(value).__name__}.")
    if value < smallest:
        raise ValueError(f"`{name}` must be at least {smallest}, but it is {value}.")
    return int(value)


def instance(value, name: str, kind: type):
    """Return `value` if it is of this kind."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be a {kind.__name__}, but it is a {type(value).__name__}.")
    return value


def function(value, name: str):
    """Return `value` if it can be called."""
    if not callable(value):
        raise TypeError(f"`{name}` must be callable, but it is a {type(value).__name__}.")
    return value


def frozen(array: np.ndarray) -> np.ndarray:
    """Return a copy that nobody can write to, so that what was validated stays valid."""
    array = array.copy(order="K")
    array.flags.writeable = False
    return array
