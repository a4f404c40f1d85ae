"""What the tests know of each family: how it is made, its exact form, and what is outside of it."""

import math

import mpmath as mp
import numpy as np

import natgrad as ng

# Only what can't be made without arguments.
EXAMPLES = {
    "Categorical": [ng.Categorical(2), ng.Categorical(4)],
    "Softmax": [ng.Softmax(2), ng.Softmax(4)],
    "MultivariateGaussian": [ng.MultivariateGaussian(1), ng.MultivariateGaussian(2)],
}

M = mp.mpf


def sizes(rng, n=None, low=-6, high=6):
    return 10 ** rng.uniform(low, high, n)


def signs(rng, n=None):
    return rng.choice([-1, 1], n)


def mean_hessian(family, theta):
    """F = −E[H]: the mean Hessian of ln p is the Hessian of the mean, over x ~ p_θ wherever ln p is taken."""
    theta = np.asarray(theta, dtype=float)
    width = 1 / np.sqrt(np.diag(family.fisher(theta)))
    unit = width / 8  # about as small as the part of a rare outcome
    mean = lambda t: family.expect(theta, lambda x: family.log_prob(t, x))
    return -ng.numerical_hessian(mean, theta, unit)


def distance(rng, n=None):
    return signs(rng, n) * 10 ** rng.uniform(-9, 1, n)


class Outcomes:
    """Probabilities are what `probabilities` makes of θ; ∂pᵢ/∂θⱼ is known."""

    def __init__(self, k):
        self.k, self.family = k, ng.Categorical(k)

    def draw(self, rng):
        p = np.exp(rng.uniform(math.log(1e-6), 0, self.k))
        q = p * np.exp(distance(rng) * rng.uniform(-1, 1, self.k))
        p, q = ((v / v.sum())[1:] for v in (p, q))
        usable = min(*self.probabilities(p), *self.probabilities(q)) > 1e-6
        return (p, q) if usable else self.draw(rng)

    def observe(self, rng, theta):
        return rng.integers(self.k)

    def probabilities(self, theta):
        return [1 - mp.fsum(map(M, theta)), *map(M, theta)]

    def log_prob(self, theta, x):
        return mp.log(self.probabilities(theta)[x])

    def score(self, theta, x):
        p = self.probabilities(theta)
        return [-1 / p[0] if x == 0 else (1 / p[i] if x == i else 0) for i in range(1, self.k)]

    def fisher(self, theta):
        p = self.probabilities(theta)
        return [[1 / p[0] + (1 / p[i] if i == j else 0) for j in range(1, self.k)] for i in range(1, self.k)]

    def kl(self, p, q):
        return mp.fsum(a * mp.log(a / b) for a, b in zip(self.probabilities(p), self.probabilities(q), strict=True))


class Logits(Outcomes):
    def __init__(self, k):
        self.k, self.family = k, ng.Softmax(k)

    def draw(self, rng):
        theta = sizes(rng, self.k - 1, -6, 1.5) * signs(rng, self.k - 1)
        return theta, theta + distance(rng) * rng.uniform(-1, 1, self.k - 1)

    def probabilities(self, theta):
        odds = [M(1), *(mp.exp(M(t)) for t in theta)]
        return [v / mp.fsum(odds) for v in odds]

    def score(self, theta, x):
        p = self.probabilities(theta)
        return [(x == i) - p[i] for i in range(1, self.k)]

    def fisher(self, theta):
        p = self.probabilities(theta)
        return [[(p[i] if i == j else 0) - p[i] * p[j] for j in range(1, self.k)] for i in range(1, self.k)]


class Counts:
    family = ng.Poisson()

    def draw(self, rng):
        theta = sizes(rng, 1)
        return theta, np.minimum(theta * np.exp(distance(rng)), 9e8)

    def observe(self, rng, theta):
        return float(rng.poisson(theta[0]))

    def log_prob(self, theta, x):
        return M(x) * mp.log(M(theta[0])) - M(theta[0]) - mp.loggamma(M(x) + 1)

    def score(self, theta, x):
        return [(M(x) - M(theta[0])) / M(theta[0])]

    def fisher(self, theta):
        return [[1 / M(theta[0])]]

    def kl(self, p, q):
        (p,), (q,) = map(M, p), map(M, q)
        return p * mp.log(p / q) - p + q


