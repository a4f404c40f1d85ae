"""The Kullback-Leibler divergence, its series and its approximation by χ² (section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from ._quadrature import TOLERANCE
from .family import Family


def kl_divergence(family: Family, p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """KL(p ‖ q) = E_p[ln p/q] in nats, by expectation, from the definition (section 3.1).

    `p` and `q` are the parameters of two members, shape (dim,). Logarithms are rounded, which costs some 1e-16 nats;
    `family.kl`, the same in closed form, keeps its digits where p and q are close. A `ValueError` is raised if
    quadrature can't find the expectation.

    >>> kl_divergence(Bernoulli(), [0.6], [0.5]).round(6)
    np.float64(0.020136)
    """
    p, q = _parameters(family, p, q)
    return family._expect(p, lambda x: family._log_prob(p, x) - family._log_prob(q, x), "q", point="p")


def chi2_divergence(family: Family, p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """The χ² divergence E_p[((p − q)/p)²] of q from p (section 3.1); half of it approximates KL(p ‖ q).

    `p` and `q` are the parameters of two members of a family. For Gaussians it is infinite unless 2 τ_q > τ_p. A
    `ValueError` is raised if quadrature can't find the expectation, or misses a part of q.

    >>> chi2_divergence(Bernoulli(), [0.6], [0.5]).round(6)
    np.float64(0.041667)
    """
    p, q = _parameters(family, p, q)
    return _moments(family, p, q, np.arange(1, 3))[1] if family._chi2_is_finite(p, q) else np.float64(np.inf)


def kl_series(family: Family, p: ArrayLike, q: ArrayLike, terms: int) -> np.ndarray:
    """The first partial sums of Σₖ (1/k) E_p[((p − q)/p)ᵏ], the series of section 3.1, shape (terms,).

    The first `terms`, of a `family`, `p` and `q` as for `chi2_divergence`, which says what is refused. They converge to
    KL(p ‖ q) if and only if q ≤ 2p wherever p has mass; otherwise the sums grow without bound.

    >>> kl_series(Bernoulli(), [0.6], [0.5], 4).round(6) + 0
    array([0.      , 0.020833, 0.019676, 0.020182])
    """
    p, q = _parameters(family, p, q)
    powers = np.arange(1, arrays.count(terms, "terms") + 1)
    return np.cumsum(_moments(family, p, q, powers) / powers)


def _parameters(family: Family, p: ArrayLike, q: ArrayLike) -> tuple[Sequence, Sequence]:
    arrays.instance(family, "family", Family)
    return family._read(p, "p", ())[1], family._read(q, "q", ())[1]


def _moments(family: Family, p: Sequence, q: Sequence, powers: np.ndarray) -> np.ndarray:
    """E_p[((p − q)/p)ᵏ] for the given powers k, of which the first is 1."""
    # Without cancellation; where it overflows, the expectation is refused.
    difference = lambda x: -np.expm1(family._log_prob(q, x) - family._log_prob(p, x))
    moments = family._expect(p, lambda x: arrays.in_range(difference(x)[:, None] ** powers, "q"), "q", point="p")
    seen = f"of its mass of 1 it sees {1 - moments[0]:.6g}"
    arrays.must(abs(moments[0]) <= TOLERANCE, "q", "lie where the quadrature of `p` can see it", seen)
    return moments
