"""Metrics too large to write down: products of two, low rank plus damping, and known only by what they do to v."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import _kernels, arrays
from .metric import Dense, Metric

# What is still to be gained is estimated by what the last steps gained: at least so many, and this part of all.
FEWEST, PART = 6, 6


class Kronecker(Metric):
    """The metric A ⊗ B of matrices of weights, shape (m, n), flattened row by row: ‖V‖² is the trace of A V B Vᵀ.

    Of A, shape (..., m, m), and B, shape (..., n, n), symmetric and positive definite, no product is formed.
    For a layer y = xᵀV the one measures the inputs and the other the outputs: A is the mean of xxᵀ, B that of δδᵀ for
    the gradients δ in y. Then A ⊗ B is F if these are independent, and the approximation K-FAC if not.

    >>> metric = Kronecker([[2]], [[5, 2], [2, 4]])
    >>> metric, metric.solve([12, 24]).round(12) + 0
    (Kronecker(n=2, inputs=1, outputs=2), array([0., 3.]))
    """

    def __init__(self, inputs: ArrayLike, outputs: ArrayLike):
        self._inputs = Dense._from_factor(*arrays.positive_definite(inputs, "inputs"))
        self._outputs = Dense._from_factor(*arrays.positive_definite(outputs, "outputs"))
        self.dim = self._inputs.dim * self._outputs.dim
        self.batch = arrays.broadcast(inputs=self._inputs.batch, outputs=self._outputs.batch)

    _traits = lambda self: super()._traits() | {"inputs": self._inputs.dim, "outputs": self._outputs.dim}
    _apply = lambda self, v: self._both("_apply", v)
    _solve = lambda self, g: self._both("_solve", g)
    _whiten = lambda self, v: self._both("_whiten", v)
    _unwhiten = lambda self, w: self._both("_unwhiten", w)
    _squared_norm = lambda self, v: np.square(self._whiten(v)).sum(axis=-1)

    def _both(self, verb: str, v: np.ndarray) -> np.ndarray:
        """Do to the columns of V what A does, and to its rows what B does."""
        lead = np.broadcast_shapes(v.shape[:-1], self.batch)
        matrix = np.broadcast_to(v, (*lead, self.dim)).reshape(*lead, self._inputs.dim, self._outputs.dim)
        rows = getattr(self._outputs, verb)(np.moveaxis(matrix, -2, 0))
        columns = getattr(self._inputs, verb)(rows.swapaxes(0, -1))
        return np.moveaxis(columns, 0, -1).reshape(*lead, self.dim)


class LowRank(Metric):
    """The metric of a damped empirical Fisher matrix G = SᵀS/N + λI, held as its N scores S, shape (N, n), for N < n.

    Built in N²n operations and solved in Nn, where `Dense` takes n³ and n²: it factorises K = SSᵀ + NλI, and forms
    nothing n × n. S isn't copied if it is in float64, so leave it as it is. A `ValueError` is raised if the damping λ
    is too small beside SᵀS/N for three digits to be left.

    >>> metric = LowRank([[2, 0, 0]], damping=1)
    >>> metric, metric.solve([5, 1, 1])
    (LowRank(n=3, scores=1, damping=1), array([1., 1., 1.]))
    """

    def __init__(self, scores: ArrayLike, damping: float):
        self._scores = arrays.real(scores, "scores", ("N", "n"))
        self._damping, (count, self.dim) = arrays.positive(damping, "damping", ()).item(), self._scores.shape
        with np.errstate(all="ignore"):
            kernel = self._scores @ self._scores.T
            self._excess = kernel.trace() / (count * self._damping)  # of SᵀS/N over λI
            kernel += count * self._damping * np.eye(count)
            arrays.in_range(kernel.diagonal(), "scores", "damping", source=lambda: True)
            factor = _kernels.cholesky(kernel)
        found = f"the sum of squares of `scores` is {self._excess:.1g} times N damping"
        usable = factor is not None and self._excess <= arrays.CONDITION
        arrays.must(usable, "damping", "be large enough to solve with", found)
        self._kernel = Dense._from_factor(kernel, factor)

    _traits = lambda self: super()._traits() | {"scores": len(self._scores), "damping": self._damping}
    # G = SᵀS/N + λI, and G⁻¹ = (I − Sᵀ K⁻¹ S)/λ.
    _apply = lambda self, v: v @ self._scores.T @ self._scores / len(self._scores) + self._damping * v
    _woodbury = lambda self, g: (g - self._kernel._solve(g @ self._scores.T) @ self._scores) / self._damping

    def _solve(self, g):
        v = self._woodbury(g)
        # That loses as many digits as excess¹·⁵ has: too many of them, and it is done again for what v has left of g.
        return v if self._excess**1.5 <= arrays.CONDITION else v + self._woodbury(g - self._apply(v))

    def _squared_norm(self, v):
        projected = v @ self._scores.T  # |Sv|²/N + λ|v|²
        return np.vecdot(projected, projected) / len(self._scores) + np.vecdot(self._damping * v, v)


class Solution(NamedTuple):
    """What conjugate gradients found: v ≈ G⁻¹ g, their number, and the error ‖v − G⁻¹g‖ / ‖G⁻¹g‖ as estimated."""

    value: np.ndarray
    iterations: int
    error: float


class MatrixFree(Metric):
    """The metric of a G that is known only by what it does to a vector, such as a product of Jacobians.

    `matvec` takes a vector v, shape (n,), and returns G v with all digits of float64. G must be symmetric and positive
    definite, which is probed with random vectors, and checked along the way. `dim` is n.

    Solved by conjugate gradients (Hestenes and Stiefel, 1952), each of them one product, and about as many as the root
    of the condition number: until the error ‖v − G⁻¹g‖ in this metric, estimated by solving again for what is left of
    g, is at most `tolerance` times ‖G⁻¹g‖. A `ValueError` is raised if that isn't so after so many `iterations`.
    The units of coordinates don't matter: a few products find them, and lengths are measured in the metric itself.
    What rounding does to products isn't seen: an error of up to 1e-16 times the condition number, in such units.

    >>> metric = MatrixFree(lambda v: v + v.mean(), 3)
    >>> metric, metric.solve([4, 5, 6]).round(9)
    (MatrixFree(n=3, tolerance=1e-08), array([1.5, 2.5, 3.5]))
    """

    def __init__(self, matvec: Callable, dim: int, tolerance: float = 1e-8, iterations: int = 1000):
        self._matvec, self.dim = arrays.instance(matvec, "matvec", Callable), arrays.count(dim, "dim")
        self._iterations = arrays.count(iterations, "iterations")
        self._tolerance = arrays.positive(tolerance, "tolerance", ()).item()
        arrays.must(self._tolerance < 1, "tolerance", "be below one", f"it is {self._tolerance:.6g}")
        # Any vectors would do that nobody chooses; naming numpy.random at the top would import it.
        rng, units = np.random.default_rng(0), np.ones(self.dim)
        with np.errstate(all="ignore"):
            # G in the right units has rows of about one length: each of 7 passes leaves the root of what they lack.
            for _ in range(7):
                probes = units * rng.choice([-1, 1], (3, self.dim)) * rng.uniform(1, 2, (3, self.dim))
                products = [self._product(probe) for probe in probes]
                units = units / np.sqrt(np.abs(units * products).mean(axis=0))
            # Where all are alike, the draw of the vectors changes nothing.
            self._units = units if units.max() > 10 * units.min() else np.ones(self.dim)
            (u, v, _), (gu, gv, _) = probes, products
            forth, back, size = gu @ v, u @ gv, np.abs(gu) @ np.abs(v) + np.abs(u) @ np.abs(gv)
        alike = abs(forth - back) <= arrays.SYMMETRY_ROUNDINGS * arrays.EPS * size
        found = f"for random u and v it gives vᵀGu = {forth:.15g} and uᵀGv = {back:.15g}"
        arrays.must(alike, "matvec", "be symmetric", found)

    _traits = lambda self: super()._traits() | {"tolerance": self._tolerance}
    _each = lambda self, f, v: np.array([f(u) if u.any() else u for u in v.reshape(-1, self.dim)]).reshape(v.shape)
    _apply = lambda self, v: self._each(self._product, v)
    _solve = lambda self, g: self._each(lambda g: self._conjugate_gradients(g).value, g)
    _squared_dual_norm = lambda self, g: np.vecdot(g, self._solve(g))  # one product less

    def _product(self, v: np.ndarray) -> np.ndarray:
        # Copies, so that nothing that is done to one is done to ours.
        product = arrays.real(self._matvec(v.copy()), "matvec", (self.dim,)).copy()
        curvature = v @ product
        positive = curvature > 0 or v @ v <= arrays.LOWEST  # where it may be zero because v is so short
        arrays.must(positive, "matvec", "be positive definite", f"for a vector v it gives vᵀGv = {curvature:.6g}")
        return product

    def solution(self, g: ArrayLike) -> Solution:
        """G⁻¹ g for one covector g, shape (n,), with the iterations that it took and an estimate of its relative error.

        >>> MatrixFree(lambda v: 2 * v, 3).solution([2, 4, 6])
        Solution(value=array([1., 2., 3.]), iterations=1, error=0.0)
        """
        g = arrays.real(g, "g", (self.dim,))
        with np.errstate(all="ignore"):
            found = self._conjugate_gradients(g)
            arrays.in_range(found.value, "g", source=g.any, axes=1)
        return found

    def _conjugate_gradients(self, g: np.ndarray) -> Solution:
        # In units in which G is nearly even. Steps are orthogonal in this metric: each adds the square of its length to
        # ‖v‖², and takes as much from the square of the error. What the last of them have added tells what is still to
        # come. Then again for what is left of g, until what that adds, the error, is a small part of all.
        wanted = f"let conjugate gradients converge to a relative error of {self._tolerance:.2g}"
        scale, size, told = self._units**2, np.abs(g).max() or 1.0, "it is {:.2g} after {} iterations".format
        v, left, total, iterations, last = np.zeros(self.dim), g / size, 0.0, 0, np.inf
        while True:
            residual, direction, gains = left, scale * left, []
            squared = residual @ direction
            while squared > 0:
                product = self._product(direction)
                step = squared / (direction @ product)
                v, residual = v + step * direction, residual - step * product
                squared, previous = residual @ (scale * residual), squared
                direction = scale * residual + squared / previous * direction
                gains.append(step * previous)
                total, iterations = total + gains[-1], iterations + 1
                recent = sum(gains[-max(FEWEST, len(gains) // PART) :])
                if len(gains) > FEWEST and recent <= (self._tolerance / 3) ** 2 * total:
                    break
                arrays.must(iterations < self._iterations, "matvec", wanted, told(np.sqrt(recent / total), iterations))
            error = float(np.sqrt(sum(gains) / total)) if gains else 0.0
            if error <= self._tolerance:
                return Solution(size * v, iterations, error)
            arrays.must(error <= last / 2, "matvec", wanted, told(error, iterations))
            last, left = error, g / size - self._product(v)
