"""What a norm is, and two that no metric makes: section 1.2 is about any norm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from . import arrays


class Norm(ABC):
    """A way to measure vectors by ‖v‖, and covectors (gradients) by ‖g‖* = max {uᵀg : ‖u‖ = 1} (section 1.2).

    A norm of your own has three methods. They get finite float64 arrays, which they must neither change nor return,
    with the coordinates in the last axis and any axes before it: `_norm(v)` and `_dual_norm(g)` take the last axis
    away, and `_steepest(g)` gives, for g other than zero, a u with ‖u‖ = 1 and uᵀg = ‖g‖*; if there are several, the
    centre of them. `_shape` is the shape of a vector, with letters for lengths that may be any.

    >>> class Box(Norm):
    ...     "How much larger a box would have to be, with these half sides, to reach v."
    ...     def __init__(self, *sides): self.sides, self._shape = np.array(sides), (len(sides),)
    ...     def _norm(self, v): return np.abs(v / self.sides).max(axis=-1)
    ...     def _dual_norm(self, g): return np.abs(g * self.sides).sum(axis=-1)
    ...     def _steepest(self, g): return np.sign(g) * self.sides
    >>> steepest_direction([3, -4], Box(1, 2)), Box(1, 2).dual_norm([3, -4])
    (array([ 1., -2.]), np.float64(11.0))
    """

    _shape: tuple[int | str, ...] = ("n",)
    batch: tuple[int, ...] = ()

    @abstractmethod
    def _norm(self, v: np.ndarray) -> np.ndarray: ...

    _dual_norm = _steepest = _norm
    # What a representation shows, and the axes of the coordinates.
    _traits = lambda self: {}
    _last = property(lambda self: tuple(range(-len(self._shape), 0)))

    def __repr__(self) -> str:
        traits = (f"{k}={f'{v:g}' if isinstance(v, float) else v}" for k, v in self._traits().items())
        return f"{type(self).__name__}({', '.join(traits)})"

    def _vectors(self, **values) -> list[np.ndarray]:
        """The values as arrays whose leading axes broadcast, with each other and with those of the norm."""
        shape, found, leading = self._shape, [], {}
        for name, value in values.items():
            found.append(arrays.real(value, name, (..., *shape)))
            split = found[-1].ndim - len(shape)
            leading[name], shape = found[-1].shape[:split], found[-1].shape[split:]
        if any(leading.values()) and (self.batch or len(found) > 1):
            arrays.broadcast(**leading, **({"metric": self.batch} if self.batch else {}))
        return found

    def _checked(self, hook: Callable, axes: int = 0, /, **value) -> np.ndarray:
        """What a hook makes of vectors: numbers, or what has `axes` axes of its own."""
        (v,) = self._vectors(**value)
        source = lambda: v.any(axis=self._last)
        with np.errstate(all="ignore"):
            return arrays.in_range(np.asarray(hook(v)), *value, source=source, axes=axes)[()]

    def norm(self, v: ArrayLike) -> np.ndarray:
        """The norm ‖v‖ of vectors, shape (...).

        >>> PNorm(1).norm([[3, -4], [1, 1]])
        array([7., 2.])
        """
        return self._checked(self._norm, v=v)

    def dual_norm(self, g: ArrayLike) -> np.ndarray:
        """The dual norm ‖g‖* = max {uᵀg : ‖u‖ = 1} of covectors, shape (...): the steepest slope of section 1.2.

        >>> PNorm(1).dual_norm([[3, -4], [1, 1]])
        array([4., 1.])
        """
        return self._checked(self._dual_norm, g=g)


class PNorm(Norm):
    """The p-norm ‖v‖ = (Σ |vᵢ|ᵖ)^(1/p) over the last axis, and for p = ∞ the largest |vᵢ|.

    The dual norm is the q-norm, where 1/p + 1/q = 1. The steepest direction is unique if 1 < p < ∞. For p = 1 it is any
    mixture of ±1 along the axes with the largest |gᵢ|, and their mean is returned; for p = ∞ it is ±1, and anything
    between these where gᵢ = 0; zero is returned there.

    >>> PNorm(1), PNorm(1).norm([3, -4]), PNorm(1).dual_norm([3, -4])
    (PNorm(p=1), np.float64(7.0), np.float64(4.0))
    """

    def __init__(self, p: float):
        p = arrays.numbers(p, "p")
        arrays.must(p.ndim == 0 and (p >= 1).all(), "p", "be a single number from 1 to infinity", f"it is {p}")
        # q − 1 = 1/(p − 1), and for infinity 1e300: as an exponent it takes all that is less than one to zero.
        self.p, self._q_less_one = float(p), 1 / max(float(p) - 1, 1e-300)

    _traits = lambda self: {"p": self.p}
    _norm = lambda self, v: _length(v, self.p)
    _dual_norm = lambda self, g: _length(g, 1 + self._q_less_one)

    def _steepest(self, g):
        # uᵢ = ±|gᵢ|^(q − 1) up to a factor. Of |gᵢ| close to the largest, m, the digits are those of |gᵢ| − m.
        sizes, m = np.abs(g), np.abs(g).max(axis=-1, keepdims=True)
        close = np.exp(self._q_less_one * np.log1p((sizes - m) / m))
        u = np.sign(g) * np.where(sizes > 0.5 * m, close, (sizes / m) ** self._q_less_one)
        return u / _length(u, self.p)[..., None]


def _length(v: np.ndarray, p: float) -> np.ndarray:
    # In units of the largest coordinate, so that no power is out of range.
    largest = np.abs(v).max(axis=-1, keepdims=True)
    return largest[..., 0] * np.linalg.norm(v / np.where(largest == 0, 1, largest), p, axis=-1)


class Spectral(Norm):
    """The spectral norm of matrices, shape (..., m, n): their largest singular value.

    The dual norm is the nuclear norm, the sum of the singular values. The steepest direction for G = U S Vᵀ is U Vᵀ,
    over the singular values that aren't zero up to rounding. Where these are fewer than m and n, it isn't unique:
    U Vᵀ + W is as steep for every W of norm at most one with UᵀW = 0 and WV = 0; W = 0 is returned.

    >>> Spectral().norm([[3, 0], [0, 4]]), Spectral().dual_norm([[3, 0], [0, 4]])
    (np.float64(4.0), np.float64(7.0))
    """

    _shape = ("m", "n")
    _norm = lambda self, v: np.linalg.svd(v, compute_uv=False)[..., 0]
    _dual_norm = lambda self, g: np.linalg.svd(g, compute_uv=False).sum(axis=-1)

    def _steepest(self, g):
        u, values, vt = np.linalg.svd(g, full_matrices=False)
        zero = values <= max(g.shape[-2:]) * arrays.EPS * values[..., :1]
        return np.where(zero[..., None, :], 0, u) @ vt
