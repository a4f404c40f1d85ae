"""What every family promises, held against its own definitions. Families are found: nobody lists them.

A closed form is right if it agrees with the routes that don't see it: F with E[SSᵀ], with −E[H] and with draws, KL with
its expectation, the score with differences of ln p. The digits, against other libraries, are in test_family_digits.
"""

import inspect
import pickle

import numpy as np
import pytest
from families import EXAMPLES, mean_hessian
from tolerances import DIFFERENCES, EXACT, MONTE_CARLO, ORDER, QUADRATURE, assert_close

import natgrad as ng


def examples():
    """Every public family, and the Gaussian in every public chart."""
    public = {name: getattr(ng, name) for name in ng.__all__}
    for name, value in public.items():
        if inspect.isclass(value) and issubclass(value, ng.Family) and not inspect.isabstract(value):
            yield from EXAMPLES.get(name) or [value()]
        elif not callable(value):  # a chart
            yield ng.reparametrize(ng.Gaussian(), value)


def points(family, count=2):
    """Parameters that the family accepts, by trial and error."""
    rng, found = np.random.default_rng(0), []
    for trial in range(300):
        scale, low = (1 / (family.dim + 1), 1.0, 2.0)[trial % 3], (0, -1)[trial % 2]
        theta = scale * rng.uniform(low, 1, family.dim)
        try:
            family.fisher(theta)
        except ValueError:
            continue
        found.append(theta)
        if len(found) == count:
            return found
    raise AssertionError(f"no parameters of {family!r} were found")


FAMILIES = list(examples())
AT = [(family, theta) for family in FAMILIES for theta in points(family)]
every_family = pytest.mark.parametrize("family", FAMILIES, ids=repr)
everywhere = pytest.mark.parametrize(("family", "theta"), AT, ids=[f"{f!r} {t.round(2)}" for f, t in AT])


def root(fisher):
    """√Fᵢᵢ: one over the length over which densities change."""
    return np.sqrt(np.diag(fisher))


def nearby(family, theta, distance, seed=0):
    direction = np.random.default_rng(seed).standard_normal(theta.size)
    length = np.minimum(1 / root(family.fisher(theta)), np.abs(theta) / 4)
    return theta + distance * length * direction / np.abs(direction).max()


def draws(family, theta, size, seed=0):
    return family.sample(theta, size, np.random.default_rng(seed))


@every_family
def test_it_says_what_it_is(family):
    assert family.dim == len(family.parameters) == len(set(family.parameters))
    assert family.parameters[0] in repr(family)
    assert len(repr(family)) < 80


@everywhere
def test_the_score_is_the_slope_of_the_log_density(family, theta):
    x = draws(family, theta, 7)
    unit = np.minimum(1 / root(family.fisher(theta)), np.abs(theta))
    slope = ng.numerical_gradient(lambda t: family.log_prob(t, x), theta, unit)
    assert_close(family.score(theta, x) * unit, slope * unit, DIFFERENCES, 1 + np.abs(slope * unit).max())


@everywhere
def test_the_mean_score_is_zero(family, theta):
    mean = family.expect(theta, lambda x: family.score(theta, x))
    assert_close(mean / root(family.fisher(theta)), np.zeros(family.dim), QUADRATURE)


@everywhere
def test_fisher_is_the_mean_square_of_the_score_and_minus_the_mean_hessian(family, theta):
    fisher = family.fisher(theta)
    scale = np.outer(root(fisher), root(fisher))
    assert (fisher == fisher.T).all()
    assert (np.linalg.eigvalsh(fisher / scale) > 0).all()
    assert_close(ng.fisher_information(family, theta), fisher, QUADRATURE, scale)
    assert_close(mean_hessian(family, theta), fisher, DIFFERENCES, scale)


@everywhere
def test_fisher_and_the_mean_score_of_draws(family, theta):
    value, error = ng.fisher_monte_carlo(family, theta, 40_000, np.random.default_rng(1))
    assert (np.abs(value - family.fisher(theta)) <= MONTE_CARLO * error + EXACT * np.abs(value)).all()
    scores = family.score(theta, draws(family, theta, 40_000))
    assert (np.abs(scores.mean(axis=0)) <= MONTE_CARLO * root(family.fisher(theta)) / 200).all()


@everywhere
def test_moments_of_draws_are_expectations(family, theta):
    x, center = draws(family, theta, 40_000), family.expect(theta, lambda x: x)
    width = np.sqrt(family.expect(theta, lambda x: (x - center) ** 2))
    for g in np.sin, np.square:
        f = lambda x, g=g: g((x - center) / width)
        mean = family.expect(theta, f)
        assert (np.abs(f(x).mean(axis=0) - mean) <= MONTE_CARLO * f(x).std(axis=0) / 200).all()


