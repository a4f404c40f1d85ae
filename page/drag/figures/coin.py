"""What natgrad says of two coins and their divergence: each text that is shown, with its numbers."""

import numpy as np

import natgrad as ng

COIN = ng.Bernoulli()


def shown(start, state, inputs, rows, message):
    a, b = inputs["theta0"], inputs["theta"]
    values = {
        "kl": COIN.kl(a, b),
        "chi2": ng.chi2_divergence(COIN, a, b) / 2,
        "quadratic": ng.fisher_metric(COIN, a).squared_norm(np.subtract(b, a)) / 2,
        "series": ng.kl_series(COIN, a, b, state["terms"])[-1],
    }
    assert abs(values["kl"] - ng.kl_divergence(COIN, a, b)) < 1e-12
    for name, value in values.items():
        yield rows[name][0], value
        yield rows[name][1], [] if name == "kl" else value - values["kl"]
    ratios = [b[0] / a[0], (1 - b[0]) / (1 - a[0])]
    assert ("Behind" in message) == (max(ratios) > 2 + 1e-9), (message, ratios)
