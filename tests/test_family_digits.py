"""The digits of every family: closed forms against the same formulas written in mpmath, with sixty digits.

Parameters are drawn from 1e-6 to 1e6, and others at distances from 1e-9 to 10, in units of the width of the density.
"""

import inspect
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from families import EXACT_FORMS, M, Outcomes, Vectors
from scipy import stats
from tolerances import DIVERGENCE, EXACT, FULL, PLAUSIBLE, assert_close

import natgrad as ng

DIGITS = 60
DRAWS = 120
FORMS = [
    (form, DIVERGENCE if name != "gaussian_natural" else EXACT) for name, all in EXACT_FORMS.items() for form in all
]
every_form = pytest.mark.parametrize(("form", "tolerance"), FORMS, ids=[repr(form.family) for form, _ in FORMS])


def test_every_public_family_has_its_exact_form():
    public = {name: getattr(ng, name) for name in ng.__all__}
    families = {n for n, v in public.items() if inspect.isclass(v) and issubclass(v, ng.Family) and v is not ng.Family}
    charts = {name for name, value in public.items() if not callable(value)}
    assert EXACT_FORMS.keys() == families | charts


@every_form
def test_kl(form, tolerance):
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        p, q = form.draw(rng)
        if (p == q).all():
            continue
        with mp.workdps(DIGITS):
            assert abs(M(float(form.family.kl(p, q))) / form.kl(p, q) - 1) <= tolerance, (p, q)


@every_form
def test_log_prob_score_and_fisher(form, tolerance):
    rng = np.random.default_rng(1)
    for _ in range(DRAWS):
        theta, _ = form.draw(rng)
        x = form.observe(rng, theta)
        with mp.workdps(DIGITS):
            log_prob = float(form.log_prob(theta, x))
            score = np.array([float(v) for v in form.score(theta, x)])
            fisher = np.array([[float(v) for v in row] for row in form.fisher(theta)])
        assert_close(form.family.log_prob(theta, x), log_prob, tolerance, max(1, abs(log_prob)))
        # A score is as large as √F, and may be zero.
        root = np.sqrt(np.diag(fisher))
        assert_close(form.family.score(theta, x), score, tolerance, np.maximum(np.abs(score), root))
        assert_close(form.family.fisher(theta), fisher, tolerance, np.outer(root, root))


@every_form
def test_kl_far_out_is_right_or_refused(form, tolerance):
    rng = np.random.default_rng(2)
    right = 0
    for _ in range(40):
        p, q = form.draw(rng)
        factor = 10 ** rng.uniform(-40, 40)
        p, q = p * factor, q * factor
        try:
            found = form.family.kl(p, q)
        except ValueError:
            continue
        with mp.workdps(400):
            exact = form.kl(p, q)
            if exact:
                assert abs(M(float(found)) / exact - 1) <= tolerance, (p, q)
        right += 1
    assert right > 5 or isinstance(form, Outcomes)


def test_the_coin_and_the_gaussian_as_textbooks_have_them():
    assert_close(ng.Bernoulli().fisher([0.6]), [[1 / 0.24]], FULL)
    assert_close(ng.Bernoulli().kl([0.6], [0.5]), 0.6 * np.log(1.2) + 0.4 * np.log(0.8), EXACT)
    assert_close(ng.Gaussian().kl([0, 1], [1, 1]), 0.5, FULL)
    assert_close(ng.MultivariateGaussian(2).kl([0, 0, 1, 0, 1], [1, 0, 1, 0, 1]), 0.5, FULL)
    apart = 0.5 * (1e-8 - 1 - np.log(1e-8))  # one precision stays, the other nearly vanishes
    assert_close(ng.MultivariateGaussian(2).kl([0, 0, 1, 0, 1], [0, 0, 1, 0, 1e-8]), apart, EXACT)


