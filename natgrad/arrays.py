"""The only validation: what comes in is a finite real array of the right shape, or an error says what it is.

Every message has one form, `` `name` must <property>, but <measurement>. ``, and names the caller's own argument.
Nothing is repaired: no symmetrising, clipping or dropping. Integers become float64; float32 stays float32.
"""

import math
from numbers import Integral

import numpy as np

from . import _kernels

# Two entries that should be equal may differ by a few roundings of the product that made them, not by more.
SYMMETRY_ROUNDINGS = 1000
FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}


def numbers(value, name: str) -> np.ndarray:
    """Return `value` as a non-empty array of float32 or float64 numbers, finite or not."""
    if type(value) is not np.ndarray and (masked := _masked(value)):
        raise ValueError(f"`{name}` must not be masked, but {sum(masked)} of its entries are.")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"`{name}` must be a rectangular array, but its rows differ in length.") from None
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if array.dtype not in FLOATS:
        found = type(value).__name__ if array.ndim == 0 else f"an array of {array.dtype}"
        raise ValueError(f"`{name}` must hold real numbers (integers, float32 or float64), but it is {found}.")
    if array.size == 0:
        raise ValueError(f"`{name}` must not be empty, but its shape is {array.shape}.")
    return array


def _masked(value) -> list[int]:
    """How many entries are masked in each masked array, also inside of lists."""
    if isinstance(value, (list, tuple)):
        return [count for part in value for count in _masked(part)]
    return [np.ma.count_masked(value)] if isinstance(value, np.ma.MaskedArray) else []


def all_finite(array: np.ndarray) -> bool:
    """Whether all entries are finite, from their sum, which is quicker, unless that overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(array.sum()) or bool(np.isfinite(array).all())


def real(value, name: str) -> np.ndarray:
    """Return `value` as a non-empty array of finite float32 or float64 numbers."""
    array = numbers(value, name)
    if not all_finite(array):
        raise ValueError(f"`{name}` must be finite, but it contains {array[~np.isfinite(array)][0]}.")
    return array


def vector(value, name: str, dim: int | None = None, *, finite: bool = True) -> np.ndarray:
    """Return `value` as an array of vectors, shape (..., dim); whether they are finite may be left to be seen later."""
    array = real(value, name) if finite else numbers(value, name)
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
    """Return `value` as one row of numbers for each observation, shape (N, dim), finite or not."""
    array = numbers(value, name)
    if array.ndim != 2:
        raise ValueError(f"`{name}` must have one row for each observation, but its shape is {array.shape}.")
    return array


def square(value, name: str) -> np.ndarray:
    """Return `value` as an array of square matrices, shape (..., n, n), finite or not."""
    array = numbers(value, name)
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


def positive_definite(value, name: str, be: str = "be") -> tuple[np.ndarray, np.ndarray, bool]:
    """Return a positive definite `value`, shape (..., n, n), its factor as `_kernels.cholesky` gives it, and whether it
    equals its transpose, which it has to up to rounding.
    """
    matrix = square(value, name)
    with np.errstate(all="ignore"):
        factor, symmetric, definite = _kernels.cholesky(matrix)
        if symmetric and definite:
            return matrix, factor, True
        real(matrix, name)
        # Measured against the diagonal, so that a change of units changes no decision.
        scale = np.sqrt(np.abs(matrix.diagonal(axis1=-2, axis2=-1)))
        rounding = SYMMETRY_ROUNDINGS * np.finfo(matrix.dtype).eps
        excess = np.abs(matrix - matrix.mT) - rounding * scale[..., :, None] * scale[..., None, :]
    (*which, i, j) = worst = np.unravel_index(np.argmax(excess), excess.shape)
    if excess[worst] > 0:
        raise ValueError(
            f"`{name}` must {be} symmetric, but its entries ({i}, {j}) and ({j}, {i}) "
            f"are {matrix[worst]:.6g} and {matrix[*which, j, i]:.6g}."
        )
    if not definite:
        smallest = np.linalg.eigvalsh(matrix).min()
        raise ValueError(f"`{name}` must {be} positive definite, but its smallest eigenvalue is {smallest:.6g}.")
    return matrix, factor, False


def exponents(v: np.ndarray, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """Return the binary exponents of the largest entries along some axes: to divide by these powers of two is exact."""
    return np.frexp(np.abs(v).max(axis=axis, keepdims=True))[1]


def broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of the named shapes, or say which of them do not fit together."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        names = " and ".join(f"`{name}`" for name in shapes)
        found = " and ".join(str(shape) for shape in shapes.values())
        raise ValueError(f"{names} must have leading axes that broadcast, but these are {found}.") from None


def in_range(result: np.ndarray, *names: str) -> np.ndarray:
    """Return `result` if it is finite, or say that of the finite arguments with these names it overflows."""
    if not all_finite(result):
        arguments = " and ".join(f"`{name}`" for name in names)
        raise ValueError(f"{arguments} must have a result within the range of {result.dtype}, but it overflows.")
    return result


def count(value, name: str, smallest: int = 1) -> int:
    """Return `value` as an integer of at least `smallest`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be an integer, but it is a {type(value).__name__}.")
    if value < smallest:
        raise ValueError(f"`{name}` must be at least {smallest}, but it is {value}.")
    return int(value)


def instance(value, name: str, *kinds: type):
    """Return `value` if it is of one of the kinds."""
    if not isinstance(value, kinds):
        known = " or a ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"`{name}` must be a {known}, but it is a {type(value).__name__}.")
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
