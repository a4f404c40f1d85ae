"""What natgrad says of an arm that reaches for a point: each text that is shown, with its numbers."""

import functools

import numpy as np

import natgrad as ng

JOINT = ng.reparametrize(ng.Gaussian(), ng.gaussian_mean_log_scale)
BOTH = ng.MultivariateGaussian(2)  # for expectations over the angles


def shown(start, state, inputs, rows, message):
    target, now = np.array(inputs["target"]), round(state["nats"] / 0.03)
    near = []
    for way in ("natural", "plain"):
        policies, squares = walk(*target, *start["start"], start["spread"], way == "natural")
        joints = policies[min(now, len(policies) - 1)]
        yield rows[way][0], joints[:, 0]
        yield rows[way][1], np.exp(joints[:, 1])
        yield rows[way][2], squares[min(now, len(squares) - 1)]
        first, lost = np.flatnonzero(squares < 0.01), len(squares) < 81
        near.append(0.03 * (first[0] if len(first) else min(len(squares), 80)))
        fate = f"{way} after" if len(first) else f"{way} too wide" if lost else f"{way} not within"
        assert fate in message, message
    yield message, [0.01, *near]


@functools.cache
def walk(x, y, mu, nu, spread, natural):
    """The policies after each of 80 steps of 0.03 nats, a row (μ, ln σ) for each joint, and their squared
    distances; no more once one is as wide as half a turn.
    """
    joints = np.array([[mu, np.log(spread)], [nu, np.log(spread)]])
    policies, squares = [], []
    while len(policies) <= 80 and joints[:, 1].max() < np.log(np.pi):

        def values(angles, joints=joints):  # the squared distance, and what it adds to E[R S]
            turned = np.cumsum(angles, axis=-1)
            hand = np.stack([np.cos(turned).sum(axis=-1), np.sin(turned).sum(axis=-1)], axis=-1)
            square = ((hand - [x, y]) ** 2).sum(axis=-1)
            scores = [JOINT.score(joint, angles[..., i]) for i, joint in enumerate(joints)]
            return np.concatenate([[square], -square * np.concatenate(scores, axis=-1).T]).T

        (mu, nu), (p, q) = joints[:, 0], np.exp(-2 * joints[:, 1])
        square, *gradient = BOTH.expect([mu, nu, p, 0, q], values)
        policies.append(joints)
        squares.append(square)
        metric = ng.Dense(
            sum(np.kron(np.diag(of), JOINT.fisher(one)) for of, one in zip(np.eye(2), joints, strict=True))
        )
        step = ng.steepest_direction(gradient, metric) if natural else gradient / metric.norm(gradient)
        joints = joints + np.sqrt(2 * 0.03) * step.reshape(2, 2)
    return policies, np.array(squares)
