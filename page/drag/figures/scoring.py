"""What natgrad says of the walk of scoring: each text that is shown, with its numbers."""

import numpy as np

import natgrad as ng


def shown(start, state, inputs, rows, message):
    dose, beetles, killed = (np.array(start[name]) for name in ("dose", "beetles", "killed"))
    X = np.repeat(np.stack([np.ones(len(dose)), dose], axis=1), beetles, axis=0)  # one row for each beetle
    dead = np.concatenate([np.arange(n) < k for n, k in zip(beetles, killed, strict=True)])
    height = lambda beta: (dead * (X @ beta) - np.logaddexp(0, X @ beta)).sum()
    left = lambda beta: height(np.array(start["best"])) - height(beta)

    def scores_and_metric(beta):
        p = 1 / (1 + np.exp(-X @ beta))
        scores = (dead - p)[:, None] * X
        if state["matrix"] == "true":
            slopes = (p * (1 - p))[:, None] * X  # of the chance of dying
            return scores, ng.Dense(np.einsum("ik,iab,il->kl", slopes, ng.Bernoulli().fisher(p[:, None]), slopes))
        empirical = ng.EmpiricalFisher(2)
        empirical.add(scores)
        return scores, ng.Dense(len(X) * empirical.matrix())

    letters = lambda beta: np.array([beta[0] + 1.8 * beta[1], beta[1]])
    a, b = inputs["start"]
    path, away = [np.array([a - 1.8 * b, b])], False
    while len(path) <= 50 and left(path[-1]) > 1e-6:
        scores, metric = scores_and_metric(path[-1])
        after = path[-1] + ng.natural_gradient(scores.sum(axis=0), metric)
        if away := bool(np.any(np.abs(letters(after)) >= [8, 150])):
            break
        path.append(after)
    here = path[min(int(state["step"]), len(path) - 1)]
    yield rows["beta"][0], here
    yield rows["left"][0], left(here)
    _, metric = scores_and_metric(here)
    yield rows["errors"][0], [metric.dual_norm(axis) for axis in np.eye(2)]
    yield message, len(path) - (not away)
    assert ("millionth" in message) == (left(path[-1]) <= 1e-6), message
