"""Logarithms and sums without cancellation: what keeps the digits of divergences between close densities."""

import numpy as np

# Below this, u − ln(1 + u) loses more to cancellation than the series below loses to truncation.
SERIES_RADIUS = 0.2
# ln n! is that of a table below so many counts, and Stirling's series from there on, where it is exact to rounding.
TABLE = 16
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def u_minus_log1p(u: np.ndarray, one_plus_u: np.ndarray) -> np.ndarray:
    """Return h(u) = u − ln(1 + u) for u > −1 to full relative accuracy, also where both terms are nearly equal.

    Far from zero the logarithm is that of `one_plus_u`, of which u no longer knows the digits when it is close to −1.
    Near it, with q = u / (2 + u), ln(1 + u) = 2 artanh(q) = 2q + 2q³/3 + 2q⁵/5 + …, and u − 2q = u q exactly.
    """
    q = u / (2 + u)
    square = q * q
    tail = square * (2 / 15)
    for k in (13, 11, 9, 7, 5, 3):
        tail += 2 / k
        tail *= square
    return np.where(np.abs(u) < SERIES_RADIUS, q * (u - tail), u - np.log(one_plus_u))


def exact_sum(terms: np.ndarray) -> np.ndarray:
    """Sum along the first axis, as if in twice the precision.

    Of all terms the bits above one place, which add up without rounding, and then what is left of them.
    """
    place = np.ldexp(1.0, np.frexp(np.abs(terms).max(axis=0))[1] + len(terms).bit_length())
    high = (terms + place) - place
    return high.sum(axis=0) + (terms - high).sum(axis=0)


def log_factorial_excess(n: np.ndarray) -> np.ndarray:
    """Return ln n! − n ln n + n of counts n: what is left of ln n! after its large terms, ½ ln(2πn) + 1/(12n) − …"""
    large, tail = np.maximum(n, TABLE), 0.0
    for c in reversed(STIRLING):
        tail = tail / (large * large) + c
    beyond = tail / large + 0.5 * np.log(2 * np.pi * large)
    return np.where(n < TABLE, _SMALL[np.minimum(n, TABLE - 1).astype(int)], beyond)


_SMALL = np.arange(1.0, TABLE)
_SMALL = np.append(0.0, np.log(np.cumprod(_SMALL)) - _SMALL * np.log(_SMALL) + _SMALL)
