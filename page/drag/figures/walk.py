"""What natgrad says of two walks to the best fit: each text that is shown, with its numbers."""

from functools import cache

import numpy as np

import natgrad as ng

GAUSSIAN = ng.Gaussian()
FAMILIES = {
    "tau": GAUSSIAN,
    "sigma": ng.reparametrize(GAUSSIAN, ng.gaussian_mean_scale),
    "log": ng.reparametrize(GAUSSIAN, ng.gaussian_mean_log_scale),
}
TO_TAU = {"tau": lambda y: y, "sigma": lambda y: y**-2, "log": lambda y: np.exp(-2 * y)}


def shown(start, state, inputs, rows, message):
    mean, variance = start["data"]
    data = mean + np.sqrt(variance) * np.array([-1, 1])  # any data of this mean and variance
    begin, best = np.array(inputs["start"]), [mean, 1 / variance]
    gaussian = lambda theta: np.array([theta[0], TO_TAU[state["letters"]](theta[1])])
    named = lambda theta: [theta[0], gaussian(theta)[1] ** -0.5]
    left = lambda theta: nats(tuple(best), tuple(gaussian(theta)))
    yield rows["start"][0], named(begin)
    yield rows["start"][1], left(begin)
    fates = {}
    for way in ("plain", "natural"):
        points, gone = walk(state["letters"], begin, data, way == "natural", state[way])
        last = next((k for k in reversed(range(len(points))) if left(points[k]) > 1e-6), -1)
        # Few nats must be left for good. Whether a walk is gone later than that, roundings decide.
        early, arrived = gone and len(points) <= 40, not gone and last != 500
        steps = fates[way] = len(points) if early else last + 1 if arrived else 500
        yield rows[way][2], steps
        if len(points) > 1:
            yield rows[way][0], named(points[1])
            yield rows[way][1], left(points[1])
        else:
            yield "".join(rows[way][:2]), []
        assert rows[way][2].isdigit() == arrived, rows[way]
        assert rows[way][2].startswith("gone") == early, rows[way]
    yield message, [fates["natural"], fates["plain"]]


def walk(letters, theta, data, natural, eta):
    """The points of a walk of 500 steps, and whether it is cut short by what is no Gaussian, or one far away."""
    points = [theta]
    for _ in range(500):
        mu, y = points[-1] + eta * direction(letters, tuple(points[-1]), tuple(data), natural)
        if (letters != "log" and y <= 0) or abs(mu) > 1e6 or abs(np.log(TO_TAU[letters](y))) > 30:
            return points, True
        points.append(np.array([mu, y]))
    return points, False


# Who has arrived stays in the same few places.
@cache
def direction(letters, theta, data, natural):
    family = FAMILIES[letters]
    up = family.score(np.array(theta), np.array(data)).mean(axis=0)
    return ng.natural_gradient(up, ng.fisher_metric(family, np.array(theta))) if natural else up


@cache
def nats(best, gaussian):
    return GAUSSIAN.kl(best, gaussian)
