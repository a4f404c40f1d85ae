"""What natgrad says of one step in two parametrisations: each text that is shown, with its numbers."""

import numpy as np
from scipy.optimize import brentq

import natgrad as ng

GAUSSIAN = ng.Gaussian()


def shown(start, state, inputs, rows, message):
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
