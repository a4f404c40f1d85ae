"""Bad input to families and what takes them is refused, in the form and with the tables of `test_errors`.

Each door meets all that is wrong with its arrays once; a verb whose arguments go through the same door, a sample.
"""

import inspect

import numpy as np
import pytest
from families import MEMBERS, PAIR, THETA
from test_errors import (
    ARRAYS,
    COUNTS,
    ENTRIES,
    FAMILIES,
    FUNCTIONS,
    GENERATORS,
    POINTS,
    RETURNS,
    VECTORS,
    refuse,
)

import natgrad as ng

RNG = np.random.default_rng(0)
COIN, BELL = ng.Bernoulli(), ng.Gaussian()
TABLE = np.array([[5.0, 2.0], [2.0, 4.0]])


def some(table, *names):
    """A little of everything: what is not a number, of no use, and of the wrong shape."""
    names += ("nan", "complex", "empty", "ragged", "None", "masked", "a metric", "a number", "too long", "several")
    return {name: table[name] for name in names if name in table}


@pytest.mark.parametrize(
    ("name", "bad"), [(name, bad) for name, (_, _, thetas, *_) in MEMBERS.items() for bad in thetas]
)
def test_parameters_outside_of_the_family(name, bad):
    family, theta, thetas, x, _ = MEMBERS[name]
    wrong = thetas[bad](theta)
    for call in (
        lambda: family.log_prob(wrong, x),
        lambda: family.fisher(np.stack([theta, wrong])),
        lambda: family.sample(wrong, 3, RNG),
        lambda: ng.fisher_information(family, wrong),
    ):
        refuse(call, "theta")
    refuse(lambda: family.kl(wrong, theta), "theta0")
    refuse(lambda: family.kl(theta, [theta, wrong]), "theta1")
    refuse(lambda: ng.kl_divergence(family, wrong, theta), "p")
    refuse(lambda: ng.chi2_divergence(family, theta, wrong), "q")


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, (*_, xs) in MEMBERS.items() for bad in xs])
def test_impossible_observations(name, bad):
    family, theta, _, x, xs = MEMBERS[name]
    wrong = xs[bad](x)
    for call in (
        lambda: family.log_prob(theta, wrong),
        lambda: family.score(theta, wrong),
    ):
        refuse(call, "x")


INTEGRANDS = FUNCTIONS | RETURNS
INTEGRANDS |= {
    "returns one number": lambda good: lambda x: 1.0,
    "returns too many": lambda good: lambda x: np.ones(x.size + 1),
    "returns the sum": lambda good: lambda x: x.sum(),
}
DIMS = {k: COUNTS[k] for k in ("zero", "a float", "True", "text", "None", "an array")}
UNITS = {k: v for k, v in ARRAYS.items() if k != "longdouble"} | {
    "zero": lambda good: 0.0,
    "negative": lambda good: -1.0,
    "one too many": lambda good: [1.0, 1.0, 1.0],
    "a matrix": lambda good: np.ones((2, 2)),
    "negligible": lambda good: 1e-20,
    "too long": lambda good: 1e4,
}
SCORES = ARRAYS | {
    "a number": lambda good: 1.0,
    "a single score": lambda good: good[0],
    "three axes": lambda good: np.stack([good, good]),
    "too large": lambda good: 1e160 * good,
    "too small": lambda good: 1e-160 * good,
    "one column too small": lambda good: good * [1, 1e-160],
}
WIDE = {"too wide": lambda good: np.hstack([good, good]), "too narrow": lambda good: good[:, :1]}
LISTS = ENTRIES | {"only one": lambda good: good[:1], "a table": lambda good: np.stack([good, good])}
COORDINATES = {"None": lambda good: None, "a pair": lambda good: tuple(good)[:2], "its class": lambda good: type(good)}
ONE_POINT, TWO_POINTS = {"theta": (THETA, some(POINTS))}, {"p": (THETA, some(POINTS)), "q": (THETA, some(POINTS))}
FAMILY = {"family": (BELL, {name: FAMILIES[name] for name in ("None", "its class", "a metric")})}