@everywhere
def test_kl_is_the_mean_log_ratio(family, theta):
    for distance in 0.03, 0.5:
        other = nearby(family, theta, distance)
        closed = family.kl(theta, other)
        assert closed > 0
        assert_close(ng.kl_divergence(family, theta, other), closed, QUADRATURE, max(closed, 1))
    assert family.kl(theta, theta) == 0
    other = nearby(family, theta, 0.03)
    first, second = ng.kl_series(family, theta, other, 2)
    assert abs(first) < QUADRATURE
    assert_close(2 * second, ng.chi2_divergence(family, theta, other), QUADRATURE, 1.0)


@everywhere
def test_chi2_far_away_is_a_mean_or_refused_or_really_infinite(family, theta):
    for distance in -2.5, 2.5:
        far = nearby(family, theta, distance)
        ratio_less_one = lambda x, far=far: np.expm1(family.log_prob(far, x) - family.log_prob(theta, x))
        try:
            mean = family.expect(theta, lambda x, f=ratio_less_one: f(x) ** 2)
        except ValueError:  # out of reach of quadrature: then it is no number
            try:
                assert ng.chi2_divergence(family, theta, far) == np.inf
            except ValueError:
                pass
        else:
            assert_close(ng.chi2_divergence(family, theta, far), mean, QUADRATURE, max(mean, 1.0))


@everywhere
@pytest.mark.parametrize("seed", range(3))
def test_kl_is_quadratic_up_to_third_order(family, theta, seed):
    steps = 0.02 * 2.0 ** -np.arange(5)
    ends = np.array([nearby(family, theta, step, seed) for step in steps])
    deltas = ends - theta
    quadratic = np.einsum("ki,ij,kj->k", deltas, family.fisher(theta), deltas) / 2
    orders = ng.observed_order(np.abs(family.kl(theta, ends) - quadratic), steps)
    assert (orders > 3 - ORDER).all(), orders


@every_family
def test_draws_have_a_shape_a_seed_and_parameters_of_their_own(family):
    theta, event = points(family)[0], family.event
    assert draws(family, theta, ()).shape == event
    assert draws(family, theta, (5, 2)).shape == (5, 2, *event)
    assert draws(family, np.stack([theta, theta]), 4).shape == (4, 2, *event)
    assert (draws(family, theta, 99) == draws(family, theta, 99)).all()
    assert (draws(family, theta, 99) != draws(family, theta, 99, seed=1)).any()
    first, second = draws(family, theta, (2000, 2)).reshape(2000, 2, -1)[..., 0].T
    assert abs(np.corrcoef(first, second)[0, 1]) < MONTE_CARLO / np.sqrt(2000)


def test_each_row_of_parameters_has_its_own_outcomes():
    draws = ng.Categorical(3).sample([[0.98, 0.01], [0.01, 0.98]], 1000, np.random.default_rng(0))
    shares = [(draws == outcome).mean(axis=0) for outcome in range(3)]
    assert_close(shares, [[0.01, 0.01], [0.98, 0.01], [0.01, 0.98]], 0.02, 1)


@every_family
def test_leading_axes_broadcast(family):
    thetas = np.array(points(family))
    x = draws(family, thetas[0], 3)
    n, m, dim = len(thetas), len(x), family.dim
    log_prob, score = family.log_prob(thetas[:, None], x), family.score(thetas[:, None], x)
    fisher, kl = family.fisher(thetas), family.kl(thetas[:, None], thetas)
    assert [a.shape for a in (log_prob, score, fisher, kl)] == [(n, m), (n, m, dim), (n, dim, dim), (n, n)]
    assert_close(family.log_prob(thetas, x[:, None]), log_prob.T, EXACT)
    assert_close(family.score(thetas, x[:, None]), score.swapaxes(0, 1), EXACT)
    for i, theta in enumerate(thetas):
        assert_close(fisher[i], family.fisher(theta), EXACT)
        assert_close(kl[i], [family.kl(theta, other) for other in thetas], EXACT)
        for j, v in enumerate(x):
            assert_close(log_prob[i, j], family.log_prob(theta, v), EXACT)
            assert_close(score[i, j], family.score(theta, v), EXACT)


@every_family
def test_it_can_be_sent_to_another_process(family):
    theta = points(family)[0]
    copy = pickle.loads(pickle.dumps(family))
    assert repr(copy) == repr(family)
    assert (copy.fisher(theta) == family.fisher(theta)).all()


@every_family
def test_what_is_given_is_not_written_to(family):
    theta, other = (np.array(points(family)[0]) for _ in range(2))
    x = draws(family, theta, 5)
    copies = theta.copy(), x.copy()
    family.log_prob(theta, x), family.score(theta, x), family.kl(theta, other), family.fisher(theta)
    assert (theta == copies[0]).all()
    assert (x == copies[1]).all()


@every_family
def test_the_range_of_parameters_is_the_same_everywhere(family):
    theta = points(family)[0]
    for size in 1e-101, 1e101:
        outside = np.where(np.arange(family.dim) == family.dim - 1, np.sign(theta) * size, theta)
        for call in family.fisher, lambda t: family.kl(theta, t), lambda t: ng.fisher_information(family, t):
            with pytest.raises(
                ValueError, match=r"must be zero or between 1e-100 and 1e\+100 in size, but it contains"
            ):
                call(outside)
