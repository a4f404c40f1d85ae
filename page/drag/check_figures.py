"""What natgrad says about the states in which check_figures.mjs found the figures: reads them from standard input.

Each shown number must be the right one, rounded to the digits shown. Prints one line per disagreement.
"""

import json
import re
import sys

import numpy as np
from scipy.optimize import brentq

import natgrad as ng

NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e-?\d+)?|inf)")
COIN, GAUSSIAN = ng.Bernoulli(), ng.Gaussian()


def numbers(text):
    return [float(found) for found in NUMBER.findall(text)]


def disagreements(text, exact):
    """Compare the numbers in a text with others, each within half a unit of its last digit."""
    shown, exact = NUMBER.findall(text), np.ravel(exact)
    if len(shown) != len(exact):
        return [f"{text!r} should hold {exact.tolist()}"]
    wrong = []
    for one, right in zip(shown, exact, strict=True):
        mantissa, _, power = one.partition("e")
        unit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
        if not abs(float(one) - right) <= 0.5 * unit * (1 + 1e-6):
            wrong.append(f"{one} in {text!r} should be {right:.8g}")
    return wrong


def p_norm_best(gradient, p):
    """The ends of the set of best steps, by trying directions all around."""
    angles = np.linspace(0, 2 * np.pi, 720_001)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ball = rays / np.linalg.norm(rays, p, axis=1, keepdims=True)
    heights = ball @ gradient
    best = ball[heights > heights.max() - 1e-9]
    ends = best[[np.lexsort(best.T)[0], np.lexsort(best.T)[-1]]]
    return ends if np.ptp(ends, axis=0).max() > 0.5 else best[[heights[heights > heights.max() - 1e-9].argmax()]]


def ball(start, state, inputs, rows, message):
    gradient, name = np.array(inputs["gradient"]), state["norm"]
    yield rows["gradient"][0], gradient
    metric = {"Σ": ng.from_frame(start["frame"]), "Euclid": ng.euclidean(2)}.get(name)
    try:
        ng.steepest_direction(gradient, metric or ng.euclidean(2))
    except ValueError:
        assert "∇f = 0" in message, message
        yield "".join(rows["best"] + rows["natural"]), []
        return
    if metric:
        best = ng.steepest_direction(gradient, metric)[None]
        slope, along = metric.dual_norm(gradient), ng.directional_derivative(gradient, gradient, metric)
        yield rows["natural"][0], ng.natural_gradient(gradient, metric)
        yield rows["natural"][1], slope
    else:
        p = {"1-norm": 1, "4-norm": 4, "max": np.inf}[name]
        best = p_norm_best(gradient, p)
        slope, along = best[0] @ gradient, gradient @ gradient / np.linalg.norm(gradient, p)
        yield "".join(rows["natural"]), []
    assert ("not unique" in message) == (len(best) > 1), (message, best)
    shown = np.reshape(numbers(rows["best"][0]), (-1, 2))
    order = np.lexsort(shown.T)  # a side has no first end
    pairs = re.findall(r"\(.*?\)", rows["best"][0])
    yield "".join(pairs[i] for i in order), best[np.lexsort(best.T)]
    yield rows["best"][1], slope
    yield rows["gradient"][1], along
    if len(best) == 1:
        yield message, 100 * along / slope


def frame(start, state, inputs, rows, message):
    matrix, gradient = np.transpose([inputs["first"], inputs["second"]]), np.array(inputs["gradient"])
    vectors = {"gradient": gradient, "direct": matrix @ gradient, "natural": matrix @ matrix.T @ gradient}
    for name, vector in vectors.items():
        yield rows[name][0], vector
    yield rows["covariance"][0], matrix @ matrix.T
    try:
        metric = ng.from_frame(matrix)
    except ValueError:
        assert "singular" in message, message
        yield "".join(rows["natural"][1:]), []
        return
    try:
        best = ng.steepest_direction(gradient, metric)
    except ValueError:
        assert "∇f = 0" in message, message
        yield "".join(rows["natural"][1:]), []
        return
    assert np.allclose(ng.natural_gradient(gradient, metric), vectors["natural"])
    for name, vector in vectors.items():
        slope = ng.directional_derivative(gradient, vector, metric)
        yield rows[name][1], slope
        yield rows[name][2], 100 * slope / (best @ gradient)
    units = [vectors[name] / np.linalg.norm(vectors[name]) for name in ("direct", "natural")]
    angle = np.degrees(2 * np.arcsin(np.linalg.norm(units[0] - units[1]) / 2))
    yield message, [] if angle < 0.05 else angle