# Each callable with, for each argument, a good value and what is wrong for it: a new public name is a line here.
CALLS = {
    "Family.log_prob": (BELL.log_prob, {"theta": (THETA, VECTORS), "x": (PAIR, ARRAYS)}),
    "Family.score": (BELL.score, {"theta": (THETA, some(VECTORS)), "x": (PAIR, some(ARRAYS))}),
    "Family.sample": (
        BELL.sample,
        {
            "theta": (THETA, some(VECTORS)),
            "size": (3, COUNTS | {"a tuple with zero": lambda good: (2, 0), "a nested tuple": lambda good: ((2,), 2)}),
            "rng": (RNG, GENERATORS),
        },
    ),
    "Family.expect": (BELL.expect, {"theta": (THETA, some(POINTS)), "f": (lambda x: x, INTEGRANDS)}),
    "Family.fisher": (BELL.fisher, {"theta": (THETA, some(VECTORS))}),
    "Family.kl": (BELL.kl, {"theta0": (THETA, some(VECTORS)), "theta1": (THETA, some(VECTORS))}),
    "Categorical": (ng.Categorical, {"k": (3, DIMS | {"one": lambda good: 1})}),
    "Softmax": (ng.Softmax, {"k": (3, DIMS | {"one": lambda good: 1})}),
    "MultivariateGaussian": (ng.MultivariateGaussian, {"n": (2, DIMS)}),
    "reparametrize": (
        ng.reparametrize,
        {"family": (BELL, FAMILIES), "coordinates": (ng.gaussian_mean_scale, COORDINATES)},
    ),
    "kl_divergence": (ng.kl_divergence, FAMILY | TWO_POINTS),
    "chi2_divergence": (ng.chi2_divergence, FAMILY | TWO_POINTS),
    "kl_series": (ng.kl_series, FAMILY | TWO_POINTS | {"terms": (3, DIMS)}),
    "fisher_information": (ng.fisher_information, FAMILY | ONE_POINT),
    "fisher_metric": (ng.fisher_metric, FAMILY | {"theta": (THETA, some(VECTORS))}),
    "fisher_monte_carlo": (
        ng.fisher_monte_carlo,
        FAMILY | ONE_POINT | {"size": (5, DIMS | {"one": lambda good: 1}), "rng": (RNG, some(GENERATORS, "a seed"))},
    ),
    "empirical_fisher": (ng.empirical_fisher, {"scores": (TABLE, SCORES)}),
    "EmpiricalFisher": (ng.EmpiricalFisher, {"dim": (2, DIMS)}),
    "EmpiricalFisher.add": (ng.EmpiricalFisher(2).add, {"scores": (TABLE, some(SCORES) | WIDE)}),
    "numerical_gradient": (
        ng.numerical_gradient,
        {
            "f": (lambda x: x.sum(), some(FUNCTIONS | RETURNS, "returns nan", "returns strings", "returns ragged")),
            "x": (PAIR, {k: v for k, v in POINTS.items() if k != "too long"}),
            "unit": (
                np.array(1.0),
                {k: v for k, v in some(UNITS, "zero", "negative", "a matrix", "negligible").items() if k != "too long"},
            ),
        },
    ),
    "numerical_hessian": (
        ng.numerical_hessian,
        {
            "f": (lambda x: np.sin(x).sum(), some(FUNCTIONS | RETURNS)),
            "x": (PAIR, some({k: v for k, v in POINTS.items() if k != "too long"})),
            "unit": (np.array(1.0), some(UNITS, "negative", "negligible")),
        },
    ),
    "observed_order": (ng.observed_order, {"errors": (PAIR, LISTS), "steps": (PAIR, some(LISTS, "only one", "zero"))}),
}
BAD = [(call, name, bad) for call, (_, arguments) in CALLS.items() for name in arguments for bad in arguments[name][1]]


@pytest.mark.parametrize("call", CALLS)
def test_good_arguments_are_accepted(call):
    function, arguments = CALLS[call]
    function(**{name: good for name, (good, _) in arguments.items()})


