"""What natgrad says of four balls and the best step on each: each text that is shown, with its numbers."""

import re

import numpy as np

import natgrad as ng

MATRICES = {
    "circle": lambda x, y: np.array([[x, y], [-y, x]]),
    "diamond": lambda x, y: np.array([[x, y], [y, x]]),
    "square": lambda x, y: np.array([[x, 0], [0, y]]),
}


def shown(start, state, inputs, rows, message):
    gradient, ball = np.array(inputs["gradient"]), state["ball"]
    norms = {"circle": ng.euclidean(2), "diamond": ng.PNorm(1), "square": ng.PNorm(np.inf)}
    norm = norms.get(ball) or ng.Dense(start["metric"])
    if not gradient.any():
        assert "g = 0" in message, message
        yield "".join(sum(rows.values(), [])), []
        return
    yield rows["gradient"][0], gradient / norm.norm(gradient)
    yield rows["gradient"][1], ng.directional_derivative(gradient, gradient, norm)
    step, slope = ng.steepest_direction(gradient, norm), norm.dual_norm(gradient)
    ends = np.reshape([float(x) for x in re.findall(r"-?\d+\.\d+", rows["best"][0])], (-1, 2))
    assert ("unique" in message) == (len(ends) == 2), message
    if len(ends) == 2:  # a side, of which natgrad gives the middle
        assert np.allclose(norm.norm(ends), 1), ends
        assert np.allclose(ends @ gradient, slope), ends
        assert np.allclose(ends.mean(axis=0), step), ends
        assert not np.allclose(*ends), ends
    else:
        yield rows["best"][0], step
    yield rows["best"][1], slope
    if matrix := MATRICES.get(ball):
        assert np.isclose(ng.Spectral().norm(matrix(*gradient)), norm.norm(gradient))
        spectral = ng.steepest_direction(matrix(*gradient), ng.Spectral())
        assert np.allclose(spectral, matrix(*step)), rows
        yield rows["spectral"][0], spectral
    yield message, [0, 0] if ball == "square" else []
