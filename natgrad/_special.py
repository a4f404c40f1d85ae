"""Logarithms and Gamma functions without cancellation: what keeps the digits of divergences between close densities."""

import math

import numpy as np

# Below this, u − ln(1 + u) loses more to cancellation than the series below loses to truncation.
SERIES_RADIUS = 0.2
# From here on Stirling's series for ln Γ is exact to rounding; smaller arguments are shifted by as much.
STIRLING_FROM = 10
TAU = 2 * math.pi
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)


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

    large = np.maximum(x, STIRLING_FROM)
    tail, square = 0.0, large * large
    for c in reversed(STIRLING):
        tail = tail / square + c
    small = np.minimum(x, STIRLING_FROM)
    return np.where(
        x < STIRLING_FROM, gammaln(small) - small * np.log(small) + small, tail / large - 0.5 * np.log(large / TAU)
    )


def minus_log_beta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return −ln B(a, b), of the excesses of ln Γ and of what is left of its large terms."""
    excess = log_gamma_excess(a + b) - log_gamma_excess(a) - log_gamma_excess(b)
    return excess + a * np.log1p(b / a) + b * np.log1p(a / b)


def log_gamma_excess_divergence(b: np.ndarray, a: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return G(b) − G(a) − G′(a) (b − a) for the convex G = `log_gamma_excess`; `step` is b − a, to more digits.

    Every term of Stirling's series has such a divergence without cancellation: that of −ln x is h(b/a − 1), that of x⁻ᵐ
    is (b − a)²/(ab) Σ (m − i) a^(i−m) b^(−i) over i < m. Small arguments are shifted by ln Γ(x) = ln Γ(x + 1) − ln x.
    """
    small = np.minimum(a, b) < STIRLING_FROM
    p, q = a + STIRLING_FROM * small, b + STIRLING_FROM * small
    found = 0.5 * u_minus_log1p(step / p, q / p) + stirling_divergence(q, p, step)
    if small.any():
        a, b, step, n = a[small], b[small], step[small], STIRLING_FROM
        # What the shift takes from ln Γ and from x ln x; far apart their large terms are taken out first.
        near = sum(u_minus_log1p(step / (a + i), (b + i) / (a + i)) for i in range(n))
        near += (b + n) * u_minus_log1p(-step / (b + n), (a + n) / (b + n)) - b * u_minus_log1p(-step / b, a / b)
        far = sum(step / (a + i) + np.log1p((n - i) / (b + i)) - np.log1p((n - i) / (a + i)) for i in range(n))
        far += b * (np.log1p(n / b) - np.log1p(n / a))
        found[small] += np.where(np.abs(step) < np.minimum(a, n), near, far)
    return found


def digamma(x: np.ndarray) -> np.ndarray:
    """Return ψ(x), the derivative of ln Γ."""
    from scipy.special import digamma

    return digamma(x)


def trigamma(x: np.ndarray) -> np.ndarray:
    """Return ψ′(x)."""
    from scipy.special import polygamma

    return polygamma(1, x).astype(x.dtype)


def polygamma_differences(a: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ψ(a + step) − ψ(a) and ψ′(a) − ψ′(a + step) for positive steps, however small: Stirling's series again."""
    column = lambda values: np.asarray(values, a.dtype).reshape(-1, *[1] * a.ndim)
    p = a + column(range(STIRLING_FROM))
    terms = step / p / (p + step)
    rise, fall = sum(terms), sum(terms * (1 / p + 1 / (p + step)))
    p, c, k = a + STIRLING_FROM, column(STIRLING), column(range(1, 2 * len(STIRLING), 2))
    logs, m = np.log1p(step / p), column(range(2 * len(STIRLING) + 2))
    powers = np.expm1(-m * logs) / p**m
    rise = rise + logs - powers[1] / 2 - sum(k * c * powers[2::2])
    return rise, fall - powers[1] - powers[2] / 2 - sum(k * (k + 1) * c * powers[3::2])


def stirling_divergence(b: np.ndarray, a: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The same for Stirling's series in 1/x alone."""
    scale, power, inner, outer, found = (step / a) * (step / b), 1 / a, 0.0, 0.0, 0.0
    for m in range(1, 2 * len(STIRLING)):
        inner = inner / b + power
        outer = outer / a + inner
        power = power / a
        if m % 2:
            found = found + STIRLING[m // 2] * outer
    return scale * found


def stirling_divergence_rise(b, a, step, more_b, more_a, more_step) -> np.ndarray:
    """By how much that rises if b, a and the step rise by these: the same sums, of changes, of which none cancels."""
    p, q, squared = 1 / a, 1 / b, step * step
    dp, dq, dsquared = -p * more_a / (a + more_a), -q * more_b / (b + more_b), more_step * (2 * step + more_step)
    high_p, high_q = p + dp, q + dq
    power, inner, outer, found, dpower, dinner, douter, dfound = p, 0.0, 0.0, 0.0, dp, 0.0, 0.0, 0.0
    for m in range(1, 2 * len(STIRLING)):
        inner, dinner = inner * q + power, dinner * high_q + inner * dq + dpower
        outer, douter = outer * p + inner, douter * high_p + outer * dp + dinner
        power, dpower = power * p, dpower * high_p + power * dp
        if m % 2:
            found, dfound = found + STIRLING[m // 2] * outer, dfound + STIRLING[m // 2] * douter
    dscale = dsquared * high_p * high_q + squared * (dp * high_q + p * dq)
    return dscale * (found + dfound) + squared * p * q * dfound