@pytest.mark.parametrize(("call", "name", "bad"), BAD)
def test_bad_arguments_are_refused(call, name, bad):
    function, arguments = CALLS[call]
    good, wrong = arguments[name]
    # That there are too few is said of the steps.
    named = {"errors": "steps"} if bad == "only one" else {}
    refuse(
        lambda: function(**{k: v for k, (v, _) in arguments.items()} | {name: wrong[bad](good)}), named.get(name, name)
    )


MODULES = {
    f"natgrad.{m}"
    for m in ("family", "discrete", "gaussian", "coordinates", "fisher", "empirical", "divergence", "taylor")
}


def test_every_public_argument_is_in_the_table():
    expected = set()
    for name in ng.__all__:
        value = getattr(ng, name)
        if value.__module__ not in MODULES or not callable(value):
            continue
        if not inspect.isabstract(value):
            named = inspect.signature(value).parameters.items()
            expected |= {(name, parameter) for parameter, p in named if p.kind is p.POSITIONAL_OR_KEYWORD}
        for method, function in vars(value).items() if inspect.isclass(value) else ():
            if inspect.isfunction(function) and not method.startswith("_"):
                parameters = set(inspect.signature(function).parameters) - {"self"}
                expected |= {(f"{name}.{method}", parameter) for parameter in parameters}
    assert {(call, name) for call, (_, arguments) in CALLS.items() for name in arguments} == expected
    assert {type(family).__name__ for family, *_ in MEMBERS.values()} >= {
        name for name in ng.__all__ if inspect.isclass(getattr(ng, name)) and issubclass(getattr(ng, name), ng.Family)
    } - {"Family"}


def at_zero(n):
    """The standard Gaussian in n dimensions."""
    return np.concatenate([np.zeros(n), np.eye(n)[np.tril_indices(n)]])


class Faint(ng.Categorical):
    _fisher = lambda self, theta: [[1e-300]]


class Leaky(ng.Categorical):
    _rules = lambda self, theta: [(nodes, 0.75 * weights) for nodes, weights in super()._rules(theta)]


class Flat(ng.Gaussian):
    """Hooks may give plain numbers, where nothing depends on θ or x."""

    _log_prob = lambda self, theta, x: 0.5
    _score = lambda self, theta, x: [0.25, x]
    _fisher = lambda self, theta: [[2, 0], [0, 3]]
    _kl = lambda self, theta0, theta1, step: 1.5


def test_plain_numbers_of_hooks_take_the_shape_of_what_was_asked():
    family, thetas, x = Flat(), np.ones((3, 1, 2)), np.arange(4.0)
    assert (family.log_prob(thetas, x) == np.full((3, 4), 0.5)).all()
    assert (family.score(thetas, x) == np.broadcast_to(np.stack([np.full(4, 0.25), x], axis=-1), (3, 4, 2))).all()
    assert (family.fisher(thetas) == np.broadcast_to([[2, 0], [0, 3]], (3, 1, 2, 2))).all()
    assert (family.kl(thetas, 2 * thetas) == np.full((3, 1), 1.5)).all()
    assert ng.fisher_metric(family, thetas).batch == (3, 1)


class Lost(ng.Gaussian):
    _fisher = lambda self, theta: [[1, np.nan], [np.nan, 1]]


