"""What natgrad says of the unit ball and the best step: each text that is shown, with its numbers."""

import re

import numpy as np

import natgrad as ng


def shown(start, state, inputs, rows, message):
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
    shown = np.reshape([float(x) for x in re.findall(r"-?\d+\.\d+", rows["best"][0])], (-1, 2))
    order = np.lexsort(shown.T)  # a side has no first end
    pairs = re.findall(r"\(.*?\)", rows["best"][0])
    yield "".join(pairs[i] for i in order), best[np.lexsort(best.T)]
    yield rows["best"][1], slope
    yield rows["gradient"][1], along
    if len(best) == 1:
        yield message, 100 * along / slope


def p_norm_best(gradient, p):
    """The ends of the set of best steps, by trying directions all around."""
    angles = np.linspace(0, 2 * np.pi, 720_001)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ball = rays / np.linalg.norm(rays, p, axis=1, keepdims=True)
    heights = ball @ gradient
    best = ball[heights > heights.max() - 1e-9]
    ends = best[[np.lexsort(best.T)[0], np.lexsort(best.T)[-1]]]
    return ends if np.ptp(ends, axis=0).max() > 0.5 else best[[heights[heights > heights.max() - 1e-9].argmax()]]
