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


def must(holds, name: str, wanted: str, found: str, error: type = ValueError) -> None:
    """Raise an error unless something holds."""
    if not holds:
        raise error(f"`{name}` must {wanted}, but {found}.")


def outside(x: np.ndarray, impossible: np.ndarray, name: str, wanted: str) -> np.ndarray:
    """Return `x`, or raise an error if some of its entries are impossible."""
    if impossible.any():
        raise ValueError(f"`{name}` must {wanted}, but it contains {x[impossible][0]:.6g}.")
    return x


def numbers(value, name: str) -> np.ndarray:
    """Return `value` as a non-empty array of float64 numbers, finite or not."""
    if type(value) is not np.ndarray or value.dtype != np.float64:
        must(not isinstance(value, np.ma.MaskedArray), name, "not be masked", "it is a masked array")
        try:
            array = np.asarray(value)
        except ValueError as error:
            if "inhomogeneous" not in str(error):  # it comes from the value's own `__array__`
                raise
            raise ValueError(f"`{name}` must be a rectangular array, but its rows differ in length.") from None
        found = type(value).__name__ if array.ndim == 0 else f"an array of {array.dtype}"
        real = array.dtype.kind in "iuf" and array.dtype.itemsize <= 8
        must(real, name, "hold real numbers (integers or floats up to float64)", f"it is {found}")
        value = array.astype(np.float64, copy=False)
    if value.size == 0:
        raise ValueError(f"`{name}` must not be empty, but its shape is {value.shape}.")
    return value


def all_finite(array: np.ndarray) -> bool:
    """Whether all entries are finite, from their sum, which is quicker, unless that overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(np.add.reduce(array, axis=None)) or bool(np.isfinite(array).all())


def real(value, name: str, shape: tuple = (...,)) -> np.ndarray:
    """Return `value` as an array of finite numbers of this shape, where letters are any lengths, and ... any axes."""
    array = numbers(value, name)
    if not all_finite(array):
        outside(array, ~np.isfinite(array), name, "be finite")
    lengths, lead = {}, shape[0] is ... if shape else False
    axes, own = shape[lead:], array.shape[array.ndim - len(shape) + 1 :] if lead else array.shape
    same = lambda axis, n: axis == n or (isinstance(axis, str) and lengths.setdefault(axis, n) == n)
    if own != axes and not (len(own) == len(axes) and all(map(same, axes, own))):
        wanted = str(shape).replace("Ellipsis", "...").replace("'", "")
        raise ValueError(f"`{name}` must have the shape {wanted}, but its shape is {array.shape}.")
    return array


def positive(value, name: str, shape: tuple = (..., "n")) -> np.ndarray:
    """Return `value` as an array of positive numbers of this shape."""
    array = real(value, name, shape)
    must(array.min() > 0, name, "be positive", f"its smallest entry is {array.min():.6g}")
    return array


def each(value, name: str, dim: int) -> np.ndarray:
    """Return `value`, a positive number or one for each coordinate, as an array of shape (dim,)."""
    array = positive(np.atleast_1d(real(value, name)), name)
    must(array.shape in ((1,), (dim,)), name, f"be one number or {dim}", f"its shape is {array.shape}")
    return np.broadcast_to(array, (dim,))


def positive_definite(value, name: str, be: str = "be") -> tuple[np.ndarray, np.ndarray]:
    """Return a positive definite `value`, shape (..., n, n), and its lower Cholesky factor.

    It has to equal its transpose up to rounding, and to have digits when it is inverted. Both are judged with its
    diagonal scaled to ones, so that a change of units changes no decision.
    """
    matrix = real(value, name, (..., "n", "n"))
    diagonal = matrix.diagonal(axis1=-2, axis2=-1)
    with np.errstate(all="ignore"):
        units = lambda roots: roots[..., :, None] * roots[..., None, :]
        if not (matrix == matrix.mT).all():
            excess = np.abs(matrix - matrix.mT) - SYMMETRY_ROUNDINGS * EPS * units(np.sqrt(np.abs(diagonal)))
            *which, i, j = worst = np.unravel_index(np.argmax(excess), excess.shape)
            pair = f"entries ({i}, {j}) and ({j}, {i}) are {matrix[worst]:.15g} and {matrix[*which, j, i]:.15g}"
            must(excess[worst] <= 0, name, f"{be} symmetric", f"its {pair}")
        factor = _kernels.cholesky(matrix)
        if factor is None or not _kernels.well_conditioned(factor, CONDITION):
            beyond, found = "", f"its smallest eigenvalue is {np.linalg.eigvalsh(matrix).min():.6g}"
            values = np.linalg.eigvalsh(matrix / units(np.sqrt(diagonal))) if (diagonal > 0).all() else -np.ones(1)
            if values.min() > -EPS * matrix.shape[-1] ** 2:
                most = (values[..., -1] / np.abs(values[..., 0])).max()
                beyond, found = " beyond rounding", f"scaled to a diagonal of ones its condition number is {most:.2g}"
            must(False, name, f"{be} positive definite{beyond}", found)
        in_range(diagonal.min(), name, source=lambda: True)
    return matrix, factor


def broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of the named shapes, or say which of them do not fit together."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        names, found = "` and `".join(shapes), " and ".join(map(str, shapes.values()))
        raise ValueError(f"`{names}` must have leading axes that broadcast, but these are {found}.") from None


def in_range(result: np.ndarray, *names: str, source: Callable | None = None, axes: int = 0) -> np.ndarray:
    """Return `result` if it has its digits, or say that of the finite arguments with these names it has not.

    No entry may overflow. Where the source, if any, gives True, what is all (along so many last axes) below the range
    in which numbers keep their digits has lost them on its way to zero.
    """
    if result.ndim == 0 and LOWEST <= abs(float(result)) < math.inf:  # the same as below, but quicker
        return result
    if finite := all_finite(result):
        low = np.abs(result).max(axis=tuple(range(-axes, 0))) < LOWEST if source else np.False_
        if not (low.any() and (low & source()).any()):
            return result
    fate = "underflows" if finite else "overflows" if np.isinf(result).any() else "is not a number"
    must(False, "` and `".join(names), "have a result within the range of float64", f"it {fate}")


def count(value, name: str, smallest: int = 1) -> int:
    """Return `value` as an integer of at least `smallest`."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    must(whole, name, "be an integer", f"it is a {type(value).__name__}", TypeError)
    must(value >= smallest, name, f"be at least {smallest}", f"it is {value}")
    return int(value)


def instance(value, name: str, kind: type):
    """Return `value` if it is of this kind."""
    found = f"it is the class {value.__name__}" if isinstance(value, type) else f"it is a {type(value).__name__}"
    must(isinstance(value, kind), name, f"be a {kind.__name__}", found, TypeError)
    return value


def frozen(array: np.ndarray) -> np.ndarray:
    """Return a copy that nobody can write to, so that what was validated stays valid."""
    array = array.copy(order="K")
    array.flags.writeable = False
    return array