MESSAGES = [
    (lambda: ng.Gaussian(0, 1), "`theta` must be given to the methods, but Gaussian got (0, 1)."),
    (lambda: ng.fisher_metric(ng.Gaussian, [0, 1]), "`family` must be a Family, but it is the class Gaussian."),
    (lambda: Lost().fisher([0, 1]), "`theta` must have a result within the range of float64, but it is not a number."),
    (
        lambda: ng.kl_series(COIN, [0.01], [0.9], 400),
        "`q` must have a result within the range of float64, but it overflows.",
    ),
    (lambda: COIN.log_prob([0.5], [0, 2]), "`x` must be 0 or 1, but it contains 2."),
    (lambda: COIN.fisher([0.5, 0]), "`theta` must have the shape (..., 1), but its shape is (2,)."),
    *(
        (lambda p=p: COIN.fisher([[0.5], [p]]), f"`theta` must lie strictly between 0 and 1, but it contains {p}.")
        for p in (0, -0.5, 1)
    ),
    (
        lambda: COIN.fisher([[0.5], [1e-110]]),
        "`theta` must be zero or between 1e-100 and 1e+100 in size, but it contains 1e-110.",
    ),
    (lambda: BELL.fisher([[0, 1], [0, 0]]), "`theta` must have a positive precision tau, but it contains 0."),
    (lambda: BELL.fisher([[0, 1], [0, -0.5]]), "`theta` must have a positive precision tau, but it contains -0.5."),
    (
        lambda: BELL.kl([0, 1], [0, 1e110]),
        "`theta1` must be zero or between 1e-100 and 1e+100 in size, but it contains 1e+110.",
    ),
    (lambda: ng.fisher_metric("Gaussian", [0, 1]), "`family` must be a Family, but it is a str."),
    (lambda: ng.fisher_monte_carlo(BELL, [0, 1], 1, RNG), "`size` must be at least 2, but it is 1."),
    (
        lambda: BELL.sample([0, 1], 3, np.random.RandomState(0)),
        "`rng` must be a Generator, but it is a RandomState.",
    ),
    (lambda: ng.kl_series(COIN, [0.6], [0.5], 2.5), "`terms` must be an integer, but it is a float."),
    (
        lambda: ng.empirical_fisher([1, 2]),
        "`scores` must have the shape (N, n), but its shape is (2,).",
    ),
    (lambda: ng.Categorical(3).log_prob([0.5, 0.2], [0, 3]), "`x` must be one of 0, …, 2, but it contains 3."),
    (
        lambda: ng.Categorical(3).fisher([[0.5, 0.4], [0.9, 0.9]]),
        "`theta` must sum to less than 1, but its largest sum is 1.8.",
    ),
    (lambda: ng.Poisson().log_prob([1], -1), "`x` must be a count, but it contains -1."),
    (
        lambda: ng.Poisson().fisher([[1], [1e17]]),
        "`theta` must have a rate of at most 1e+09, but it contains 1e+17.",
    ),
    (
        lambda: ng.MultivariateGaussian(2).fisher([0, 0, 1, 2, 1]),
        "`theta` must have a precision P that is positive definite, but its smallest eigenvalue is -1.",
    ),
    (
        lambda: ng.Softmax(2).fisher([800]),
        "`theta` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: Faint(2).fisher([0.5]),
        "`theta` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: BELL.log_prob([0, 1], [0.0, 1e200]),
        "`theta` and `x` must have a result within the range of float64, but it overflows.",
    ),
    (
        lambda: BELL.kl([0, 1e-100], [1e-100, 1e-100]),
        "`theta0` and `theta1` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: BELL.sample([1, 1e40], 3, RNG),
        "`theta` must have observations that float64 can tell apart, but all are rounded to one.",
    ),
    (
        lambda: ng.MultivariateGaussian(1).sample([1, 1e40], 3, RNG),
        "`theta` must have observations that float64 can tell apart, but all are rounded to one.",
    ),
    (
        lambda: BELL.expect([0, 1], np.abs),
        "`f` must have an expectation that quadrature can find, but rules of 64 and 100 nodes give 0.8030406364 and "
        "0.8011776917.",
    ),
    (
        lambda: ng.MultivariateGaussian(5).expect(at_zero(5), lambda x: np.abs(x[:, 0])),
        "`f` must have an expectation that quadrature can find, but rules of 7776 and 100000 nodes give 0.8560680531 "
        "and 0.8319252452.",
    ),
    (
        lambda: ng.MultivariateGaussian(8).expect(at_zero(8), lambda x: x[:, 0] ** 6),
        "`f` must have an expectation that quadrature can find, but rules of 6561 and 65536 nodes give 9 and 15.",
    ),
    (
        lambda: ng.fisher_information(ng.MultivariateGaussian(9), at_zero(9)),
        "`theta` must have at most 8 dimensions to be integrated over, but there are 9.",
    ),
    # All but the bulk of the density, and points below 1, are farther apart.
    (
        lambda: BELL.expect([1, 2.2e-14**-2], np.abs),
        "`theta` must have observations that float64 can tell apart, but all are rounded to one.",
    ),
    (
        lambda: Leaky(2).expect([0.5], np.abs),
        "`theta` must have its mass of 1 in reach of quadrature, but that finds 0.75.",
    ),
    (
        lambda: BELL.expect([0, 1], lambda x: 1.0),
        "`f` must return one value for each of 64 observations, but the shape of what it returns is ().",
    ),
    (
        lambda: BELL.expect([0, 1], lambda x: x[1:]),
        "`f` must return one value for each of 64 observations, but the shape of what it returns is (63,).",
    ),
    (
        lambda: BELL.expect([0, 1], lambda x: x + np.inf),
        "`f` must give finite values to average, but one of them is not finite.",
    ),
    (
        lambda: BELL.expect([0, 1], lambda x: np.sign(x) * np.finfo(float).max),
        "`f` must have a result within the range of float64, but it overflows.",
    ),
    (
        lambda: ng.numerical_gradient(lambda x: np.log(x[0]), [0.002]),
        "`unit` must be a length over which `f` hardly bends, but steps of 0.00074 and 0.00037 units give the "
        "derivatives 485.779 and 499.467.",
    ),
    (lambda: ng.observed_order([1, 2, 3], [1, 1, 2]), "`steps` must differ from one to the next, but 1 repeats."),
    (lambda: ng.observed_order([1], [1]), "`errors` must be two or more, but there is one."),
    (
        lambda: ng.chi2_divergence(BELL, [0, 1], [30, 2]),
        "`q` must lie where the quadrature of `p` can see it, but of its mass of 1 it sees 0.",
    ),
    (
        lambda: ng.reparametrize(COIN, ng.gaussian_mean_scale),
        "`family` must be Gaussian(), but it is Categorical(theta).",
    ),
    (lambda: ng.EmpiricalFisher(2).matrix(), "`scores` must be added before their mean is taken, but there are none."),
    (lambda: ng.EmpiricalFisher(2) + ng.EmpiricalFisher(3), "`other` must have 2 parameters, but it has 3."),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[message for _, message in MESSAGES])
