"""Norms that no metric makes, with their dual norms and steepest directions: section 1.2 is about any norm."""

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

    A `Metric` does that too; here, more than one u may attain the maximum.
    """

    _axes = 1  # how many of the last axes hold the coordinates
    _shape: tuple[int, ...] | None = None  # of the coordinates, where only one will do
    batch: tuple[int, ...] = ()

    @abstractmethod
    def _norm(self, v: np.ndarray) -> np.ndarray: ...
    @abstractmethod
    def _dual_norm(self, g: np.ndarray) -> np.ndarray: ...
    # For g other than zero: the centre of the face of the unit ball on which uᵀg is largest.
    @abstractmethod
    def _steepest(self, g: np.ndarray) -> np.ndarray: ...

    def _vectors(self, **values) -> list[np.ndarray]:
        found = {name: arrays.vector(value, name) for name, value in values.items()}
        expected = self._shape
        for name, v in found.items():
            shape = v.shape[-self._axes :]
            if len(shape) < self._axes or shape != (expected := expected or shape):
                wanted = f"coordinates of shape {expected}" if expected else f"{self._axes} axes of coordinates"
                raise ValueError(f"`{name}` must have {wanted}, but its shape is {v.shape}.")
        arrays.broadcast(**{name: v.shape[: -self._axes] for name, v in found.items()}, norm=self.batch)
        return list(found.values())

    def _checked(self, verb: Callable[[np.ndarray], np.ndarray], **value) -> np.ndarray:
        with np.errstate(all="ignore"):
            return arrays.in_range(verb(*self._vectors(**value)), *value)

    def norm(self, v: ArrayLike) -> np.ndarray:
        """The norm ‖v‖ of vectors, shape (...); it overflows only if the result does."""
        return self._checked(self._norm, v=v)

    def dual_norm(self, g: ArrayLike) -> np.ndarray:
        """The dual norm ‖g‖* = max {uᵀg : ‖u‖ = 1} of covectors, shape (...); it overflows only if the result does."""
        return self._checked(self._dual_norm, g=g)


class PNorm(Norm):
    """The weighted p-norm ‖v‖ = (Σ (wᵢ|vᵢ|)ᵖ)^(1/p), and for p = ∞ the largest wᵢ|vᵢ|, over the last axis.

    The dual norm is the q-norm of the gᵢ/wᵢ, where 1/p + 1/q = 1. The steepest direction is unique if 1 < p < ∞.
    For p = 1 it is any mixture of ±1/wᵢ along the axes with the largest |gᵢ|/wᵢ, and their mean is returned;
    for p = ∞ it is ±1/wᵢ, and anything between these where gᵢ = 0; zero is returned there.

    Parameters
    ----------
    p : float
        From 1 to infinity.
    weights : array_like, shape (..., n), optional
        w, positive; by default all are one.

    Examples
    --------
    >>> PNorm(1).norm([3, -4]), PNorm(1).dual_norm([3, -4])
    (np.float64(7.0), np.float64(4.0))
    """

    def __init__(self, p: float, weights: ArrayLike | None = None):
        p = arrays.numbers(p, "p")
        if p.ndim or not p >= 1:
            raise ValueError(f"`p` must be a single number from 1 to infinity, but it is {p}.")
        # Of the exponents p and q, q − 1 = 1/(p − 1) keeps its digits where q is close to one.
        self._p = min(float(p), HUGE)
        self._q_less_one = 1 / max(self._p - 1, 1 / HUGE)
        # In float32 one leaves every type what it is.
        self._weights = np.ones(1, np.float32)
        if weights is not None:
            self._weights = arrays.frozen(arrays.positive(weights, "weights"))
            self._shape, self.batch = self._weights.shape[-1:], self._weights.shape[:-1]

    def _norm(self, v):
        return self._length(v, self._p, 1)

    def _dual_norm(self, g):
        return self._length(g, 1 + self._q_less_one, -1)

    def _length(self, v, p, sign):
        largest, top, power = self._relative(v, sign)
        length = np.ldexp(largest * power(p).sum(axis=-1, keepdims=True) ** (1 / p), top)
        return self._like(v, length.squeeze(-1))

    def _steepest(self, g):
        *_, power = self._relative(g, -1)
        total = power(1 + self._q_less_one).sum(axis=-1, keepdims=True)
        return self._like(g, np.sign(g) * power(self._q_less_one) / total ** (1 / self._p) / self._weights)

    def _like(self, v, result):
        return result.astype(np.result_type(v, self._weights))[()]

    def _relative(self, v: np.ndarray, sign: int) -> tuple:
        """The largest of the w^sign |v|, its power of two, and a function for powers of them all divided by it.

        Mantissas and exponents are kept apart, so that no product overflows.
        """
        (mantissa, exponent), (m, e) = (np.frexp(array.astype(np.float64)) for array in (v, self._weights))
        mantissa, exponent = np.abs(mantissa) * m**sign, exponent + sign * e
        top = np.where(mantissa > 0, exponent, exponent.min()).max(axis=-1, keepdims=True)
        sizes = np.ldexp(mantissa, exponent - top)
        largest = sizes.max(axis=-1, keepdims=True)
        largest[largest == 0] = 1
        t = sizes / largest
        # A large power of a t close to one needs its distance from one, which t itself has lost.
        logs = np.log1p((sizes - largest) / largest)
        return largest, top, lambda exponent: np.where(t > 0.5, np.exp(exponent * logs), t**exponent)


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
        return np.linalg.svd(v, compute_uv=False)[..., 0][()]

    def _dual_norm(self, g):
        return np.linalg.svd(g, compute_uv=False).sum(axis=-1)

    def _steepest(self, g):
        u, values, vt = np.linalg.svd(g, full_matrices=False)
        zero = values <= max(g.shape[-2:]) * np.finfo(g.dtype).eps * values[..., :1]
        return np.where(zero[..., None, :], 0, u) @ vt
