"""Families of outcomes and counts. What can be done with a family is said in `Family`."""

import numpy as np

from . import arrays
from ._special import exact_sum, log_factorial_excess, u_minus_log1p
from .family import Family

# How many counts it is possible to sum over, and the logarithms below which two rules don't look at them.
MOST_COUNTS, COARSE_FALL, FALL = 1e9, 150.0, 300.0


class _Outcomes(Family):
    # x = 0, …, k − 1, with the probabilities that `_probabilities` finds in θ as the hooks get it.

    _discrete = True
    _rules = lambda self, theta: [(np.arange(float(self.k)), self._probabilities(theta))]

    def __init__(self, k: int):
        self.k = arrays.count(k, "k", 2)
        self.parameters = (self._letter,) if k == 2 else tuple(f"{self._letter}_{i}" for i in range(1, k))

    def _observation(self, x):
        allowed = "0 or 1" if self.k == 2 else f"one of 0, …, {self.k - 1}"
        return arrays.outside(x, (x < 0) | (x >= self.k) | (x != np.floor(x)), "x", f"be {allowed}")

    def _sample(self, theta, shape, rng):
        # The outcomes 1, 2, … share the unit interval from its left end; what is left belongs to 0.
        u, edges = rng.random(shape), np.cumsum(self._probabilities(theta)[1:], axis=0)
        return np.append(np.arange(1.0, self.k), 0.0)[sum(u >= edge for edge in edges)]

    def _picked(self, values, x):
        # Of values for all outcomes, one row each, those for x.
        index = np.broadcast_to(x.astype(int), np.broadcast_shapes(values.shape[1:], x.shape))
        values = values.reshape(self.k, *[1] * (index.ndim + 1 - values.ndim), *values.shape[1:])
        return np.take_along_axis(values, index[None], 0)[0]


class Categorical(_Outcomes):
    """One of k ≥ 2 outcomes, x = 0, …, k − 1: θᵢ is the probability of x = i for i ≥ 1, and 1 − Σθ that of x = 0.

    >>> Categorical(3).fisher([0.25, 0.25])
    array([[6., 2.],
           [2., 6.]])
    """

    _letter, _probabilities = "theta", lambda self, theta: theta

    def _unpack(self, theta, name):
        """The probabilities of all outcomes, one row each."""
        arrays.outside(theta, (theta <= 0) | (theta >= 1), name, "lie strictly between 0 and 1")
        rest = exact_sum(np.concatenate([np.ones_like(theta[:1]), -theta]))
        sums = f"its largest sum is {theta.sum(axis=0).max():.17g}"
        arrays.must(rest.min() > 0, name, "sum to less than 1", sums)
        return np.concatenate([rest[None], theta])

    def _log_prob(self, theta, x):
        logs, others = np.log(theta), theta[1:].sum(axis=0)
        logs[0] = np.where(others < 0.5, np.log1p(-others), logs[0])  # so that outcome 0 may be nearly certain
        return self._picked(logs, x)

    def _score(self, theta, x):
        rest = np.where(x == 0, -1 / theta[0], 0)
        return [np.where(x == i, 1 / theta[i], rest) for i in range(1, self.k)]

    def _fisher(self, theta):
        found, i = np.tile(1 / theta[0], (self.dim, self.dim, *[1] * (theta.ndim - 1))), np.arange(self.dim)
        found[i, i] += 1 / theta[1:]
        return found

    def _kl(self, theta0, theta1, step):
        # Σ p h((q − p)/p) with h(u) = u − ln(1 + u): the linear terms, which cancel in the sum, are never added up.
        change = np.concatenate([-exact_sum(step)[None], step])
        return (theta0 * u_minus_log1p(change / theta0, theta1 / theta0)).sum(axis=0)


