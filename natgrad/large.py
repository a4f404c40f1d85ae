"""Metrics too large to write down: of low rank, plus damping."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays
from .metric import Metric

# A solution whose estimated error is larger is refused: half of the digits would be lost.
ACCURACY = 1e-8
EPS = np.finfo(np.float64).eps


class LowRank(Metric):
    """The metric of a damped empirical Fisher matrix G = SᵀS/N + λI, held as its N scores, for N < n; in float64.

    Built in N²n operations and solved in Nn, where `Dense` takes n³ and n²: it factorises K = SSᵀ + NλI, and forms
    nothing n × n. With more scores than coordinates `Dense` is quicker, and bears less damping.

    Parameters
    ----------
    scores : array_like, shape (N, n)
        S, one row for each observation. If they are in float64 they are not copied, so leave them as they are.
    damping : float
        λ, positive. A `ValueError` is raised if it is too small for K to have digits, by the criterion of `Dense`, or
        later, if rounding may cost a solution more than half of its digits.

    Examples
    --------
    >>> metric = LowRank([[2, 0, 0]], damping=1)
    >>> metric
    LowRank(n=3, scores=1, damping=1)
    >>> metric.solve([5, 1, 1])
    array([1., 1., 1.])
    """

    _bears_nan = True

    def __init__(self, scores: ArrayLike, damping: float):
        scores = arrays.table(scores, "scores").astype(np.float64, copy=False)
        self._scores = scores.view()
        self._scores.flags.writeable = False
        # One of numpy's, so that its product with a float32 vector is in float64.
        self._damping = np.float64(arrays.positive_number(damping, "damping"))
        count, self.dim = scores.shape
        with np.errstate(all="ignore"):
            kernel = scores @ scores.T
            self._excess = kernel.trace() / count / self._damping  # of SᵀS/N over λI
            np.einsum("ii->i", kernel)[:] += count * self._damping
            if not np.isfinite(kernel.trace()):
                arrays.real(scores, "scores")
            arrays.in_range(kernel.diagonal(), "scores", "damping", source=lambda: True)
            self._factor = _kernels.cholesky(kernel)
            if self._factor is None or not arrays.has_digits(self._factor):
                raise self._refusal()
            # SᵀK⁻¹ may magnify rounding errors by the root of the condition number, and those in K are as large as K.
            self._spread = np.sqrt(kernel.trace() * _kernels.inverse_norm(self._factor))
            self._reach = min(np.sqrt(kernel.trace()), self._spread * np.linalg.norm(scores))

    def _refusal(self, hint: str = "") -> ValueError:
        return ValueError(
            f"`damping` must be large enough to solve with{hint}, but the sum of squares of `scores` is "
            f"{self._excess:.1g} times N damping."
        )

    def _traits(self):
        return super()._traits() | {"scores": len(self._scores), "damping": float(self._damping)}

    def _apply(self, v):
        return v @ self._scores.T @ self._scores / len(self._scores) + self._damping * v

    def _squared_norm(self, v):
        # |Sv|²/N + λ|v|²
        projected = v @ self._scores.T
        return np.vecdot(projected, projected) / len(self._scores) + np.vecdot(self._damping * v, v)

    def _solve(self, g):
        return self._woodbury(g)[1] / self._damping

    def _squared_dual_norm(self, g):
        # ‖v‖² = |Sv|²/N + λ|v|² of the solution v = z/λ, for which Sv = Ny.
        y, z = self._woodbury(g)
        return len(self._scores) * np.vecdot(y, y) + np.vecdot(z, z) / self._damping

    def _woodbury(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """y = K⁻¹Sg and z = g − Sᵀy = λG⁻¹g."""
        y = _kernels.solve_one(self._factor, g @ self._scores.T)
        z = g - y @ self._scores
        self._accept(z, _length(g) + self._reach * _length(y), " (`solve_rewards` bears less)")
        return y, z

    def _accept(self, z: np.ndarray, terms: np.ndarray, hint: str = "") -> None:
        """Refuse a z too short beside the terms that it is made of."""
        if np.any(EPS * self._spread * terms > ACCURACY * _length(z)):  # what isn't finite is seen to elsewhere
            raise self._refusal(hint)

    def solve_rewards(self, rewards: ArrayLike) -> np.ndarray:
        """The natural gradient of a mean of weighted scores: G⁻¹ Sᵀr/N, shape (..., n), as Sᵀ(SSᵀ + NλI)⁻¹ r.

        The weights r, shape (..., N), are rewards or advantages of policies, or residuals of fits.
        It keeps the digits that `solve(S.T @ r / N)` can't have with small damping, because rounding Sᵀr loses them.

        Examples
        --------
        >>> LowRank([[2, 0, 0]], damping=1e-14).solve_rewards([2])
        array([1., 0., 0.])
        """
        rewards = arrays.vector(rewards, "rewards", len(self._scores))
        with np.errstate(all="ignore"):
            y = _kernels.solve_one(self._factor, rewards)
            z = y @ self._scores
            self._accept(z, self._reach * _length(y))
            needed = lambda: (rewards @ self._scores).any(axis=-1)
            return arrays.in_range(z, "rewards", source=needed, axes=1)

    def _damped(self, damping):
        return LowRank(self._scores, self._damping + (damping if damping.size > 1 else damping[0]))


def _length(v: np.ndarray) -> np.ndarray:
    return np.abs(v).max(axis=-1)  # whose squares never fall out of range
