"""The few loops that have to be both careful and quick."""

import numpy as np

# Below this, u − log1p(u) loses more to cancellation than the series below loses to truncation.
SERIES_RADIUS = 0.05


def inverse_of_lower(factor: np.ndarray) -> np.ndarray:
    """Invert lower triangular matrices, shape (..., n, n), row by row.

    Forward substitution keeps small rows accurate beside large ones, which a general inverse does not.
    """
    inverse = np.zeros_like(factor)
    for i in range(factor.shape[-1]):
        inverse[..., i, i] = 1 / factor[..., i, i]
        row = np.vecmat(factor[..., i, :i], inverse[..., :i, :i])
        inverse[..., i, :i] = -row * inverse[..., i, i, None]
    return inverse


def u_minus_log1p(u: np.ndarray, one_plus_u: np.ndarray) -> np.ndarray:
    """Return u − log(1 + u) for u > −1 to full relative accuracy, also where both terms are nearly equal.

    With q = u / (2 + u), log(1 + u) = 2 artanh(q) = 2q + 2q³/3 + 2q⁵/5 + …, and u − 2q = u q exactly.
    Close to u = −1, where u no longer knows the digits of 1 + u, the logarithm is that of `one_plus_u`.
    """
    q = u / (2 + u)
    square = q * q
    tail = 1 / 3 + square * (1 / 5 + square * (1 / 7 + square * (1 / 9 + square / 11)))
    log = np.where(u < -0.5, np.log(one_plus_u), np.log1p(np.maximum(u, -0.5)))
    return np.where(np.abs(u) < SERIES_RADIUS, q * (u - 2 * square * tail), u - log)