class Bell:
    """θ to (μ, τ), and the derivatives of that."""

    def __init__(self, chart=None, to_theta=lambda a, b: (a, b), draw=None):
        self.family = ng.reparametrize(ng.Gaussian(), chart) if chart else ng.Gaussian()
        self.to_theta, self.draw = to_theta, draw or self.near_and_far

    @staticmethod
    def near_and_far(rng, power=-0.5):
        mu, scale = signs(rng) * sizes(rng), sizes(rng)
        step, turn = distance(rng, 2) * rng.uniform(0, 1, 2)
        return np.array([mu, scale]), np.array([mu + step * scale**power, scale * np.exp(turn)])

    def observe(self, rng, theta):
        mu, tau = self.to_theta(*map(M, theta))
        return float(mu + rng.standard_normal() / mp.sqrt(tau))

    def jacobian(self, theta):
        jacobian = mp.zeros(2)
        for j in range(2):
            moved = lambda s, j=j: self.to_theta(*(s if i == j else M(t) for i, t in enumerate(theta)))
            for i in range(2):
                slope = mp.diff(
                    lambda s, i=i, moved=moved: moved(s)[i], M(theta[j]), h=mp.mpf("1e-20") * abs(M(theta[j]))
                )
                jacobian[i, j] = slope
        return jacobian

    def log_prob(self, theta, x):
        mu, tau = self.to_theta(*map(M, theta))
        return (mp.log(tau / (2 * mp.pi)) - tau * (M(x) - mu) ** 2) / 2

    def score(self, theta, x):
        mu, tau = self.to_theta(*map(M, theta))
        return self.jacobian(theta).T * mp.matrix([tau * (M(x) - mu), (1 / tau - (M(x) - mu) ** 2) / 2])

    def fisher(self, theta):
        _, tau = self.to_theta(*map(M, theta))
        jacobian = self.jacobian(theta)
        return (jacobian.T * mp.diag([tau, 1 / (2 * tau**2)]) * jacobian).tolist()

    def kl(self, p, q):
        (mu0, tau0), (mu1, tau1) = (self.to_theta(*map(M, t)) for t in (p, q))
        return (tau1 / tau0 - 1 - mp.log(tau1 / tau0) + tau1 * (mu1 - mu0) ** 2) / 2


class Vectors:
    def __init__(self, n):
        self.n, self.family, self.rows = n, ng.MultivariateGaussian(n), np.tril_indices(n)

    def draw(self, rng):
        units = sizes(rng, self.n, -3, 3)
        gram = lambda: (lambda a: a @ a.T)(units[:, None] * rng.standard_normal((self.n, 3 * self.n)) / self.n**0.5)
        first, mu = gram(), signs(rng) * sizes(rng, self.n, -3, 3)
        second = first + abs(distance(rng)) * gram()
        return [
            np.concatenate([m, (p + p.T)[self.rows] / 2])
            for m, p in ((mu, first), (mu + distance(rng, self.n) / units, second))
        ]

    def unpack(self, theta):
        matrix = mp.zeros(self.n)
        for i, j, v in zip(*(r.tolist() for r in self.rows), theta[self.n :], strict=True):
            matrix[i, j] = matrix[j, i] = M(float(v))
        return mp.matrix([M(float(v)) for v in theta[: self.n]]), matrix

    def observe(self, rng, theta):
        precision = np.array(self.unpack(theta)[1].tolist(), float)
        return theta[: self.n] + np.linalg.solve(np.linalg.cholesky(precision).T, rng.standard_normal(self.n))

    def pairs(self):
        pairs = list(zip(*(r.tolist() for r in self.rows), strict=True))
        return [(M(1) / 2 if i == j else M(1), i, j) for i, j in pairs]

    def log_prob(self, theta, x):
        mu, precision = self.unpack(theta)
        gap = mp.matrix([M(float(v)) for v in x]) - mu
        return (mp.log(mp.det(precision)) - self.n * mp.log(2 * mp.pi) - (gap.T * precision * gap)[0]) / 2

    def score(self, theta, x):
        mu, precision = self.unpack(theta)
        gap, cov = mp.matrix([M(float(v)) for v in x]) - mu, precision**-1
        return [*(precision * gap), *(c * (cov[i, j] - gap[i] * gap[j]) for c, i, j in self.pairs())]

    def fisher(self, theta):
        _, precision = self.unpack(theta)
        cov, n, found = precision**-1, self.n, mp.zeros(self.family.dim)
        found[:n, :n] = precision
        for a, (c, i, j) in enumerate(self.pairs()):
            for b, (d, k, m) in enumerate(self.pairs()):
                found[n + a, n + b] = c * d * (cov[i, k] * cov[j, m] + cov[i, m] * cov[j, k])
        return found.tolist()

    def kl(self, p, q):
        (mu0, p0), (mu1, p1) = self.unpack(p), self.unpack(q)
        ratio, gap = p1 * p0**-1, mu1 - mu0
        return (mp.fsum(ratio[i, i] - 1 for i in range(self.n)) - mp.log(mp.det(ratio)) + (gap.T * p1 * gap)[0]) / 2


