"""Expectations by rules, which are nodes and weights. The evidence for one is that two rules agree."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from . import arrays

TOLERANCE = 1e-9
# Nodes of at least this part of the largest weight are the bulk of a density, whose width is to have so many places.
BULK, PLACES = 1e-3, 1e3
# How many nodes Gauss and Hermite's rules have at most in one dimension, and in all; the coarser rule's part of that.
MOST, MOST_NODES, COARSE = 100, 1e5, 0.64


def expectation(rules: Sequence, f: Callable, name: str, point: str, *, apart: bool, square=False):
    """E[f], shape (...), for an f that takes K nodes, shape (..., K), to K values, shape (K, ...).

    If `square`, E[f fᵀ] for an f that gives an array (n, K). If `apart`, the bulk of a density has to be told apart by
    float64. Rules agree up to parts of E|f|.
    """
    for _, weights in rules:
        found = f"that finds {weights.sum():.12g}"
        arrays.must(abs(weights.sum() - 1) <= TOLERANCE, point, "have its mass of 1 in reach of quadrature", found)
    nodes, best = rules[-1]
    if apart:
        bulk = nodes[..., best > BULK * best.max()]
        told_apart(np.abs(bulk).max(axis=-1), np.ptp(bulk, axis=-1), point)
    means = [_mean(f, *rule, name, square) for rule in rules]
    (first, _), (last, size) = means[0], means[-1]
    excess = np.abs(last - first) - TOLERANCE * size
    if (excess > 0).any():
        (one, other), worst = (rules[0][1].size, rules[-1][1].size), np.argmax(excess)
        found = f"rules of {one} and {other} nodes give {first.flat[worst]:.10g} and {last.flat[worst]:.10g}"
        arrays.must(False, name, "have an expectation that quadrature can find", found)
    return last[()]


def told_apart(size: np.ndarray, width: np.ndarray, name: str) -> None:
    """Raise if a density of this width isn't wide enough for rounding to leave its observations of this size apart."""
    wide = (width > PLACES * np.spacing(size)).all()
    arrays.must(wide, name, "have observations that float64 can tell apart", "all are rounded to one")


def _mean(f: Callable, nodes: np.ndarray, weights: np.ndarray, name: str, square: bool) -> tuple:
    # Σ w f and Σ w |f|, or Σ w f fᵀ and Σ w |f| |f|ᵀ.
    values = f(nodes)
    # The mean of a condition, such as x == 1, is its probability.
    condition = getattr(values, "dtype", None) == np.bool_
    values = arrays.numbers(values.astype(float) if condition else values, name)
    shape, fits = values.shape, values.ndim and values.shape[-1 if square else 0] == weights.size
    wanted = f"return one value for each of {weights.size} observations"
    arrays.must(fits, name, wanted, f"the shape of what it returns is {shape}")
    arrays.must(arrays.all_finite(values), name, "give finite values to average", "one of them is not finite")
    mean = lambda v: (v * weights) @ v.T if square else np.tensordot(weights, v, 1)
    return mean(values), arrays.in_range(mean(np.abs(values)), name)


@lru_cache(maxsize=4)
def hermite(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two rules for the standard Gaussian in n dimensions: nodes, shape (n, N), and weights, shape (N,)."""
    most = min(MOST, int(MOST_NODES ** (1 / n) + 1e-9))
    arrays.must(most >= 4, "theta", "have at most 8 dimensions to be integrated over", f"there are {n}")
    rules = []
    for size in max(3, int(COARSE * most)), most:
        # For the weight exp(−z²/2), normalised so that the weights are those of a standard Gaussian.
        z, weights = np.polynomial.hermite_e.hermegauss(size)
        index = np.indices((size,) * n).reshape(n, -1)
        rules.append((arrays.frozen(z[index]), arrays.frozen((weights / np.sqrt(2 * np.pi))[index].prod(axis=0))))
    return rules
