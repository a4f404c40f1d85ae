"""Families of outcomes and counts. What can be done with a family is said in `Family`."""

import numpy as np

from . import arrays
from ._quadrature import COARSE_FALL, FALL
from ._special import exact_sum, log_gamma_excess, u_minus_log1p
from .family import Family, refuse


class Categorical(Family):
    """One of k ≥ 2 outcomes, x = 0, …, k − 1: θᵢ is the probability of x = i for i ≥ 1, and 1 − Σθ that of x = 0.

    Examples
    --------
    >>> Categorical(3).fisher([0.25, 0.25])
    array([[6., 2.],
           [2., 6.]])
    """

    _discrete = True

    def __init__(self, k: int):
        self.k = arrays.count(k, "k", 2)
        self.parameters = ("theta",) if k == 2 else tuple(f"theta_{i}" for i in range(1, k))
        self._block = max(16, (1 << 15) // k)

    def _unpack(self, theta, name):
        """The probabilities of all outcomes, one row each."""
        refuse(theta, (theta <= 0) | (theta >= 1), name, "lie strictly between 0 and 1")
        # Of a subnormal probability not even the score could be represented.
        smallest = np.finfo(theta.dtype).tiny
        refuse(theta, theta < smallest, name, f"be at least {smallest:.3g}")
        probabilities = np.concatenate([np.ones_like(theta[:1]), -theta])
        rest = exact_sum(probabilities)
        np.abs(probabilities, out=probabilities)[0] = rest
        if rest.min() <= 0:
            largest = theta.sum(axis=0).max()
            raise ValueError(f"`{name}` must sum to less than 1, but its largest sum is {largest:.17g}.")
        return probabilities

    def _observation(self, x):
        allowed = "0 or 1" if self.k == 2 else f"one of 0, …, {self.k - 1}"
        return refuse(x, (x < 0) | (x >= self.k) | (x != np.floor(x)), "x", f"be {allowed}")

    def _log_prob(self, theta, x):
        total = sum(theta[1:])
        logs = [np.where(total < 0.5, np.log1p(-total), np.log(theta[0])), *map(np.log, theta[1:])]
        return np.select([x == i for i in range(self.k)], logs)

    def _score(self, theta, x):
        rest = np.where(x == 0, -1 / theta[0], 0)
        return [np.where(x == i, 1 / theta[i], rest) for i in range(1, self.k)]

    def _sample(self, theta, shape, rng):
        # The outcomes 1, 2, … share the unit interval from its left end; what is left belongs to 0.
        u = rng.random(shape)
        return (1.0 + sum(u >= edge for edge in np.cumsum(theta[1:], axis=0))) % self.k

    def _rules(self, theta):
        return np.arange(float(self.k)), theta[None].astype(float)

    def _unit(self, theta):
        return theta[1:] * theta[0] / (theta[1:] + theta[0])

    def _fisher(self, theta):
        found = np.tile(1 / theta[0], (self.dim, self.dim, *[1] * (theta.ndim - 1)))
        i = np.arange(self.dim)
        found[i, i] += 1 / theta[1:]
        return found

    def _kl(self, theta0, theta1, step):
        # Σ p h((q − p)/p) with h(u) = u − ln(1 + u): the linear terms, which cancel in the sum, are never added up.
        change = np.concatenate([-exact_sum(step)[None], step])
        return (theta0 * u_minus_log1p(change / theta0, theta1 / theta0)).sum(axis=0)


def Bernoulli() -> Categorical:
    """The coin of Figure 4: x is 1 with probability θ and 0 otherwise, 0 < θ < 1; another name for `Categorical(2)`.

    Examples
    --------
    >>> Bernoulli().fisher([0.6]).round(6)
    array([[4.166667]])
    """
    return Categorical(2)


class Poisson(Family):
    """Counts x = 0, 1, 2, … with mean θ = (rate,), at most 1e9.

    Examples
    --------
    >>> Poisson().fisher([4])
    array([[0.25]])
    """

    parameters = ("rate",)
    _discrete = True
    _positive = {0: "rate"}
    # So that it is possible to sum over all counts.
    _most = 1e9

    def _observation(self, x):
        return refuse(x, (x < 0) | (x != np.floor(x)), "x", "be a count")

    def _log_prob(self, theta, x):
        # x ln λ − λ − ln x! = −x h(λ/x − 1) − ln x − G(x), in which no large terms cancel.
        (rate,) = theta
        log = -x * u_minus_log1p((rate - x) / x, rate / x) - np.log(x) - log_gamma_excess(x)
        return np.where(x == 0, -rate, log)

    def _score(self, theta, x):
        (rate,) = theta
        return [(x - rate) / rate]

    def _sample(self, theta, shape, rng):
        return rng.poisson(theta[0], shape).astype(np.float64)

    def _rules(self, theta):
        (rate,) = theta
        reach = 200.0 + 25.0 * np.sqrt(rate)  # the logarithm falls by more than 300 on the way (Bennett's inequality)
        x = np.arange(np.floor(max(0.0, rate - reach)), np.ceil(rate + reach) + 1)
        logs = self._log_prob(theta, x)
        x, logs = x[logs > -FALL], logs[logs > -FALL]
        return x, np.exp([np.where(logs > -COARSE_FALL, logs, -np.inf), logs])

    def _fisher(self, theta):
        return [[1 / theta[0]]]

    def _kl(self, theta0, theta1, step):
        (p,), (q,), (change,) = theta0, theta1, step
        return p * u_minus_log1p(change / p, q / p)

    def _chi2_is_finite(self, p, q):
        return True