def test_messages(call, message):
    assert refuse(call) == message


def test_four_nodes_in_each_of_eight_dimensions_are_enough_for_moments():
    assert abs(ng.MultivariateGaussian(8).expect(at_zero(8), lambda x: x[:, 0] ** 4) - 3) < 1e-12


TWO = np.ones((2, 2))
MISMATCHES = {
    "log_prob": (lambda: BELL.log_prob(TWO, [1, 2, 3]), ["theta", "x"]),
    "score": (lambda: COIN.score([[0.5], [0.6]], [0, 1, 1]), ["theta", "x"]),
    "kl": (lambda: BELL.kl(TWO, np.ones((3, 2))), ["theta0", "theta1"]),
    "orders": (lambda: ng.observed_order([1, 2, 3], [1, 2]), ["steps"]),
    "orders, one step": (lambda: ng.observed_order([1, 2], [1]), ["steps"]),
    "the dimension of the family": (lambda: ng.fisher_metric(BELL, [0.5]), ["theta"]),
    "one family's parameters": (lambda: ng.kl_divergence(COIN, [0.5], [0, 1]), ["q"]),
    "a mean that isn't there": (lambda: ng.chi2_divergence(BELL, [0, 1], [3, 0.51]), ["q"]),
    "a third moment that isn't there": (lambda: ng.kl_series(BELL, [0, 1], [0, 0.5], 3), ["q"]),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_arguments_that_do_not_fit_together(name):
    call, arguments = MISMATCHES[name]
    refuse(call, *arguments)


def test_abstract_families_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        ng.Family()
