"""How close is close: the one place that says so. No tolerance is widened to make a test pass.

All but MONTE_CARLO and ORDER are errors relative to the size of what is compared.
"""

import numpy as np

# Closed forms and the note's own numbers, in float64.
EXACT = 1e-12
# Closed forms that promise to lose nothing to cancellation: a hundred roundings.
FULL = 2e-14
# The same with special functions or matrices inside, at any distance; and integrals of smooth functions.
DIVERGENCE = 1e-13
# An integral found by quadrature, on either side of the comparison.
QUADRATURE = 1e-11
# A derivative found by finite differences.
DIFFERENCES = 1e-7
# A maximum found by a general optimiser.
OPTIMISER = 1e-6
# A mean of random draws at a fixed seed: this many of its computed standard errors.
MONTE_CARLO = 4
# The least plausible p-value of a correct sampler at a fixed seed.
PLAUSIBLE = 1e-3
# The slope of an error on logarithmic axes, absolute.
ORDER = 0.05


def assert_close(actual, expected, tolerance, scale=None):
    """Hold equal shapes, and errors of at most `tolerance` times `scale`.

    The scale is the largest expected entry unless given; a scale array judges entries one by one.
    """
    actual, expected = np.asarray(actual), np.asarray(expected, dtype=float)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    if scale is None:
        scale = np.abs(expected).max() or 1.0
    excess = np.abs(actual - expected) - tolerance * np.asarray(scale)
    # Written so that NaN fails.
    assert (excess <= 0).all(), f"{actual!r} is not within {tolerance:g} of {expected!r}"
