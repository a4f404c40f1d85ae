"""Logarithms and Gamma functions without cancellation: what keeps the digits of divergences between close densities."""

import math
from collections.abc import Callable

import numpy as np

# Below this, u − ln(1 + u) loses more to cancellation than the series below loses to truncation.
SERIES_RADIUS = 0.2
# From here on Stirling's series for ln Γ is exact to rounding, and so are Euler and Maclaurin's sums: smaller arguments
# are shifted by as much.
START = 12
TAU = 2 * math.pi
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
# The derivatives in such sums, −f′/12 + f‴/720 − …, by weights of the differences f(k h) − f(−k h), k = 1, 2, ….
SLOPES = (-0.7973810319526488, 0.7278407156477904, -0.44078823000125633, 0.18946738266313895)
SLOPES += (-0.057879844939619625, 0.012054793662601919, -0.001543453567536357, 9.200804627362625e-05)
SLOPE_STEP = 0.3125


def u_minus_log1p(u: np.ndarray, one_plus_u: np.ndarray) -> np.ndarray:
    """Return h(u) = u − ln(1 + u) for u > −1 to full relative accuracy, also where both terms are nearly equal.

    Far from zero the logarithm is that of `one_plus_u`, of which u no longer knows the digits when it is close to −1.
    """
    shape, u = np.shape(u), np.ravel(u)
    index = np.flatnonzero(np.abs(u) < SERIES_RADIUS)
    if index.size == u.size:
        return near_u_minus_log1p(u).reshape(shape)
    found = np.log(one_plus_u).ravel()
    np.subtract(u, found, out=found)
    # The few that need it are done again, by their indices: masks take longer.
    if index.size:
        found[index] = near_u_minus_log1p(u[index])
    return found.reshape(shape)


def near_u_minus_log1p(u: np.ndarray) -> np.ndarray:
    """The same for |u| < SERIES_RADIUS.

    With q = u / (2 + u), ln(1 + u) = 2 artanh(q) = 2q + 2q³/3 + 2q⁵/5 + …, and u − 2q = u q exactly.
    """
    q = 2 + u
    np.divide(u, q, out=q)
    square = q * q
    tail = square * (-2 / 15)
    for k in (13, 11, 9, 7, 5, 3):
        tail += -2 / k
        tail *= square
    tail += u
    tail *= q
    return tail


def exact_sum(terms: np.ndarray) -> np.ndarray:
    """Sum along the first axis, as if in twice the precision.

    Of all terms the bits above one place, which add up without rounding, and then what is left of them.
    """
    exponent = np.frexp(np.abs(terms).max(axis=0))[1] + len(terms).bit_length()
    place = np.ldexp(terms.dtype.type(1), exponent)
    high = terms + place
    high -= place
    return high.sum(axis=0) + (terms - high).sum(axis=0)


def product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a b in float64 as a sum of its rounded value and what is left of it, by Dekker's method."""
    found, (a0, a1), (b0, b1) = a * b, _halves(a), _halves(b)
    return found, ((a0 * b0 - found) + a0 * b1 + a1 * b0) + a1 * b1


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Of half as many digits, so that their products are exact.
    high = x * (2.0**27 + 1)
    high = high - (high - x)
    return high, x - high


def turn(x0, y0, x1, y1, dx, dy) -> np.ndarray:
    """Return x₀ y₁ − y₀ x₁ = x₀ dy − y₀ dx without cancellation, for positive x and y of one axis and their changes."""
    # Between numbers closer than a factor of two a change is exact.
    near = np.maximum(np.abs(dx) / x0, np.abs(dy) / y0) < 0.5
    x, y = np.where(near, dx, x1), np.where(near, dy, y1)
    up, down = x0 * y, y0 * x
    found = up - down
    # Where that loses more than four bits it is done as if in twice the precision.
    if (i := np.flatnonzero(np.abs(found) < np.abs(up) / 16)).size:
        (up, more), (down, less) = product(x0[i], y[i]), product(y0[i], x[i])
        found[i] = (up - down) + (more - less)
    return found


def log_gamma_excess(x: np.ndarray) -> np.ndarray:
    """Return G(x) = ln Γ(x) − x ln x + x, what is left of ln Γ after its large terms."""
    from scipy.special import gammaln  # loaded when it is needed, because that takes longer than numpy itself

    small, large = np.minimum(x, START), np.maximum(x, START)
    tail = 0.0
    for c in reversed(STIRLING):
        tail = tail / (large * large) + c
    beyond = tail / large - 0.5 * np.log(large / TAU)
    return np.where(x < START, gammaln(small) - small * np.log(small) + small, beyond)


def excess_divergence(b: np.ndarray, a: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return G(b) − G(a) − G′(a) (b − a) for the convex G = `log_gamma_excess`; `step` is b − a, to more digits.

    That of ln Γ is Σ h((b − a)/(a + i)) over i ≥ 0, of which x ln x − x takes the integral. No term is negative.
    """
    small, n = np.minimum(a, b) < START, START
    p, q = a + n * small, b + n * small
    found = correction(lambda x: u_minus_log1p(step / (p + x), (q + x) / (p + x)), 0)
    if small.any():
        a, b, step, p, q = a[small], b[small], step[small], p[small], q[small]
        # The first terms without their integral; far apart its large terms are taken out first.
        near = sum(u_minus_log1p(step / (a + i), (b + i) / (a + i)) for i in range(n))
        near -= n * u_minus_log1p(step / p, q / p) + b * u_minus_log1p(-n * step / (p * b), (q / p) * (a / b))
        far = sum(step / (a + i) + np.log1p((n - i) / (b + i)) - np.log1p((n - i) / (a + i)) for i in range(n))
        far += b * (np.log1p(n / b) - np.log1p(n / a))
        found[small] += np.where(np.abs(step) < np.minimum(a, n), near, far)
    return found


def polygamma(n: int, x: np.ndarray) -> np.ndarray:
    """Return the derivative of order n of ψ, that of ln Γ, at x."""
    from scipy.special import polygamma

    return polygamma(n, x).astype(x.dtype)


def series(f: Callable, rest: np.ndarray) -> np.ndarray:
    """Return Σ f(i) over all i ≥ 0, where `rest` is the integral of f from START on."""
    return sum(f(i) for i in range(START)) + (rest + correction(f, START))


def correction(f: Callable, start: int) -> np.ndarray:
    """Return by how much Σ f(i) over i ≥ `start` exceeds the integral, for an f that is smooth around there."""
    differences = (f(start + k * SLOPE_STEP) - f(start - k * SLOPE_STEP) for k in range(1, len(SLOPES) + 1))
    return 0.5 * f(start) + sum(w * difference for w, difference in zip(SLOPES, differences, strict=True))
