"""Fisher information by independent routes, as a metric, and of data, also part by part (sections 3.2 to 3.5)."""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from ._kernels import BLOCK
from .family import Family, filled
from .metric import Dense, Metric


class Estimate(NamedTuple):
    """A mean over random draws, and its standard error, entry by entry."""

    value: np.ndarray
    error: np.ndarray


def fisher_information(family: Family, theta: ArrayLike) -> np.ndarray:
    """F = E[SSᵀ] of a family at one `theta`, shape (dim,), from the definition: the mean outer product of the score.

    A `ValueError` is raised if quadrature can't find it, as `Family.expect` says.

    >>> fisher_information(Bernoulli(), [0.2]).round(6)
    array([[6.25]])
    """
    _, unpacked = arrays.instance(family, "family", Family)._read(theta, "theta", ())
    scores = lambda x: filled(family._score(unpacked, x), 1, x.shape[-1:])
    return arrays.in_range(family._expect(unpacked, scores, "theta", square=True), "theta")


def fisher_monte_carlo(family: Family, theta: ArrayLike, size: int, rng: np.random.Generator) -> Estimate:
    """F = E[SSᵀ] of a family at one `theta`, shape (dim,), from `size` independent draws with `rng` (section 3.5).

    A mean and its standard error, both of shape (dim, dim). Neither knows of what is so rare that it was never drawn.

    >>> value, error = fisher_monte_carlo(Bernoulli(), [0.6], 10_000, np.random.default_rng(0))
    >>> bool(abs(value - Bernoulli().fisher([0.6])) < 4 * error)
    True
    """
    _, unpacked = arrays.instance(family, "family", Family)._read(theta, "theta", ())
    size = arrays.count(size, "size", 2)
    arrays.instance(rng, "rng", np.random.Generator)
    mean, squares, step = 0.0, 0.0, max(2, BLOCK // family.dim**2)
    with np.errstate(all="ignore"):
        # Scores are taken in units in which they are about one, so that no fourth power is out of range.
        unit = 1 / np.sqrt(np.diagonal(filled(family._fisher(unpacked), 2, ())))
        for done in range(0, size, step):
            part = min(step, size - done)
            scores = family._score(unpacked, family._sample(unpacked, (part,), rng))
            scores = filled(scores, 1, (part,)) * unit[:, None]
            products = scores[:, None] * scores
            # The mean and the sum of squares about it of all so far, from those of two parts (Chan et al., 1983).
            center = products.mean(axis=-1)
            squares = squares + ((products - center[..., None]) ** 2).sum(axis=-1)
            squares += (center - mean) ** 2 * done * part / (done + part)
            mean = mean + (center - mean) * part / (done + part)
        error = np.sqrt(squares / size / (size - 1))
        return Estimate(*(arrays.in_range(found / np.outer(unit, unit), "theta") for found in (mean, error)))


def fisher_metric(family: Family, theta: ArrayLike) -> Metric:
    """The metric G = F(θ) of a family at `theta`, shape (..., dim): a small step is √(2 KL) long (section 3.5).

    A `ValueError` is raised if F is singular up to rounding, as for `Dense`.

    >>> fisher_metric(Gaussian(), [0, 1]).solve([1, 1])
    array([1., 2.])
    """
    fisher = arrays.instance(family, "family", Family).fisher(theta)
    return Dense._from_factor(*arrays.positive_definite(fisher, "theta", "have a Fisher matrix that is"))


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

    __repr__ = lambda self: f"EmpiricalFisher(dim={self.dim}, count={self.count})"

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
