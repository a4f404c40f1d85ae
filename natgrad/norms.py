"""What a norm is, and two that no metric makes: section 1.2 is about any norm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from . import arrays

# In the place of infinity: as an exponent it takes all that is less than one to zero, as a root all there is to one.
HUGE = 1e300


class Norm(ABC):
    """A way to measure vectors by ‖v‖, and covectors (gradients) by ‖g‖* = max {uᵀg : ‖u‖ = 1} (section 1.2).

    A norm of your own has three methods. They get finite float64 arrays, which they must not write to, with the
    coordinates in the last axis and any axes before it, and return arrays of the same leading axes:

    - `_norm(v)` and `_dual_norm(g)`, which take the last axis away;
    - `_steepest(g)`, for g other than zero a u with ‖u‖ = 1 and uᵀg = ‖g‖*; if there are several, the centre of them.

    `_axes` is the number of axes that hold coordinates, if it isn't one, `_shape` their shape, if only one will do.

    Examples
    --------
    >>> class Taxi(Norm):
    ...     "Two coordinates; streets run along the axes."
    ...     def _norm(self, v):
    ...         return abs(v).sum(axis=-1)
    ...     def _dual_norm(self, g):
    ...         return abs(g).max(axis=-1)
    ...     def _steepest(self, g):
    ...         best = np.sign(g) * (abs(g) == abs(g).max(axis=-1, keepdims=True))
    ...         return best / abs(best).sum(axis=-1, keepdims=True)
    >>> Taxi().norm([3, -4]), Taxi().dual_norm([3, -4])
    (np.float64(7.0), np.float64(4.0))
    """

    _axes = 1
    _shape: tuple[int, ...] | None = None
    batch: tuple[int, ...] = ()

    @abstractmethod
    def _norm(self, v: np.ndarray) -> np.ndarray: ...
    @abstractmethod
    def _dual_norm(self, g: np.ndarray) -> np.ndarray: ...
    @abstractmethod
    def _steepest(self, g: np.ndarray) -> np.ndarray: ...

    def _traits(self) -> dict[str, object]:
        """What a representation shows."""
        return {}

    def __repr__(self) -> str:
        traits = (f"{k}={f'{v:g}' if isinstance(v, float) else v}" for k, v in self._traits().items())
        return f"{type(self).__name__}({', '.join(traits)})"

    @property
    def _last(self) -> tuple[int, ...]:
        """The axes of the coordinates."""
        return tuple(range(-self._axes, 0))

    def _vectors(self, **values) -> list[np.ndarray]:
        """The values as arrays whose leading axes broadcast, with each other and with those of the norm."""
        found = {name: arrays.vector(value, name) for name, value in values.items()}
        axes, expected = self._axes, self._shape
        for name, v in found.items():
            shape = v.shape[-axes:]
            if len(shape) < axes or shape != (expected := expected or shape):
                wanted = f"coordinates of shape {expected}" if expected else f"{axes} axes of coordinates"
                if expected and axes == 1:
                    wanted = f"length {expected[0]} in its last axis"
                raise ValueError(f"`{name}` must have {wanted}, but its shape is {v.shape}.")
        if self.batch or len(found) > 1:
            kind = "metric" if hasattr(self, "dim") else "norm"
            arrays.broadcast(**{name: v.shape[:-axes] for name, v in found.items()}, **{kind: self.batch})
        return list(found.values())

    def _checked(self, hook: Callable, axes: int = 0, never_zero: bool = False, /, **values) -> np.ndarray:
        """What a hook makes of a vector, or of the difference of two: numbers, or what has `axes` axes of its own."""
        v, *other = self._vectors(**values)
        with np.errstate(all="ignore"):
            if other:
                v = arrays.in_range(v - other[0], *values)
            source = lambda: never_zero or v.any(axis=self._last)
            return arrays.in_range(np.asarray(hook(v)), *values, source=source, axes=axes)[()]

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
    """The weighted p-norm ‖v‖ = (Σ (wᵢ|vᵢ|)ᵖ)^(1/p), and for p = ∞ the largest wᵢ|vᵢ|, over the last axis.

    The dual norm is the q-norm of the gᵢ/wᵢ, where 1/p + 1/q = 1. The steepest direction is unique if 1 < p < ∞.
    For p = 1 it is any mixture of ±1/wᵢ along the axes with the largest |gᵢ|/wᵢ, and their mean is returned;
    for p = ∞ it is ±1/wᵢ, and anything between these where gᵢ = 0; zero is returned there.
    The weights, shape (..., n), are positive, and one unless they are given.

    Examples
    --------
    >>> PNorm(1), PNorm(1).norm([3, -4]), PNorm(1).dual_norm([3, -4])
    (PNorm(p=1), np.float64(7.0), np.float64(4.0))
    """

    def __init__(self, p: float, weights: ArrayLike | None = None):
        p = arrays.numbers(p, "p")
        if p.ndim or not p >= 1:
            raise ValueError(f"`p` must be a single number from 1 to infinity, but it is {p}.")
        self.p, self._weights = float(p), np.ones(1)
        # The exponents: q − 1 = 1/(p − 1) keeps its digits where q is close to one.
        self._p = min(self.p, HUGE)
        self._q_less_one = 1 / max(self._p - 1, 1 / HUGE)
        if weights is not None:
            self._weights = arrays.frozen(arrays.positive(weights, "weights"))
            self._shape, self.batch = self._weights.shape[-1:], self._weights.shape[:-1]

    def _traits(self):
        return {"p": self.p} | ({"weights": self._weights.tolist()} if self._shape else {})

    def _norm(self, v):
        return self._length(np.abs(v) * self._weights, self._p)

    def _dual_norm(self, g):
        return self._length(np.abs(g) / self._weights, 1 + self._q_less_one)

    def _steepest(self, g):
        # uᵢ = ±|gᵢ/wᵢ|^(q − 1)/wᵢ up to a factor.
        sizes = np.abs(g) / self._weights
        total = self._powers(sizes, 1 + self._q_less_one).sum(axis=-1, keepdims=True)
        return np.sign(g) * self._powers(sizes, self._q_less_one) / total ** (1 / self._p) / self._weights

    def _length(self, sizes, p):
        return sizes.max(axis=-1) * self._powers(sizes, p).sum(axis=-1) ** (1 / p)

    @staticmethod
    def _powers(sizes: np.ndarray, p: float) -> np.ndarray:
        """tᵖ for sizes divided by the largest; for t close to one from 1 − t, which t itself has lost."""
        largest = sizes.max(axis=-1, keepdims=True)
        largest[largest == 0] = 1
        t = sizes / largest
        return np.where(t > 0.5, np.exp(p * np.log1p((sizes - largest) / largest)), t**p)


class Spectral(Norm):
    """The spectral norm of matrices, shape (..., m, n): their largest singular value.

    The dual norm is the nuclear norm, the sum of the singular values. The steepest direction for G = U S Vᵀ is U Vᵀ,
    over the singular values that aren't zero up to rounding. Where these are fewer than m and n, it isn't unique:
    U Vᵀ + W is as steep for every W of norm at most one with UᵀW = 0 and WV = 0; W = 0 is returned.

    Examples
    --------
    >>> Spectral().norm([[3, 0], [0, 4]]), Spectral().dual_norm([[3, 0], [0, 4]])
    (np.float64(4.0), np.float64(7.0))
    """

    _axes = 2

    def _norm(self, v):
        return np.linalg.svd(v, compute_uv=False)[..., 0]

    def _dual_norm(self, g):
        return np.linalg.svd(g, compute_uv=False).sum(axis=-1)

    def _steepest(self, g):
        u, values, vt = np.linalg.svd(g, full_matrices=False)
        zero = values <= max(g.shape[-2:]) * arrays.EPS * values[..., :1]
        return np.where(zero[..., None, :], 0, u) @ vt