def of_logarithm(rng):
    mu, log = signs(rng) * sizes(rng), rng.uniform(-7, 7)
    step, turn = distance(rng, 2)
    return np.array([mu, log]), np.array([mu + step * np.exp(log), log + turn])


def of_natural(rng):
    # Of a mean at most as far from zero as a thousand widths, of whose digits its two coordinates make three fewer.
    tau = sizes(rng)
    mu = signs(rng) * sizes(rng, None, -6, 3) / np.sqrt(tau)
    turn, more = distance(rng, 2)
    return np.array([mu * tau, -tau / 2]), np.array([mu * tau + turn * np.sqrt(tau), -tau / 2 * np.exp(more)])


EXACT_FORMS = {
    "Categorical": [Outcomes(2), Outcomes(5)],
    "Softmax": [Logits(2), Logits(5)],
    "Poisson": [Counts()],
    "Gaussian": [Bell()],
    "MultivariateGaussian": [Vectors(1), Vectors(2), Vectors(4)],
    "gaussian_mean_scale": [
        Bell(ng.gaussian_mean_scale, lambda m, s: (m, s**-2), lambda rng: Bell.near_and_far(rng, power=1))
    ],
    "gaussian_mean_log_scale": [Bell(ng.gaussian_mean_log_scale, lambda m, s: (m, mp.exp(-2 * s)), of_logarithm)],
    "gaussian_natural": [Bell(ng.gaussian_natural, lambda a, b: (-a / (2 * b), -2 * b), of_natural)],
}

THETA, PAIR = np.array([0.5, 2.0]), np.array([1.0, 2.0])
# What is outside of each family, as functions of good parameters, and impossible observations.
SIMPLEX = {
    "zero": lambda good: 0 * good,
    "one": lambda good: 0 * good + 1,
    "negative": lambda good: -good,
    "above one": lambda good: 1 + good,
    "too small": lambda good: 1e-110 * good,
}
POSITIVE = {
    "zero": lambda good: 0 * good,
    "negative": lambda good: -good,
    "too small": lambda good: 1e-110 * good,
    "too large": lambda good: 1e110 * good,
}
LAST = {name: lambda good, change=change: np.append(good[:-1], change(good[-1:])) for name, change in POSITIVE.items()}
NOT_WHOLE = {"a half": lambda good: good + 0.5, "negative": lambda good: 0 * good - 1}
MEMBERS = {
    "Bernoulli": (
        ng.Bernoulli(),
        np.array([0.6]),
        SIMPLEX,
        np.array([0.0, 1.0]),
        NOT_WHOLE | {"two": lambda good: good + 2},
    ),
    "Categorical": (
        ng.Categorical(3),
        np.array([0.2, 0.3]),
        SIMPLEX | {"sums to one": lambda good: good / good.sum(), "sums to more": lambda good: 0 * good + 0.9},
        PAIR,
        NOT_WHOLE | {"three": lambda good: 0 * good + 3},
    ),
    "Softmax": (
        ng.Softmax(3),
        np.array([0.2, -0.3]),
        {"too large": lambda good: 1e110 * good, "one is certain": lambda good: good * [1, -1e4] + [0, 2e3]},
        PAIR,
        NOT_WHOLE | {"three": lambda good: 0 * good + 3},
    ),
    "Poisson": (
        ng.Poisson(),
        np.array([2.5]),
        POSITIVE | {"too many": lambda good: 1e9 + good},
        PAIR,
        NOT_WHOLE,
    ),
    "Gaussian": (
        ng.Gaussian(),
        THETA,
        LAST,
        PAIR,
        {"far out": lambda good: 1e300 * good},
    ),
    "MultivariateGaussian": (
        ng.MultivariateGaussian(2),
        np.array([0.5, 1.0, 2.0, 0.3, 1.0]),
        LAST
        | {
            "indefinite": lambda good: good * [1, 1, 1, 50, 1],
            "singular": lambda good: np.array([0, 0, 1.0, 1.0, 1.0]),
            "singular up to rounding": lambda good: np.array([0, 0, 1, 1, 1 + 1e-14]),
        },
        PAIR,
        {"a number": lambda good: 1.0, "too long": lambda good: np.ones(3)},
    ),
    "(mu, sigma)": (
        ng.reparametrize(ng.Gaussian(), ng.gaussian_mean_scale),
        THETA,
        LAST | {"squares too small": lambda good: good * [1, 1e-60]},
        PAIR,
        {},
    ),
    "(mu, log sigma)": (
        ng.reparametrize(ng.Gaussian(), ng.gaussian_mean_log_scale),
        THETA,
        {"too large": lambda good: 400 * good, "too small": lambda good: -400 * good},
        PAIR,
        {},
    ),
}
