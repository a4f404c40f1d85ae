"""Rules for expectations: nodes and, for a good rule and a better one, a row of weights each.

The evidence for an expectation is that two rules agree, of which the second also sees more of the tails.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from . import arrays

# How many Gauss-Hermite nodes there are at most in one dimension, and in all together; the coarser rule's part of that.
MOST, MOST_NODES, COARSE = 100, 1e5, 0.64
# The step of the better of two trapezoidal rules; the other takes every second node. What is below these logarithms is
# not looked at by the one and the other.
STEP = 0.025
FALL, COARSE_FALL = 300.0, 150.0


@lru_cache(maxsize=4)
def hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The standard Gaussian in n dimensions, whose nodes have shape (n, N)."""
    most = min(MOST, int(MOST_NODES ** (1 / n) + 1e-9))
    if most < 4:
        raise ValueError(f"`theta` must have at most 8 dimensions to be integrated over, but there are {n}.")
    rules = []
    for size in max(3, int(COARSE * most)), most:
        # For the weight exp(−z²/2), normalised so that the weights are those of a standard Gaussian.
        z, weights = np.polynomial.hermite_e.hermegauss(size)
        index = np.indices((size,) * n).reshape(n, -1)
        rules.append((z[index], (weights / np.sqrt(2 * np.pi))[index].prod(axis=0)))
    (nodes, coarse), (others, fine) = rules
    weights = [np.append(coarse, 0 * fine), np.append(0 * coarse, fine)]
    return arrays.frozen(np.concatenate([nodes, others], axis=1)), arrays.frozen(np.stack(weights))


def sinh_rule(log_density: Callable, k: float, center: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A density of v, by trapezoidal sums in t for v = center + c sinh t.

    This crowds the nodes where a density about as wide as 1/√k has its mass, and reaches for tails as long as
    exp(−k |v|). What is beyond the bounds or hardly weighs is left out.
    """
    c = min(1.0, 1 / np.sqrt(k))
    n = np.ceil(np.arcsinh((FALL / k + np.sqrt(2 * FALL / k)) / c) / STEP)
    t = STEP * np.arange(-n, n + 1)
    v = center + c * np.sinh(t)
    reached = (low <= v) & (v < high)
    t, v = t[reached], v[reached]
    logs = log_density(v)
    kept = logs > -FALL
    logs, fine = logs[kept], c * STEP * (np.cosh(t) * np.exp(logs))[kept]
    coarse = np.zeros_like(fine)
    coarse[::2] = 2 * np.where(logs > -COARSE_FALL, fine, 0)[::2]
    return v[kept], np.stack([coarse, fine])
