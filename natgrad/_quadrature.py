"""Rules for expectations: nodes and, for a good rule and a better one, a row of weights each.

The evidence for an expectation is that two rules agree, of which the second also sees more of the tails.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from . import arrays

# The numbers of Gauss-Hermite nodes in one dimension and, of the most that are affordable, in all of them together.
HERMITE = ((64, 0.64), (100, 1.0))
MOST_NODES = 1e5
# The step of the better of two trapezoidal rules; the other takes every second node. Below these a logarithm of a
# density is not looked at.
STEP = 0.025
FALLS = (150.0, 300.0)


@lru_cache
def hermite() -> tuple[np.ndarray, np.ndarray]:
    """The standard Gaussian."""
    return _both([_gauss_hermite(size) for size, _ in HERMITE])


@lru_cache(maxsize=4)
def hermite_in(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The standard Gaussian in n dimensions."""
    most = min(HERMITE[-1][0], int(MOST_NODES ** (1 / n) + 1e-9))
    if most < 4:
        raise ValueError(f"`theta` must have at most 8 dimensions to be integrated over, but there are {n}.")
    rules = []
    for nodes, weights in (_gauss_hermite(max(3, int(part * most))) for _, part in HERMITE):
        index = np.indices((nodes.size,) * n).reshape(n, -1)
        rules.append((nodes[index], weights[index].prod(axis=0)))
    return _both(rules)


def _gauss_hermite(size: int) -> tuple[np.ndarray, np.ndarray]:
    # For the weight exp(−z²/2), normalised so that the weights are those of a standard Gaussian.
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return nodes, weights / np.sqrt(2 * np.pi)


def _both(rules: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    (first, a), (second, b) = rules
    weights = [np.concatenate([a, 0 * b]), np.concatenate([0 * a, b])]
    return arrays.frozen(np.concatenate([first, second], axis=-1)), arrays.frozen(np.stack(weights))


@lru_cache
def _grid(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    t = STEP * np.arange(-n, n + 1)
    return np.sinh(t), STEP * np.cosh(t), 2.0 * (np.arange(-n, n + 1) % 2 == 0)


def sinh_rule(log_density: Callable, k: float, center: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A density of v, by trapezoidal sums in t for v = center + c sinh t.

    This crowds the nodes where a density about as wide as 1/√k has its mass, and reaches for tails as long as
    exp(−k |v|). What is beyond the bounds or hardly weighs is left out.
    """
    c, most = min(1.0, 1 / np.sqrt(k)), FALLS[-1]
    sinh, cosh, even = _grid(int(np.ceil(np.arcsinh((most / k + np.sqrt(2 * most / k)) / c) / STEP)))
    v = center + c * sinh
    part = slice(*np.searchsorted(v, (low, high)))
    logs = log_density(v[part])
    fine = c * cosh[part] * np.exp(logs)
    kept = logs > -most
    return v[part][kept], np.stack([np.where(logs > -FALLS[0], even[part] * fine, 0), fine])[:, kept]