def paper(start, state, inputs, rows, message):
    ruler, crooked = ng.euclidean(2), ng.from_frame(start["frame"])
    v, w = np.array(inputs["vector"]), np.array(inputs["coordinates"])
    drawn = np.matmul(start["frame"], w)
    yield rows["vector"][0], v
    yield rows["vector"][1], np.linalg.solve(start["frame"], v)
    yield rows["coordinates"][0], drawn
    yield rows["coordinates"][1], w
    for name, line in (("vector-length", v), ("coordinates-length", drawn)):
        yield rows[name][0], ruler.norm(line)
        yield rows[name][1], crooked.norm(line)
    if v.any() and w.any():
        yield message, ruler.norm([v, drawn]) / crooked.norm([v, drawn])


def coin(start, state, inputs, rows, message):
    a, b = inputs["theta0"], inputs["theta"]
    values = {
        "kl": COIN.kl(a, b),
        "chi2": ng.chi2_divergence(COIN, a, b) / 2,
        "quadratic": ng.kl_quadratic(ng.fisher_metric(COIN, a), a, b),
        "series": ng.kl_series(COIN, a, b, state["terms"])[-1],
    }
    assert abs(values["kl"] - ng.kl_divergence(COIN, a, b)) < 1e-12
    for name, value in values.items():
        yield rows[name][0], value
        yield rows[name][1], [] if name == "kl" else value - values["kl"]
    ratios = [b[0] / a[0], (1 - b[0]) / (1 - a[0])]
    assert ("Behind" in message) == (max(ratios) > 2 + 1e-9), (message, ratios)


def step(start, state, inputs, rows, message):
    point, gradient = np.array(start["point"], float), np.array(inputs["tau"])
    if not gradient.any():
        assert "∇f = 0" in message, message
        return
    to_tau = {"tau": lambda theta: theta, "sigma": lambda theta: np.array([theta[0], theta[1] ** -2.0])}
    here = {"tau": point, "sigma": np.array([point[0], point[1] ** -0.5])}
    ends = {"plain-end": [], "natural-end": []}
    for column, name in enumerate(to_tau):
        g, natural = in_letters(to_tau[name], here[name], gradient)
        yield rows["gradient"][column], g
        yield f"{inputs[name][0]:.2f} {inputs[name][1]:.2f}", g
        yield rows["natural"][column], natural
        for kind, way in zip(ends, (g, natural), strict=True):
            m, t = end_of_step(to_tau[name], here[name], way, state["price"])
            ends[kind].append([m, t])
            yield rows[kind][column], [m, t**-0.5]
    yield message, [GAUSSIAN.kl(*ends[kind]) for kind in ("natural-end", "plain-end")]


def in_letters(to_tau, here, gradient):
    """The gradient by the chain rule, and the natural gradient, whose metric must be the curvature of KL."""
    parts = [lambda theta, i=i: to_tau(theta)[i] for i in (0, 1)]
    jacobian = np.array([ng.numerical_gradient(part, here) for part in parts]).round(9)
    metric = ng.Dense(jacobian.T @ ng.fisher_metric(GAUSSIAN, to_tau(here)).as_matrix() @ jacobian)
    curvature = ng.numerical_hessian(lambda theta: GAUSSIAN.kl(to_tau(here), to_tau(theta)), here)
    assert np.allclose(metric.as_matrix(), curvature, rtol=1e-5, atol=1e-5), curvature
    return jacobian.T @ gradient, ng.natural_gradient(jacobian.T @ gradient, metric)


def end_of_step(to_tau, here, way, price):
    """Where a walk along `way` has cost the price in divergence."""
    excess = lambda h: GAUSSIAN.kl(to_tau(here), to_tau(here + h * way)) - price
    far = 1e-3
    while excess(far) < 0:
        far *= 1.05
    return to_tau(here + brentq(excess, 0, far, xtol=1e-14) * way)


FIGURES = {"natgrad-ball": ball, "natgrad-frame": frame, "natgrad-paper": paper, "natgrad-coin": coin}
FIGURES["natgrad-step"] = step

for found in json.load(sys.stdin):
    inputs = {name: numbers(text) for name, text in found["inputs"].items()}
    for name, wanted in found.get("expected", {}).items():
        if not np.allclose(inputs[name], wanted, rtol=0, atol=1e-9):
            print(f"{found['tag']}, {found['what']}: {name} is at {inputs[name]}, not at {wanted}")
    try:
        for text, exact in FIGURES[found["tag"]](
            found["start"], found["state"], inputs, found["rows"], found["message"]
        ):
            for wrong in disagreements(text, exact):
                print(f"{found['tag']}, {found['what']}: {wrong}")
    except AssertionError as error:
        print(f"{found['tag']}, {found['what']}: {error}")
