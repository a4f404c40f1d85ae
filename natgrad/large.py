"""Metrics too large to write down: low rank plus damping, and matrix-free."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays
from .metric import Metric, _root

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
        λ, positive. A `ValueError` is raised if it is too small to factorise K, or later, if rounding may cost a
        solution more than half of its digits.

    Examples
    --------
    >>> LowRank([[2, 0, 0]], damping=1).solve([5, 1, 1])
    array([1., 1., 1.])
    """

    batch, dtype = (), np.dtype(np.float64)

    def __init__(self, scores: ArrayLike, damping: float):
        scores = arrays.table(scores, "scores").astype(np.float64, copy=False)
        self._scores = scores.view()
        self._scores.flags.writeable = False
        # One of numpy's, so that its product with a float32 vector is in float64.
        self._damping = np.float64(arrays.positive_number(damping, "damping"))
        count, self.dim = scores.shape
        self._shift = count * self._damping
        with np.errstate(all="ignore"):
            kernel = scores @ scores.T
            length = math.sqrt(kernel.trace())
            np.einsum("ii->i", kernel)[:] += self._shift
            self._trace = kernel.trace()
            if not np.isfinite(self._trace):
                arrays.real(scores, "scores")
                largest = max(np.abs(scores).max(), self._damping)
                raise ValueError(
                    f"`scores` and `damping` must have squares in range, but their largest is {largest:.6g}."
                )
            self._factor, _, definite = _kernels.cholesky(kernel, overwrite=True)
            # At least the root of the condition number of K: by as much may SᵀK⁻¹ magnify what is lost to rounding.
            self._spread = math.sqrt(_kernels.condition(self._factor, self._trace)) if definite else math.inf
            self._accept(np.ones(1), 1)
            # Rounding K changes Sᵀy by ‖SᵀK⁻¹‖‖K‖‖y‖ times EPS, which is at most the spread times this times ‖y‖.
            self._reach = min(math.sqrt(self._trace), self._spread * length)

    def _accept(self, z: np.ndarray, lost: np.ndarray, hint: str = "") -> None:
        """Refuse a z too short beside what is lost in it: at most so many times EPS, times the spread of K."""
        if np.any(EPS * self._spread * lost > ACCURACY * _length(z)):  # what isn't finite is seen to elsewhere
            raise ValueError(
                f"`damping` must be large enough to solve with{hint}, but the sum of squares of `scores` is "
                f"{self._trace / self._shift:.1g} times N damping."
            )

    def _apply(self, v):
        return v @ self._scores.T @ self._scores / len(self._scores) + self._damping * v

    def _squared_norm(self, v):
        projected = v @ self._scores.T
        return np.vecdot(projected, projected) / len(self._scores) + np.vecdot(self._damping * v, v)

    def _squared_dual_norm(self, g):
        """‖Sv‖²/N + λ‖v‖² for v = z/λ, where Sv = Ny: no rounding error is multiplied by S again."""
        y, z = self._woodbury(g)
        return len(self._scores) * np.vecdot(y, y) + np.vecdot(z / self._damping, z)

    def _solve(self, g):
        return self._woodbury(g)[1] / self._damping

    def _woodbury(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """y = K⁻¹Sg and z = g − Sᵀy = λG⁻¹g."""
        exponent = arrays.exponents(g)
        g = np.ldexp(g, -exponent)
        y = _kernels.solve_one(self._factor, g @ self._scores.T)
        z = g - y @ self._scores
        self._accept(z, _length(g) + self._reach * _length(y), " (`solve_rewards` bears less)")
        return np.ldexp(y, exponent), np.ldexp(z, exponent)

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
            exponent = arrays.exponents(rewards)
            y = _kernels.solve_one(self._factor, np.ldexp(rewards, -exponent))
            z = y @ self._scores
            self._accept(z, self._reach * _length(y))
            return arrays.in_range(np.ldexp(z, exponent), "rewards")


def _length(v: np.ndarray) -> np.ndarray:
    return _root(lambda v: np.vecdot(v, v), v)


class Solution(NamedTuple):
    """What conjugate gradients found: G⁻¹ g, the iterations that took, and the relative residual ‖g − Gv‖ / ‖g‖.

    Examples
    --------
    >>> MatrixFree(lambda v: 2 * v, 3).solution([2, 4, 6])
    Solution(value=array([1., 2., 3.]), iterations=array(1), residual=array(0.))
    """

    value: np.ndarray
    iterations: np.ndarray
    residual: np.ndarray


class MatrixFree(Metric):
    """The metric of a G that is known only by what it does to a vector, such as a product of Jacobians; in float64.

    Solved by conjugate gradients (Hestenes and Stiefel, 1952), each of them one product, and about as many as the root
    of the condition number: `Dense` is quicker up to a few thousand coordinates, if G can be had, and bears larger
    condition numbers.

    Parameters
    ----------
    matvec : callable
        Takes a vector v, shape (n,), and returns G v, shape (n,). G must be symmetric and positive definite, which is
        probed with two random vectors, and checked along the way.
    dim : int
        The number of coordinates, n.
    tolerance : float
        Stop when the Euclidean norm of the residual g − Gv, computed from v itself, is at most this times that of g.
    iterations : int
        Raise an error if that needs more of them.

    Examples
    --------
    >>> MatrixFree(lambda v: v + v.mean(), 3).solve([4, 5, 6]).round(9)
    array([1.5, 2.5, 3.5])
    """

    batch, dtype = (), np.dtype(np.float64)

    def __init__(
        self, matvec: Callable[[np.ndarray], np.ndarray], dim: int, tolerance: float = 1e-8, iterations: int = 1000
    ):
        self._matvec, self.dim = arrays.function(matvec, "matvec"), arrays.count(dim, "dim")
        self._tolerance = arrays.positive_number(tolerance, "tolerance")
        if not self._tolerance < 1:
            raise ValueError(f"`tolerance` must be below one, but it is {self._tolerance:.6g}.")
        self._iterations = arrays.count(iterations, "iterations")
        # Any vectors would do that nobody chooses; naming numpy.random at the top would import it.
        u, v = np.random.default_rng(0).standard_normal((2, self.dim))
        with np.errstate(all="ignore"):
            first = self._product(u).copy()  # `matvec` may use the same array again
            second = self._product(v)
            self._curvature(u, first)
            self._curvature(v, second)
            forth, back, size = first @ v, u @ second, _length(first) * _length(v)
        if not abs(forth - back) <= arrays.SYMMETRY_ROUNDINGS * np.finfo(first.dtype).eps * size:
            raise ValueError(
                f"`matvec` must be symmetric, but for random u and v it gives vᵀGu = {forth:.6g} and uᵀGv = {back:.6g}."
            )

    def _checked(self, verb, **values):
        self._vectors(**values)  # what isn't finite never gets to `matvec`
        return super()._checked(verb, **values)

    def _product(self, v: np.ndarray) -> np.ndarray:
        # A copy, so that nothing that is done to it is done to ours.
        product = arrays.point(self._matvec(v.copy()), "matvec")
        if product.shape != v.shape:
            raise ValueError(f"`matvec` must keep the shape {v.shape}, but it returns the shape {product.shape}.")
        return product

    def _curvature(self, v: np.ndarray, product: np.ndarray) -> float:
        curvature = v @ product
        if not curvature > 0:
            raise ValueError(f"`matvec` must be positive definite, but for a vector v it gives vᵀGv = {curvature:.6g}.")
        return curvature

    def _apply(self, v):
        return np.vectorize(self._product, [np.float64], signature="(n)->(n)")(v.astype(np.float64))

    def _solve(self, g):
        return self._conjugate_gradients(g)[0]

    def _squared_norm(self, v):
        return np.vectorize(self._energy, signature="(n)->()")(v.astype(np.float64))[()]

    def _energy(self, v: np.ndarray) -> float:
        exponent = np.frexp(np.abs(v).max())[1]
        w = np.ldexp(v, -exponent)
        if not (np.isfinite(w).all() and w.any()):  # a difference has overflowed, or nothing is left to measure
            return w @ w
        return np.ldexp(self._curvature(w, self._product(w)), 2 * exponent)

    def _squared_dual_norm(self, g):
        return self._conjugate_gradients(g)[3]

    def solution(self, g: ArrayLike) -> Solution:
        """G⁻¹ g for covectors g, shape (..., n), with the iterations and the relative residual of each, shape (...)."""
        (g,) = self._vectors(g=g)
        with np.errstate(all="ignore"):
            value, iterations, residual, _ = self._conjugate_gradients(g)
        return Solution(arrays.in_range(value, "g"), iterations, residual)

    def _conjugate_gradients(self, g: np.ndarray) -> tuple:
        """v = G⁻¹ g, the iterations, the relative residual, and gᵀG⁻¹g up to the square of that."""
        return np.vectorize(self._solve_one, signature="(n)->(n),(),(),()")(g.astype(np.float64))

    def _solve_one(self, g: np.ndarray) -> tuple:
        exponent = np.frexp(np.abs(g).max())[1]
        g = np.ldexp(g, -exponent)
        v, residual, length = np.zeros(self.dim), g, np.sqrt(g @ g)
        goal, last, iterations = self._tolerance * length, np.inf, 0
        # What is updated along the way drifts from g − Gv; if that is not small enough, begin again from there.
        while (size := np.sqrt(residual @ residual)) > goal:
            if not (iterations < self._iterations and size <= last / 2):
                raise ValueError(
                    f"`matvec` must let conjugate gradients converge to a relative residual of {self._tolerance:.2g}, "
                    f"but it is {size / length:.2g} after {iterations} iterations."
                )
            last, squared, direction = size, size**2, residual.copy()
            while squared > goal * goal and iterations < self._iterations:
                product = self._product(direction)
                step = squared / self._curvature(direction, product)
                v += step * direction
                residual = residual - step * product
                squared, previous = residual @ residual, squared
                direction = residual + squared / previous * direction
                iterations += 1
            residual = g - self._product(v)
        energy = np.ldexp((g + residual) @ v, 2 * exponent)
        return np.ldexp(v, exponent), iterations, size / (length or 1), energy