def test_logits_of_outcomes_that_are_nearly_certain():
    coin = ng.Softmax(2)
    with mp.workdps(DIGITS):
        p, q = (1 / (1 + mp.exp(M(t))) for t in (36, M("36.5")))
        exact = float(p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q)))
    assert_close(coin.kl([36], [36.5]), exact, FULL)
    # Two outcomes that are nearly all, and stay as likely beside each other: only the third one tells.
    with mp.workdps(DIGITS):
        weights = [[1, *(mp.exp(M(logit)) for logit in logits)] for logits in ([60, 61.1], [60.7, 61.8])]
        p, q = ([w / sum(ws) for w in ws] for ws in weights)
        exact = float(mp.fsum(a * mp.log(a / b) for a, b in zip(p, q, strict=True)))
    assert_close(ng.Softmax(3).kl([60, 61.1], [60.7, 61.8]), exact, EXACT)
    assert_close(coin.fisher([600]), [[math.exp(-600)]], EXACT)
    assert_close(coin.log_prob([600], [0, 1]), [-600, -math.exp(-600)], EXACT, np.array([600, math.exp(-600)]))
    for call in (
        lambda: coin.fisher([800]),
        lambda: coin.score([-800], 1),
        lambda: coin.kl([800], [0]),
        lambda: coin.kl([-600], [600]),
    ):
        with pytest.raises(ValueError, match=r"^`theta0?.* must have a result within the range of float64, but it "):
            call()


def test_the_logarithm_of_an_outcome_that_is_nearly_certain():
    for theta in [1e-9], [1e-9, 3e-12], [2e-17]:
        exact = float(mp.log1p(-mp.fsum(theta)))
        assert_close(ng.Categorical(len(theta) + 1).log_prob(theta, 0), exact, FULL)


def test_the_outcome_that_nearly_never_happens_keeps_its_digits():
    for theta in [0.3, 0.7 - 1e-15], [0.1, 0.2, 0.7 - 3e-15], [0.6, 0.4 - 1e-14]:
        rest = 1 - sum(map(Fraction, theta))
        assert_close(ng.Categorical(len(theta) + 1).log_prob(theta, 0), math.log(rest), EXACT)


@pytest.mark.parametrize("seed", range(4))
def test_kl_between_close_precisions_of_many_dimensions(seed):
    rng, n = np.random.default_rng(seed), 10
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    first = (q * np.logspace(0, -4, n)) @ q.T
    lower, change = np.linalg.cholesky(first), rng.standard_normal((n, n))
    second = first + lower @ (change + change.T) @ lower.T * (0.12 / np.linalg.norm(change + change.T))
    form = Vectors(n)
    p, q = (np.append(np.zeros(n), matrix[form.rows]) for matrix in (first, second))
    with mp.workdps(DIGITS):
        assert abs(M(float(form.family.kl(p, q))) / form.kl(p, q) - 1) < DIVERGENCE


def test_close_and_distant_vectors_in_one_batch():
    family, theta = ng.MultivariateGaussian(3), [0.1, 0.2, 0.3, 2, 0.5, 1.5, -0.3, 0.2, 1]
    others = [np.add(theta, step) for step in (1e-7, 3.0, 1e-3)]
    found = family.kl(theta, others)
    assert_close(found, [family.kl(theta, other) for other in others], FULL, found)


def test_large_batches_are_cut_into_blocks():
    rng = np.random.default_rng(0)
    theta0, theta1 = np.exp(rng.standard_normal((2, 3, 20_000, 2)))
    family = ng.Gaussian()
    table = family.kl(theta0, theta1)
    for i, j in (0, 0), (1, 16_384), (2, 19_999):
        assert table[i, j] == family.kl(theta0[i, j], theta1[i, j])
    assert (family.kl(theta0, theta1[0, 0]) == [family.kl(row, theta1[0, 0]) for row in theta0]).all()


def test_results_that_underflow_are_refused():
    message = "^`theta0` and `theta1` must have a result within the range of float64, but it underflows"
    p, q = [0, 1e-100], [1e-100, 1e-100]
    with pytest.raises(ValueError, match=message):
        ng.Gaussian().kl([p, p], [p, q])
    assert ng.Gaussian().kl([0, 1e-100], [0, 1e-100]) == 0