class Softmax(_Outcomes):
    """The outcomes of `Categorical` by their logits, θᵢ = ln pᵢ/p₀ for x = i ≥ 1, also where one is nearly certain.

    >>> coin = Softmax(2)
    >>> coin.fisher([0]), coin.kl([36], [36.5]).round(18)
    (array([[0.25]]), np.float64(2.5e-17))
    """

    _letter, _probabilities = "logit", lambda self, theta: theta[2]
    _log_prob = lambda self, theta, x: self._picked(theta[1], x)
    _rest = lambda self, p: np.tensordot(1 - np.eye(self.k), p, 1)  # 1 − p of all outcomes, as sums of the others

    def _unpack(self, theta, name):
        """The logits, the logarithms of the probabilities of all outcomes, and these, one row each."""
        logits = np.concatenate([np.zeros_like(theta[:1]), theta])
        # With m the likeliest, ln pᵢ = (θᵢ − θₘ) − ln(1 + Σ exp(θⱼ − θₘ)) over j ≠ m, all but the largest.
        gaps = logits - logits.max(axis=0)
        others = arrays.in_range(np.sort(np.exp(gaps), axis=0)[:-1].sum(axis=0), name, source=lambda: True)
        logs = gaps - np.log1p(others)
        return logits, logs, np.exp(logs)

    def _score(self, theta, x):
        p, rest = theta[2], self._rest(theta[2])
        return [np.where(x == i, rest[i], -p[i]) for i in range(1, self.k)]

    def _fisher(self, theta):
        p, i = theta[2][1:], np.arange(self.dim)
        found = -p[:, None] * p
        found[i, i] = p * self._rest(theta[2])[1:]
        return found

    def _kl(self, theta0, theta1, step):
        # KL = ln Σ p exp(d) for d = δ − Σ p δ, where δ is the change of logits counted from the likeliest outcome's.
        # Since Σ p d = 0 that is ln(1 + Σ p (eᵈ − 1 − d)), in which no term is negative: eᵈ − 1 − d = h(eᵈ − 1).
        logits, _, p = theta0
        change = np.concatenate([np.zeros_like(step[:1]), step])
        change -= np.take_along_axis(change, logits.argmax(axis=0)[None], 0)
        d = change - (p * change).sum(axis=0)
        return np.log1p((p * u_minus_log1p(np.expm1(d), np.exp(d))).sum(axis=0))


def Bernoulli() -> Categorical:
    """The coin of Figure 4: x is 1 with probability θ and 0 otherwise, 0 < θ < 1; another name for `Categorical(2)`.

    >>> Bernoulli().fisher([0.6]).round(6)
    array([[4.166667]])
    """
    return Categorical(2)


class Poisson(Family):
    """Counts x = 0, 1, 2, … with mean θ = (rate,), at most 1e9.

    >>> Poisson().fisher([4])
    array([[0.25]])
    """

    parameters, _positive, _discrete = ("rate",), {0: "rate"}, True
    _score = lambda self, theta, x: [(x - theta[0]) / theta[0]]
    _sample = lambda self, theta, shape, rng: rng.poisson(theta[0], shape).astype(np.float64)
    _fisher = lambda self, theta: [[1 / theta[0]]]
    _observation = lambda self, x: arrays.outside(x, (x < 0) | (x != np.floor(x)), "x", "be a count")

    def _unpack(self, theta, name):
        arrays.outside(theta, theta > MOST_COUNTS, name, f"have a rate of at most {MOST_COUNTS:.0e}")
        return super()._unpack(theta, name)

    def _log_prob(self, theta, x):
        # x ln λ − λ − ln x! = −x h(λ/x − 1) − (ln x! − x ln x + x), in which no large terms cancel.
        (rate,) = theta
        log = -x * u_minus_log1p((rate - x) / x, rate / x) - log_factorial_excess(x)
        return np.where(x == 0, -rate, log)

    def _rules(self, theta):
        (rate,) = theta
        reach = 200.0 + 25.0 * np.sqrt(rate)  # the logarithm falls by more than 300 on the way (Bennett's inequality)
        x = np.arange(np.floor(max(0.0, rate - reach)), np.ceil(rate + reach) + 1)
        logs = self._log_prob(theta, x)
        return [(x[logs > -fall], np.exp(logs[logs > -fall])) for fall in (COARSE_FALL, FALL)]

    def _kl(self, theta0, theta1, step):
        (p,), (q,), (change,) = theta0, theta1, step
        return p * u_minus_log1p(change / p, q / p)
