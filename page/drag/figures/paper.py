"""What natgrad says of lines on paper and in a frame: each text that is shown, with its numbers."""

import numpy as np

import natgrad as ng


def shown(start, state, inputs, rows, message):
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
