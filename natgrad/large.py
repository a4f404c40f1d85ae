"""Metrics too large to write down: low rank plus damping, and matrix-free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import reduce
from operator import iadd
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays
from .metric import Metric, _root

# A solution whose estimated error is larger is refused: half of the digits would be lost.
ACCURACY = 1e-8
EPS = np.finfo(np.float64).eps


class LowRank(Metric):
    """The metric of a damped empirical Fisher matrix G = SᵀS/N + λI, held as its N scores: for N < n.

    Built in N²n operations and solved in Nn, where `Dense` takes n³ and n²: it factorises K = SSᵀ + NλI, and forms
    nothing n × n. With more scores than coordinates `Dense` is quicker, and bears less damping.

    Parameters
    ----------
    scores : array_like, shape (N, n)
        S, one row for each observation. Not copied, because it may be most of the memory, so leave it as it is.
    damping : float
        λ, positive. A `ValueError` is raised if it is too small to factorise K, or later, if rounding may cost a
        solution more than half of its digits.

    Examples
    --------
    >>> LowRank([[2, 0, 0]], damping=1).solve([5, 1, 1])
    array([1., 1., 1.])
    """

    batch = ()

    def __init__(self, scores: ArrayLike, damping: float):
        scores = arrays.table(scores, "scores")
        self._scores, self._damping = scores.view(), arrays.positive_number(damping, "damping")
        self._scores.flags.writeable = False
        (count, self.dim), self.dtype = scores.shape, scores.dtype
        self._shift = count * self._damping
        with np.errstate(all="ignore"):
            kernel = reduce(iadd, (block @ block.T for _, block in self._blocks()))
            diagonal = np.einsum("ii->i", kernel)
            diagonal += self._shift
            self._trace = diagonal.sum()
            self._factor, _, definite = _kernels.cholesky(kernel, overwrite=True)
            # At least the root of the condition number of K: by as much may SᵀK⁻¹ magnify what is lost to rounding.
            self._spread = np.sqrt(_kernels.condition(self._factor, self._trace)) if definite else np.inf
        if not np.isfinite(self._trace):
            arrays.real(scores, "scores")
            largest = max(np.abs(scores).max(), self._damping)
            raise ValueError(f"`scores` and `damping` must have squares in range, but their largest is {largest:.6g}.")
        if not EPS * self._spread < ACCURACY:
            self._refuse()

    def _accept(self, z: np.ndarray, lost: np.ndarray, hint: str = "") -> None:
        """Refuse a z too short beside what is lost in it: at most so many times EPS, times the spread of K."""
        if np.any(EPS * self._spread * lost > ACCURACY * _length(z)):  # what isn't finite is seen to elsewhere
            self._refuse(hint)

    def _refuse(self, hint: str = ""):
        raise ValueError(
            f"`damping` must be large enough to solve with{hint}, but the sum of squares of `scores` is "
            f"{self._trace / self._shift:.1g} times N damping."
        )

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """S in float64: as it is, or a few columns at a time."""
        width = self.dim if self.dtype == np.float64 else max(1, _kernels.BLOCK // len(self._scores))
        for start in range(0, self.dim, width):
            part = slice(start, start + width)
            yield part, self._scores[:, part].astype(np.float64, copy=False)

    def _project(self, v: np.ndarray) -> np.ndarray:
        """S v, shape (..., N)."""
        return sum(v[..., part] @ block.T for part, block in self._blocks())

    def _combine(self, y: np.ndarray) -> np.ndarray:
        """Sᵀ y, shape (..., n)."""
        out = np.empty((*y.shape[:-1], self.dim))
        for part, block in self._blocks():
            np.matmul(y, block, out=out[..., part])
        return out

    def _like(self, v: np.ndarray, result: np.ndarray) -> np.ndarray:
        return result.astype(np.result_type(v, self.dtype), copy=False)[()]

    def _apply(self, v):
        return self._like(v, self._combine(self._project(v)) / len(self._scores) + self._damping * v)

    def _squared_norm(self, v):
        v64, projected = v.astype(np.float64, copy=False), self._project(v)
        squared = np.vecdot(projected, projected) / len(self._scores) + np.vecdot(self._damping * v64, v64)
        return self._like(v, squared)

    def _squared_dual_norm(self, g):
        """‖Sv‖²/N + λ‖v‖² for v = z/λ, where Sv = Ny: no rounding error is multiplied by S again."""
        y, z, exponent = self._woodbury(g)
        y *= math.sqrt(self._shift)
        mantissa, power = math.frexp(self._damping)
        squared = (np.vecdot(y, y) + np.vecdot(z, z)) / mantissa
        return self._like(g, np.ldexp(squared, 2 * exponent.squeeze(-1) - power))

    def _solve(self, g):
        _, z, exponent = self._woodbury(g)
        mantissa, power = math.frexp(self._damping)
        z /= mantissa
        return self._like(g, np.ldexp(z, exponent - power, out=z))

    def _woodbury(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """y = K⁻¹Sg and z = g − Sᵀy = λG⁻¹g for a g of moderate length: all three without a power of two, and its
        exponent.
        """
        exponent = arrays.exponents(g)
        g = np.ldexp(g.astype(np.float64, copy=False), -exponent)
        y = _kernels.solve_one(self._factor, self._project(g))
        z = self._combine(-y)
        z += g
        self._accept(z, _length(g) + math.sqrt(self._trace) * _length(y), " (`solve_rewards` bears less)")
        return y, z, exponent

    def solve_rewards(self, rewards: ArrayLike) -> np.ndarray:
        """The natural gradient of a mean of weighted scores: G⁻¹ Sᵀr/N, as Sᵀ(SSᵀ + NλI)⁻¹ r.

        It keeps the digits that `solve(S.T @ r / N)` can't have with small damping, because rounding Sᵀr loses them.

        Parameters
        ----------
        rewards : array_like, shape (..., N)
            r, the weights of the scores: rewards or advantages of policies, residuals of fits.

        Returns
        -------
        ndarray, shape (..., n)

        Examples
        --------
        >>> LowRank([[2, 0, 0]], damping=1e-14).solve_rewards([2])
        array([1., 0., 0.])
        """
        rewards = arrays.vector(rewards, "rewards", len(self._scores))
        with np.errstate(all="ignore"):
            exponent = arrays.exponents(rewards)
            y = _kernels.solve_one(self._factor, np.ldexp(rewards.astype(np.float64, copy=False), -exponent))
            z = self._combine(y)
            self._accept(z, math.sqrt(self._trace) * _length(y))
            return arrays.in_range(self._like(rewards, np.ldexp(z, exponent, out=z)), "rewards")


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

    Solved by conjugate gradients [1]_, each of them one product, and about as many as the root of the condition number:
    `Dense` is quicker up to a few thousand coordinates, if G can be had, and bears larger condition numbers.

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

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, Methods of conjugate gradients for solving linear systems, Journal of Research
       of the National Bureau of Standards 49, 409–436, 1952.

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
            image = self._product(u)
            forth, size = image @ v, _length(image) * _length(v)
            self._curvature(u, image)
            image = self._product(v)
            self._curvature(v, image)
        if not abs(forth - u @ image) <= arrays.SYMMETRY_ROUNDINGS * np.finfo(image.dtype).eps * size:
            raise ValueError(
                f"`matvec` must be symmetric, but for random u and v it gives "
                f"vᵀGu = {forth:.6g} and uᵀGv = {u @ image:.6g}."
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

    def _each(self, verb: Callable[[np.ndarray], tuple], v: np.ndarray) -> list[np.ndarray]:
        """What a verb gives for each vector, with the leading axes of v."""
        found = map(np.stack, zip(*map(verb, v.astype(np.float64).reshape(-1, self.dim)), strict=True))
        return [part.reshape((*v.shape[:-1], *part.shape[1:])) for part in found]

    def _apply(self, v):
        (found,) = self._each(lambda v: (self._product(v).astype(np.float64),), v)
        return found

    def _solve(self, g):
        return self._each(self._conjugate_gradients, g)[0]

    def _squared_norm(self, v):
        (found,) = self._each(self._energy, v)
        return found

    def _energy(self, v: np.ndarray) -> tuple[float]:
        exponent = np.frexp(np.abs(v).max())[1]
        w = np.ldexp(v, -exponent)
        if not (np.isfinite(w).all() and w.any()):  # a difference has overflowed, or nothing is left to measure
            return (w @ w,)
        return (np.ldexp(self._curvature(w, self._product(w)), 2 * exponent),)

    def _squared_dual_norm(self, g):
        return self._each(self._conjugate_gradients, g)[3]

    def solution(self, g: ArrayLike) -> Solution:
        """G⁻¹ g for covectors g, shape (..., n), with the iterations and the relative residual of each, shape (...)."""
        (g,) = self._vectors(g=g)
        with np.errstate(all="ignore"):
            value, iterations, residual, _ = self._each(self._conjugate_gradients, g)
        return Solution(arrays.in_range(value, "g"), iterations, residual)

    def _conjugate_gradients(self, g: np.ndarray) -> tuple:
        """v = G⁻¹ g, the iterations, the relative residual, and gᵀG⁻¹g up to the square of that."""
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
