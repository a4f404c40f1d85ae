"""What natgrad says of the columns of a frame and three directions: each text that is shown, with its numbers."""

import numpy as np

import natgrad as ng


def shown(start, state, inputs, rows, message):
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