SCIPY = [
    (ng.Bernoulli(), [0.3], stats.bernoulli(0.3)),
    (ng.Categorical(4), [0.1, 0.2, 0.3], stats.rv_discrete(values=(range(4), [0.4, 0.1, 0.2, 0.3]))),
    (ng.Softmax(3), [0.5, -1], stats.rv_discrete(values=(range(3), np.exp([0, 0.5, -1]) / np.exp([0, 0.5, -1]).sum()))),
    (ng.Poisson(), [2.5], stats.poisson(2.5)),
    (ng.Poisson(), [40], stats.poisson(40)),
    (ng.Gaussian(), [-5, 0.04], stats.norm(-5, 5)),
]


@pytest.mark.parametrize(("family", "theta", "density"), SCIPY)
def test_draws_follow_the_density_of_scipy(family, theta, density):
    x = family.sample(theta, 20_000, np.random.default_rng(11))
    if isinstance(family, ng.Gaussian):
        assert stats.kstest(x, density.cdf).pvalue > PLAUSIBLE
        assert_close(family.log_prob(theta, x), density.logpdf(x), EXACT)
        return
    values, counts = np.unique(x, return_counts=True)
    assert_close(family.log_prob(theta, values), density.logpmf(values), EXACT, 1 + np.abs(density.logpmf(values)))
    tests = [stats.binomtest(n, x.size, density.pmf(v)).pvalue for n, v in zip(counts.tolist(), values, strict=True)]
    # The least of so many, on Bonferroni's terms.
    assert len(tests) * min(tests) > PLAUSIBLE


@pytest.mark.parametrize("n", [1, 2, 4])
def test_draws_of_vectors(n):
    form = Vectors(n)
    theta, _ = form.draw(np.random.default_rng(3))
    precision = np.array(form.unpack(theta)[1].tolist(), float)
    x = form.family.sample(theta, (50, 400), np.random.default_rng(5))
    white = (x.reshape(-1, n) - theta[:n]) @ np.linalg.cholesky(precision)
    assert min(stats.kstest(column, "norm").pvalue for column in white.T) > PLAUSIBLE
    assert stats.kstest((white**2).sum(axis=1), stats.chi2(n).cdf).pvalue > PLAUSIBLE


def test_a_coin_shows_heads_where_a_uniform_number_is_below_its_chance():
    draw, uniform = np.random.default_rng(0), np.random.default_rng(0)
    assert (ng.Bernoulli().sample([0.3], 50, draw) == (uniform.random(50) < 0.3)).all()


@pytest.mark.parametrize("unit", [1e-30, 1e-20, 1, 1e20, 1e30])
def test_units_decide_nothing_about_precisions(unit):
    family, length = ng.MultivariateGaussian(2), unit**-0.5
    assert_close(family.kl([0, 0, 2 * unit, unit, 2 * unit], [length, 0, 2 * unit, unit, 2 * unit]), 1.0, EXACT)
    with pytest.raises(ValueError, match="^`theta` must have a precision P that is positive definite"):
        family.fisher([0, 0, unit, unit, unit * (1 + 2.3e-16)])


def test_names():
    assert ng.Bernoulli().parameters == ("theta",)
    assert ng.Categorical(3).parameters == ("theta_1", "theta_2")
    assert ng.Softmax(3).parameters == ("logit_1", "logit_2")
    # Indices of one digit need no comma.
    assert ng.MultivariateGaussian(9).parameters[-1] == "P_99"
    assert ng.MultivariateGaussian(10).parameters[-2:] == ("P_10,9", "P_10,10")
    assert repr(ng.Categorical(1000)) == "Categorical(theta_1, theta_2, …, theta_999)"
    assert repr(ng.Categorical(6)) == "Categorical(theta_1, theta_2, theta_3, theta_4, theta_5)"
    assert repr(ng.Categorical(7)) == "Categorical(theta_1, theta_2, …, theta_6)"
