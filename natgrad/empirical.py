"""Fisher matrices of data: the mean of SSᵀ over given scores, also part by part (section 3.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arrays


def empirical_fisher(scores: ArrayLike) -> np.ndarray:
    """The mean of SSᵀ over given `scores`, shape (N, dim), one row for each observation: SᵀS/N, shape (dim, dim).

    It estimates the Fisher matrix at θ if the data were drawn from p_θ. From other data it is in general another
    matrix, and following it is no natural gradient descent (Kunstner, Balles and Hennig, NeurIPS 2019). With fewer
    scores than parameters it is singular.

    >>> empirical_fisher([[1, 0], [0, 2]])
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    scores = arrays.real(scores, "scores", ("N", "n"))
    return _gram(scores) / len(scores)


class EmpiricalFisher:
    """An empirical Fisher matrix of `dim` parameters that grows with the data, part by part, in float64.

    Each process or machine holds one for its own part of the data, and sends that back: dim² numbers, however many the
    data. They are added up in any order: with Dask, `sum(dask.compute(*parts), start=EmpiricalFisher(dim))`.

    >>> first, second = EmpiricalFisher(1), EmpiricalFisher(1)
    >>> first.add([[1], [2]])
    >>> second.add(Bernoulli().score([0.5], [0, 1, 1]))
    >>> first, (first + second).matrix()
    (EmpiricalFisher(dim=1, count=2), array([[3.4]]))
    """

    def __init__(self, dim: int):
        self.dim, self.count = arrays.count(dim, "dim"), 0
        self._sum = np.zeros((self.dim, self.dim))

    def __repr__(self) -> str:
        return f"EmpiricalFisher(dim={self.dim}, count={self.count})"

    def add(self, scores: ArrayLike) -> None:
        """Add scores, shape (N, dim)."""
        scores = arrays.real(scores, "scores", ("N", self.dim))
        self._include(_gram(scores), len(scores), "scores")

    def __add__(self, other: EmpiricalFisher) -> EmpiricalFisher:
        if not isinstance(other, EmpiricalFisher):
            return NotImplemented
        arrays.must(other.dim == self.dim, "other", f"have {self.dim} parameters", f"it has {other.dim}")
        both = EmpiricalFisher(self.dim)
        both._include(self._sum, self.count, "other")
        both._include(other._sum, other.count, "other")
        return both

    def _include(self, total: np.ndarray, count: int, name: str) -> None:
        with np.errstate(over="ignore"):
            self._sum, self.count = arrays.in_range(self._sum + total, name), self.count + count

    def matrix(self) -> np.ndarray:
        """The mean of SSᵀ over all scores so far, shape (dim, dim)."""
        arrays.must(self.count, "scores", "be added before their mean is taken", "there are none")
        return self._sum / self.count


def _gram(scores: np.ndarray) -> np.ndarray:
    # SᵀS. Squares that are lost would make a score zero.
    with np.errstate(all="ignore"):
        found = scores.T @ scores
        arrays.in_range(found.diagonal(), "scores", source=lambda: scores.any(axis=0))
        return arrays.in_range(found, "scores")
