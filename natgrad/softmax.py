"""Outcomes by their logits, without cancellation."""

import numpy as np

from . import arrays
from ._special import u_minus_log1p
from .discrete import Categorical, of_outcome
from .family import Family


class Softmax(Family):
    """The same outcomes in their natural coordinates, the logits: θᵢ = ln pᵢ/p₀ is that of x = i, 0 that of x = 0.

    No digit is lost where an outcome is nearly certain, of which `Categorical` no longer knows the probability.

    Examples
    --------
    >>> coin = Softmax(2)
    >>> coin.fisher([0]), coin.kl([36], [36.5]).round(18)
    (array([[0.25]]), np.float64(2.5e-17))
    """

    _discrete = True
    _letter = "logit"
    __init__, _observation = Categorical.__init__, Categorical._observation
    _chi2_is_finite = Categorical._chi2_is_finite

    def _unpack(self, theta, name):
        """The logits and the logarithms of the probabilities of all outcomes, one row each."""
        logits = np.concatenate([np.zeros_like(theta[:1]), theta])
        # With m the likeliest, ln pᵢ = (θᵢ − θₘ) − ln(1 + Σ exp(θⱼ − θₘ)) over j ≠ m.
        likeliest = logits.argmax(axis=0)[None]
        gaps = logits - np.take_along_axis(logits, likeliest, 0)
        odds = np.exp(gaps)
        np.put_along_axis(odds, likeliest, 0, 0)
        others = arrays.in_range(odds.sum(axis=0), name, source=lambda: True)
        return logits, gaps - np.log1p(others)

    def _log_prob(self, theta, x):
        return of_outcome(theta[1], x)

    @staticmethod
    def _others(theta):
        """p and 1 − p of all outcomes, the latter as sums of what comes before and after."""
        p = np.exp(theta[1])
        rest = np.zeros_like(p)
        rest[1:] = np.cumsum(p[:-1], axis=0)
        rest[:-1] += np.cumsum(p[:0:-1], axis=0)[::-1]
        return p, rest

    def _score(self, theta, x):
        p, rest = self._others(theta)
        return [np.where(x == i, rest[i], -p[i]) for i in range(1, self.k)]

    def _sample(self, theta, shape, rng):
        return Categorical._sample(self, np.exp(theta[1]), shape, rng)

    def _rules(self, theta):
        return Categorical._rules(self, np.exp(theta[1]))

    def _unit(self, theta):
        return np.ones_like(theta[0][1:])  # derivatives of ln p are bounded by one, however rare the outcome

    def _fisher(self, theta):
        p, rest = (v[1:] for v in self._others(theta))
        found, i = -p[:, None] * p, np.arange(self.dim)
        found[i, i] = p * rest
        return found

    def _kl(self, theta0, theta1, step):
        # KL = ln Σ p exp(d) for d = δ − Σ p δ, where δ is the change of logits counted from the likeliest outcome's, m.
        # Since Σ p d = 0 that is ln(1 + Σ p (eᵈ − 1 − d)), in which no term is negative.
        (start, logs), (end, _) = theta0, theta1
        p, likeliest = np.exp(logs), logs.argmax(axis=0)[None]
        of_m = lambda v: v - np.take_along_axis(v, likeliest, 0)
        change = np.concatenate([np.zeros_like(step[:1]), step])
        # (θ₁ᵢ − θ₀ᵢ) − (θ₁ₘ − θ₀ₘ) or (θ₁ᵢ − θ₁ₘ) − (θ₀ᵢ − θ₀ₘ), whichever takes the difference of smaller numbers.
        before, after, moved = of_m(start), of_m(end), of_m(change)
        size = np.abs(change) + np.abs(np.take_along_axis(change, likeliest, 0))
        moved = np.where(size <= np.abs(before) + np.abs(after), moved, after - before)
        d = moved - (p * moved).sum(axis=0)
        # eᵈ − 1 − d = h(eᵈ − 1), and far from zero as it stands: p eᵈ may be in range though eᵈ isn't.
        c = np.clip(d, -1, 1)
        terms = np.where(d < 1, p * u_minus_log1p(np.expm1(c), np.exp(c)), np.exp(logs + d) - p * (1 + d))
        found = np.log1p(np.where(d > -1, terms, p * (np.expm1(d) - d)).sum(axis=0))
        return np.where(np.isfinite(found), found, np.logaddexp.reduce(logs + d, axis=0))
