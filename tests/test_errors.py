"""Bad input to every public function is refused by natgrad itself, in one form, naming the caller's argument."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import natgrad as ng

FORM = re.compile(r"(`\w+`(?: and `\w+`)*) must .+, but .+\.")
FOLDER = Path(ng.__file__).parent
RNG = np.random.default_rng(0)


def refuse(call, *names):
    """Hold that a call raises in the house form, about the named arguments, and return the message."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    # Not a subclass: numpy's LinAlgError is a ValueError too.
    assert type(caught.value) in (ValueError, TypeError)
    form = FORM.fullmatch(str(caught.value))
    assert form, str(caught.value)
    assert set(names) <= set(re.findall(r"\w+", form[1])), str(caught.value)
    assert Path(caught.traceback[-1].path).parent == FOLDER
    return str(caught.value)


# What is wrong with any array, as functions of a good one.
ARRAYS = {
    "nan": lambda good: np.where(np.arange(good.size).reshape(good.shape) == 0, np.nan, good),
    "infinity": lambda good: np.where(np.arange(good.size).reshape(good.shape) == 0, np.inf, good),
    "minus infinity": lambda good: good - np.inf,
    "complex": lambda good: good + 0j,
    "empty": lambda good: [],
    "empty rows": lambda good: np.ones((*good.shape[:-1], 0)),
    "text": lambda good: "1 2",
    "strings": lambda good: good.astype(str),
    "bytes": lambda good: b"12",
    "ragged": lambda good: [[1.0, 2.0], [3.0]],
    "ragged in depth": lambda good: [[1.0, 2.0], 3.0],
    "None": lambda good: None,
    "a list with None": lambda good: [1.0, None],
    "masked": lambda good: np.ma.array(good, mask=good > good.min()),
    "masked nowhere": lambda good: np.ma.array(good),
    "masked inside a list": lambda good: [np.ma.array(good, mask=good > good.min())],
    "bool": lambda good: good > 0,
    "object": lambda good: good.astype(object),
    "float16": lambda good: good.astype(np.float16),
    "longdouble": lambda good: good.astype(np.longdouble),
    "dates": lambda good: good.astype("datetime64[D]"),
    "a set": lambda good: {1.0, 2.0},
    "a dictionary": lambda good: {"x": 1.0},
    "a generator": lambda good: (v for v in good.flat),
    "a function": lambda good: np.ones,
    "a metric": lambda good: ng.euclidean(2),
    "integers beyond float": lambda good: [10**400, 1],
}
VECTORS = ARRAYS | {
    "a number": lambda good: 1.0,
    "too long": lambda good: np.concatenate([good, good], axis=-1),
    "transposed": lambda good: np.ones((good.shape[-1] + 1, 1, good.shape[-1] + 1)),
}
POINTS = VECTORS | {"several": lambda good: np.stack([good, good])}
NONZERO = VECTORS | {
    "zero": lambda good: 0 * good,
    "one of several zero": lambda good: np.stack([good, 0 * good]),
}
SQUARES = ARRAYS | {
    "a number": lambda good: 1.0,
    "a vector": lambda good: good[0],
    "not square": lambda good: good[:, :-1],
    "not square, several": lambda good: np.ones((2, 2, 3)),
    "zero": lambda good: 0 * good,
    "singular": lambda good: np.ones(good.shape),
    "singular up to rounding": lambda good: np.full(good.shape, 0.1) + 1e-18 * good,
    "one of several singular": lambda good: np.stack([good, 0 * good]),
}
DEFINITE = SQUARES | {
    "not symmetric": lambda good: good + np.triu(np.ones(good.shape), 1),
    "hardly symmetric": lambda good: good + 1e-6 * np.triu(np.ones(good.shape), 1),
    "huge and not symmetric": lambda good: good + 8e307 * (np.triu(good, 1) - np.tril(good, -1)),
    "indefinite": lambda good: good - 4 * np.eye(len(good)),
    "negative": lambda good: -good,
    "one of several indefinite": lambda good: np.stack([good, -good]),
}
FRAMES = SQUARES | {
    "too small": lambda good: 1e-200 * good,
    "too large": lambda good: 1e200 * good,
    "one axis too small": lambda good: good * np.where(np.arange(len(good)) == 0, 1e-200, 1)[:, None],
    "one axis too large": lambda good: good * np.where(np.arange(len(good)) == 0, 1e200, 1)[:, None],
}
ENTRIES = ARRAYS | {
    "a number": lambda good: 1.0,
    "zero": lambda good: 0 * good,
    "one zero": lambda good: good * np.arange(good.size),
    "negative": lambda good: -good,
}
OBSERVATIONS = ARRAYS
COINS = OBSERVATIONS | {"two": lambda good: 2.0, "a half": lambda good: good + 0.5}
BERNOULLI = {
    "zero": lambda good: 0 * good,
    "one": lambda good: 0 * good + 1,
    "negative": lambda good: -good,
    "above one": lambda good: 1 + good,
    "too small": lambda good: 1e-310 * good,
}
GAUSSIAN = {
    "no precision": lambda good: good * [1.0, 0.0],
    "negative precision": lambda good: good * [1.0, -1.0],
    "too small": lambda good: good * [1.0, 1e-300],
    "too large": lambda good: good * [1.0, 1e300],
    "transposed": lambda good: good[:, None],
}
POSITIVE = {
    "zero": lambda good: 0 * good,
    "negative": lambda good: -good,
    "too small": lambda good: 1e-300 * good,
    "too large": lambda good: 1e300 * good,
}
SCALES = {
    "no scale": lambda good: good * [1.0, 0.0],
    "negative scale": lambda good: good * [1.0, -1.0],
    "too small": lambda good: good * [1.0, 1e-300],
}
SIMPLEX = BERNOULLI | {"sums to one": lambda good: good / good.sum(), "sums to more": lambda good: 0 * good + 0.9}
PRECISION = {
    "indefinite": lambda good: good * [1, 1, 1, 50, 1],
    "negative": lambda good: -good,
    "zero": lambda good: 0 * good,
    "singular": lambda good: np.array([0.0, 0.0, 1.0, 1.0, 1.0]),
    "transposed": lambda good: good[:, None],
}
WHOLE = OBSERVATIONS | {"negative": lambda good: -good - 1, "a half": lambda good: good + 0.5}
OUTCOMES = WHOLE | {"three": lambda good: 0 * good + 3}
TIMES = OBSERVATIONS | {"negative": lambda good: -good - 1}
AMOUNTS = TIMES | {"zero": lambda good: 0 * good}
SHARES = AMOUNTS | {"one": lambda good: 0 * good + 1, "above one": lambda good: good + 1}
PAIRS = OBSERVATIONS | {
    "a number": lambda good: 1.0,
    "one too long": lambda good: np.ones(3),
    "transposed": lambda good: np.ones((2, 3)),
}
COUNTS = {
    "zero": lambda good: 0,
    "negative": lambda good: -3,
    "negative integer of numpy": lambda good: np.int64(-1),
    "a float": lambda good: 2.5,
    "a whole float": lambda good: 2.0,
    "True": lambda good: True,
    "True of numpy": lambda good: np.True_,
    "text": lambda good: "3",
    "None": lambda good: None,
    "nan": lambda good: np.nan,
    "complex": lambda good: 2 + 0j,
    "an array": lambda good: np.array([2, 3]),
    "a list": lambda good: [3],
}
SIZES = COUNTS | {
    "a tuple with a float": lambda good: (2, 2.5),
    "a tuple with zero": lambda good: (2, 0),
    "a nested tuple": lambda good: ((2,), 2),
}
DRAWS = COUNTS | {"one": lambda good: 1}
OTHERS = {
    "None": lambda good: None,
    "a number": lambda good: 1.0,
    "text": lambda good: "euclidean",
    "an array": lambda good: np.eye(2),
    "a list": lambda good: [[1, 0], [0, 1]],
    "its class": lambda good: type(good),
}
METRICS = OTHERS | {"a family": lambda good: ng.Gaussian()}
FAMILIES = OTHERS | {"a metric": lambda good: ng.euclidean(2)}
GENERATORS = OTHERS | {
    "a seed": lambda good: 0,
    "the module": lambda good: np.random,
    "the old kind": lambda good: np.random.RandomState(0),
    "a bit generator": lambda good: np.random.PCG64(0),
    "a function": lambda good: np.random.default_rng,
}
FUNCTIONS = {k: v for k, v in OTHERS.items() if k != "its class"}
RETURNS = {
    "returns nothing": lambda good: lambda x: None,
    "returns text": lambda good: lambda x: "abc",
    "returns strings": lambda good: lambda x: ["a"] * x.size,
    "returns complex": lambda good: lambda x: x + 1j,
    "returns objects": lambda good: lambda x: x.astype(object),
    "returns ragged": lambda good: lambda x: [[1.0, 2.0], [3.0]],
    "returns nan": lambda good: lambda x: x * np.nan,
    "returns infinity": lambda good: lambda x: x + np.inf,
    "returns masked": lambda good: lambda x: np.ma.array(x),
    "returns nothing at all": lambda good: lambda x: [],
}
INTEGRANDS = (
    FUNCTIONS
    | RETURNS
    | {
        "returns one number": lambda good: lambda x: 1.0,
        "returns too many": lambda good: lambda x: np.ones(x.size + 1),
        "returns the sum": lambda good: lambda x: x.sum(),
    }
)
UNITS = {k: v for k, v in ARRAYS.items() if k != "longdouble"} | {
    "zero": lambda good: 0.0,
    "negative": lambda good: -1.0,
    "one of them zero": lambda good: [1.0, 0.0],
    "one too many": lambda good: [1.0, 1.0, 1.0],
    "one too few": lambda good: [1.0],
    "a matrix": lambda good: np.ones((2, 2)),
    "negligible": lambda good: 1e-20,
}
LISTS = ENTRIES | {
    "only one": lambda good: good[:1],
    "one too many": lambda good: np.append(good, 9.0),
    "a table": lambda good: np.stack([good, good]),
}
# That there are too many or too few of them is said about the errors.
STEPS = ENTRIES | {"repeated": lambda good: good * 0 + 0.5}
SCORES = ARRAYS | {
    "a number": lambda good: 1.0,
    "a single score": lambda good: good[0],
    "three axes": lambda good: np.stack([good, good]),
}

TALL = ARRAYS | {
    "a number": lambda good: 1.0,
    "a single score": lambda good: good[0],
    "fewer rows than columns": lambda good: good[:1],
    "dependent columns": lambda good: np.ones((5, 2)),
    "zeros": lambda good: 0 * good,
    "too small": lambda good: 1e-200 * good,
    "too large": lambda good: 1e200 * good,
}

NUMBERS = ARRAYS | {
    "zero": lambda good: 0.0,
    "negative": lambda good: -good,
    "several": lambda good: np.stack([good, good]),
}
HUGE = {"too large": lambda good: 1e160 * good}
SQUARED = HUGE | {"too small": lambda good: 1e-160 * good, "one column too small": lambda good: good * [1, 1e-160]}
WIDE = {"too wide": lambda good: np.hstack([good, good]), "too narrow": lambda good: good[:, :1]}
LONG = {"too large": lambda good: good * (1.7e308 / good.max())}
SQUARE_OR_NOT = ARRAYS | LONG | {"a number": lambda good: 1.0, "a vector": lambda good: good[0]}
EXPONENTS = {k: v for k, v in NUMBERS.items() if k != "infinity"} | {"below one": lambda good: 1 - 1e-12}
MATVECS = (
    FUNCTIONS
    | RETURNS
    | {
        "keeps no shape": lambda good: lambda v: v[:1],
        "returns a matrix": lambda good: lambda v: np.stack([v, v]),
        "not symmetric": lambda good: lambda v: v + np.cumsum(v),
        "affine": lambda good: lambda v: v + 1,
        "negative": lambda good: lambda v: -v,
        "zero": lambda good: lambda v: 0 * v,
    }
)
DEGREES = {
    **ARRAYS,
    "zero": lambda good: 0,
    "negative": lambda good: -1.0,
    "too few": lambda good: 0.01,
    "too many": lambda good: 1e9,
    "several": lambda good: [1.0, 2.0],
}
COORDINATES = OTHERS | {
    "too few": lambda good: good._replace(parameters=("mu",)),
    "no parameters": lambda good: good._replace(parameters=None),
    "no map": lambda good: good._replace(to_theta=None),
    "no Jacobian": lambda good: good._replace(jacobian=np.eye(2)),
}

TENSOR = np.array([[5.0, 2.0], [2.0, 4.0]])
METRIC = ng.from_frame([[2, 1], [0, 2]])
COIN, BELL = ng.Bernoulli(), ng.Gaussian()
COIN_THETA, BELL_THETA = np.array([0.6]), np.array([0.5, 2.0])
PAIR = np.array([1.0, 2.0])


def on(bad, good):
    """An argument: what is wrong for it, and a value that is right."""
    return bad, good


class Call(dict):
    """Arguments of a callable by name, each with its bad values and a good one."""

    def __init__(self, function, **arguments):
        super().__init__(arguments)
        self.function = function

    def __call__(self, **changes):
        return self.function(**{k: good for k, (_, good) in self.items()} | changes)


def of_a_family(name, family, theta, domain, x, observations):
    """The methods of a family, and the functions that take one."""
    points, thetas, families = POINTS | domain, VECTORS | domain, on(FAMILIES, family)
    return {
        f"Family.log_prob, {name}": Call(family.log_prob, theta=on(thetas, theta), x=on(observations, x)),
        f"Family.score, {name}": Call(family.score, theta=on(thetas, theta), x=on(observations, x)),
        f"Family.sample, {name}": Call(
            family.sample, theta=on(thetas, theta), size=on(SIZES, 3), rng=on(GENERATORS, RNG)
        ),
        f"Family.expect, {name}": Call(family.expect, theta=on(points, theta), f=on(INTEGRANDS, lambda x: x)),
        f"Family.estimate, {name}": Call(family.estimate, theta=on(points, theta), f=on(INTEGRANDS, lambda x: x)),
        f"Family.fisher, {name}": Call(family.fisher, theta=on(thetas, theta)),
        f"Family.kl, {name}": Call(family.kl, theta0=on(thetas, theta), theta1=on(thetas, theta)),
        f"kl_divergence, {name}": Call(ng.kl_divergence, family=families, p=on(points, theta), q=on(points, theta)),
        f"chi2_divergence, {name}": Call(ng.chi2_divergence, family=families, p=on(points, theta), q=on(points, theta)),
        f"kl_series, {name}": Call(
            ng.kl_series,
            family=families,
            p=on(points, theta),
            q=on(points, theta),
            terms=on(COUNTS, 3),
        ),
        f"fisher_information, {name}": Call(ng.fisher_information, family=families, theta=on(points, theta)),
        f"fisher_from_hessian, {name}": Call(ng.fisher_from_hessian, family=families, theta=on(points, theta)),
        f"fisher_monte_carlo, {name}": Call(
            ng.fisher_monte_carlo,
            family=families,
            theta=on(points, theta),
            size=on(DRAWS, 5),
            rng=on(GENERATORS, RNG),
        ),
        f"fisher_from_data, {name}": Call(
            ng.fisher_from_data, family=families, theta=on(points, theta), x=on(observations, x)
        ),
        f"EmpiricalFisher.observe, {name}": Call(
            ng.EmpiricalFisher(family.dim).observe,
            family=on(FAMILIES | {"of another size": lambda good: ng.Categorical(good.dim + 2)}, family),
            theta=on(points, theta),
            x=on(observations, x),
        ),
        f"fisher_metric, {name}": Call(ng.fisher_metric, family=families, theta=on(thetas, theta)),
    }


# A new public function is one line here.
CALLS = {
    "Dense": Call(ng.Dense, tensor=on(DEFINITE, TENSOR)),
    "Diagonal": Call(ng.Diagonal, entries=on(ENTRIES, PAIR)),
    "Dual": Call(ng.Dual, metric=on(METRICS, METRIC)),
    "euclidean": Call(ng.euclidean, n=on(COUNTS, 2)),
    "from_covariance": Call(ng.from_covariance, cov=on(DEFINITE, TENSOR)),
    "from_frame": Call(ng.from_frame, frame=on(FRAMES, TENSOR)),
    "from_scores": Call(ng.from_scores, scores=on(TALL, TENSOR)),
    "Dense.refined_solve": Call(ng.Dense(TENSOR).refined_solve, g=on(VECTORS, PAIR)),
    "Metric.apply": Call(METRIC.apply, v=on(VECTORS, PAIR)),
    "Metric.solve": Call(METRIC.solve, g=on(VECTORS, PAIR)),
    "Metric.squared_norm": Call(METRIC.squared_norm, v=on(VECTORS, PAIR)),
    "Metric.squared_dual_norm": Call(METRIC.squared_dual_norm, g=on(VECTORS, PAIR)),
    "Metric.inner": Call(METRIC.inner, u=on(VECTORS, PAIR), v=on(VECTORS, PAIR)),
    "Metric.norm": Call(METRIC.norm, v=on(VECTORS, PAIR)),
    "Metric.dual_norm": Call(METRIC.dual_norm, g=on(VECTORS, PAIR)),
    "Metric.distance": Call(METRIC.distance, x=on(VECTORS, PAIR), y=on(VECTORS, PAIR)),
    "directional_derivative": Call(
        ng.directional_derivative,
        gradient=on(VECTORS, PAIR),
        u=on(NONZERO, PAIR),
        norm=on(METRICS, METRIC),
    ),
    "natural_gradient": Call(ng.natural_gradient, gradient=on(VECTORS, PAIR), metric=on(METRICS, METRIC)),
    "steepest_direction": Call(ng.steepest_direction, gradient=on(NONZERO, PAIR), norm=on(METRICS, METRIC)),
    "LowRank": Call(ng.LowRank, scores=on(SCORES | HUGE, TENSOR), damping=on(NUMBERS, np.array(0.5))),
    "LowRank.solve_rewards": Call(ng.LowRank(TENSOR, 0.5).solve_rewards, rewards=on(VECTORS, PAIR)),
    "MatrixFree": Call(
        ng.MatrixFree,
        matvec=on(MATVECS, lambda v: 2 * v),
        dim=on(COUNTS, 2),
        tolerance=on(NUMBERS | {"one": lambda good: 1.0}, np.array(1e-8)),
        iterations=on(COUNTS, 9),
    ),
    "MatrixFree.solution": Call(ng.MatrixFree(lambda v: 2 * v, 2).solution, g=on(VECTORS, PAIR)),
    "PNorm": Call(
        lambda p, weights: ng.PNorm(p, weights).norm(PAIR),
        p=on(EXPONENTS, np.array(1.5)),
        weights=on({k: v for k, v in ENTRIES.items() if k != "None"}, PAIR),
    ),
    "Norm.norm": Call(ng.PNorm(3, PAIR).norm, v=on(VECTORS | LONG, PAIR)),
    "Norm.dual_norm": Call(ng.Spectral().dual_norm, g=on(SQUARE_OR_NOT, TENSOR)),
    "kl_quadratic": Call(ng.kl_quadratic, metric=on(METRICS, METRIC), p=on(VECTORS, PAIR), q=on(VECTORS, PAIR)),
    "EmpiricalFisher": Call(ng.EmpiricalFisher, dim=on(COUNTS, 2)),
    "EmpiricalFisher.add": Call(ng.EmpiricalFisher(2).add, scores=on(SCORES | SQUARED | WIDE, TENSOR)),
    "empirical_fisher": Call(ng.empirical_fisher, scores=on(SCORES | SQUARED, TENSOR)),
    "numerical_gradient": Call(
        ng.numerical_gradient,
        f=on(FUNCTIONS | RETURNS, lambda x: x.sum()),
        x=on({k: v for k, v in POINTS.items() if k != "too long"}, PAIR),
        unit=on(UNITS, np.array(1.0)),
    ),
    "numerical_hessian": Call(
        ng.numerical_hessian,
        f=on(FUNCTIONS | RETURNS, lambda x: x.sum()),
        x=on({k: v for k, v in POINTS.items() if k != "too long"}, PAIR),
        unit=on(UNITS, np.array(1.0)),
    ),
    "observed_order": Call(ng.observed_order, errors=on(LISTS, PAIR), steps=on(STEPS, np.array([0.1, 0.2]))),
    **of_a_family("Bernoulli", COIN, COIN_THETA, BERNOULLI, np.array([0.0, 1.0]), COINS),
    **of_a_family("Gaussian", BELL, BELL_THETA, GAUSSIAN, PAIR, OBSERVATIONS),
    **of_a_family("Categorical", ng.Categorical(3), np.array([0.2, 0.3]), SIMPLEX, PAIR, OUTCOMES),
    **of_a_family("Poisson", ng.Poisson(), np.array([2.5]), POSITIVE, PAIR, WHOLE),
    **of_a_family("Exponential", ng.Exponential(), np.array([2.5]), POSITIVE, PAIR, TIMES),
    **of_a_family("Gamma", ng.Gamma(), PAIR, POSITIVE, PAIR, AMOUNTS),
    **of_a_family("Beta", ng.Beta(), PAIR, POSITIVE, np.array([0.1, 0.5]), SHARES),
    **of_a_family("StudentT", ng.StudentT(4), PAIR, SCALES, PAIR, OBSERVATIONS),
    **of_a_family(
        "MultivariateGaussian",
        ng.MultivariateGaussian(2),
        np.array([0.5, 1.0, 2.0, 0.3, 1.0]),
        PRECISION,
        PAIR,
        PAIRS,
    ),
    **of_a_family(
        "Reparametrized", ng.reparametrize(BELL, ng.gaussian_mean_scale), BELL_THETA, SCALES, PAIR, OBSERVATIONS
    ),
    "Categorical": Call(ng.Categorical, k=on(COUNTS | {"one": lambda good: 1}, 3)),
    "MultivariateGaussian": Call(ng.MultivariateGaussian, n=on(COUNTS, 3)),
    "StudentT": Call(ng.StudentT, dof=on(DEGREES, np.array(3.0))),
    "reparametrize": Call(
        ng.reparametrize, family=on(FAMILIES, BELL), coordinates=on(COORDINATES, ng.gaussian_mean_scale)
    ),
}
# Abstract classes can't be made, the families have no arguments, and an Estimate is what natgrad makes.
WITHOUT_ARRAYS = {
    "Metric",
    "Family",
    "Norm",
    "Spectral",
    "Solution",
    "Gaussian",
    "Poisson",
    "Exponential",
    "Gamma",
    "Beta",
    "Coordinates",
    "Estimate",
    "Refined",
}
BAD = [(call, argument, bad) for call in CALLS for argument in CALLS[call] for bad in CALLS[call][argument][0]]


@pytest.mark.parametrize("name", CALLS)
def test_good_arguments_are_accepted(name):
    CALLS[name]()


@pytest.mark.parametrize(("name", "argument", "bad"), BAD)
def test_bad_arguments_are_refused(name, argument, bad):
    values, good = CALLS[name][argument]
    refuse(lambda: CALLS[name](**{argument: values[bad](good)}), argument)


def test_every_public_argument_is_in_the_table():
    public = {name: getattr(ng, name) for name in set(ng.__all__) - WITHOUT_ARRAYS if callable(getattr(ng, name))}
    for kind in ng.Metric, ng.Dense, ng.LowRank, ng.MatrixFree, ng.Norm, ng.EmpiricalFisher, ng.Family:
        for method, function in vars(kind).items():
            if inspect.isfunction(function) and not method.startswith("_"):
                public[f"{kind.__name__}.{method}"] = function
    expected = {
        (name, parameter)
        for name, function in public.items()
        for parameter in inspect.signature(function).parameters
        if parameter != "self"
    }
    covered = {(name.split(",")[0], argument) for name in CALLS for argument in CALLS[name]}
    assert covered == expected
    for name in WITHOUT_ARRAYS:
        kind = getattr(ng, name)
        assert issubclass(kind, tuple) or inspect.isabstract(kind) or not inspect.signature(kind).parameters


# What is said, where the words matter most.
MESSAGES = [
    (
        lambda: ng.from_covariance([[0, 1], [1, 0]]),
        "`cov` must be positive definite, but its smallest eigenvalue is -1.",
    ),
    (
        lambda: ng.Dense([[1, 2], [3, 1]]),
        "`tensor` must be symmetric, but its entries (0, 1) and (1, 0) are 2 and 3.",
    ),
    (
        lambda: ng.from_covariance([[1, 2, 3], [4, 5, 6]]),
        "`cov` must be square in its last two axes, but its shape is (2, 3).",
    ),
    (
        lambda: ng.from_frame([[0, 0], [0, 1]]),
        "`frame` must be invertible, but its smallest singular value is 0.",
    ),
    (lambda: ng.Diagonal([1, -2]), "`entries` must be positive, but its smallest entry is -2."),
    (lambda: ng.Dual([[1]]), "`metric` must be a Metric, but it is a list."),
    (lambda: ng.euclidean(0), "`n` must be at least 1, but it is 0."),
    (
        lambda: METRIC.norm([1, 2, 3]),
        "`v` must have length 2 in its last axis, but its shape is (3,).",
    ),
    (lambda: METRIC.norm([1, np.nan]), "`v` must be finite, but it contains nan."),
    (
        lambda: METRIC.solve("up"),
        "`g` must hold real numbers (integers, float32 or float64), but it is str.",
    ),
    (
        lambda: ng.directional_derivative([1, 2], [0, 0], METRIC),
        "`u` must not be zero, but it is zero and has no direction.",
    ),
    (
        lambda: ng.steepest_direction([0, 0], METRIC),
        "`gradient` must not be zero, but it is zero and has no steepest direction.",
    ),
    (
        lambda: ng.steepest_direction([[0, 0], [1, 0], [0, 0]], METRIC),
        "`gradient` must not be zero, but 2 of its 3 vectors are zero and have no steepest direction.",
    ),
    (
        lambda: COIN.log_prob([0.5], [0, 2]),
        "`x` must be 0 or 1, but it contains 2.",
    ),
    (lambda: COIN.fisher([0.5, 0]), "`theta` must have length 1 in its last axis, but its shape is (2,)."),
    *(
        (lambda p=p: COIN.fisher([[0.5], [p]]), f"`theta` must lie strictly between 0 and 1, but it contains {p}.")
        for p in (0, -0.5, 1)
    ),
    (
        lambda: COIN.fisher([[0.5], [1e-310]]),
        "`theta` must be at least 2.23e-308, but it contains 1e-310.",
    ),
    *(
        (
            lambda tau=tau: BELL.fisher([[0, 1], [0, tau]]),
            f"`theta` must have a positive precision tau, but it contains {tau}.",
        )
        for tau in (0, -0.5)
    ),
    (lambda: ng.fisher_metric("Gaussian", [0, 1]), "`family` must be a Family, but it is a str."),
    (
        lambda: ng.fisher_monte_carlo(BELL, [0, 1], 1, RNG),
        "`size` must be at least 2, but it is 1.",
    ),
    (
        lambda: BELL.sample([0, 1], 3, np.random.RandomState(0)),
        "`rng` must be a Generator, but it is a RandomState.",
    ),
    (
        lambda: ng.kl_series(COIN, [0.6], [0.5], 2.5),
        "`terms` must be an integer, but it is a float.",
    ),
    (
        lambda: ng.empirical_fisher([1, 2]),
        "`scores` must have one row for each observation, but its shape is (2,).",
    ),
    (lambda: COIN.log_prob([0.5], -1), "`x` must be 0 or 1, but it contains -1."),
    (lambda: ng.Categorical(3).log_prob([0.5, 0.2], [0, 3]), "`x` must be one of 0, …, 2, but it contains 3."),
    (lambda: ng.Poisson().log_prob([1], -1), "`x` must be a count, but it contains -1."),
    (lambda: ng.Exponential().log_prob([1], -0.5), "`x` must not be negative, but it contains -0.5."),
    (lambda: ng.Gamma().log_prob([1, 1], 0), "`x` must be positive, but it contains 0."),
    (lambda: ng.Gamma().log_prob([1, 1], -0.5), "`x` must be positive, but it contains -0.5."),
    *(
        (
            lambda x=x: ng.Beta().log_prob([1, 1], x),
            f"`x` must lie strictly between 0 and 1, but it contains {x}.",
        )
        for x in (0, 1, -0.5, 1.5)
    ),
    (lambda: ng.Gamma().fisher([-1, 2]), "`theta` must have a positive shape, but it contains -1."),
    (lambda: ng.Gamma().fisher([2, -1]), "`theta` must have a positive rate, but it contains -1."),
    (lambda: ng.Beta().fisher([-1, 2]), "`theta` must have a positive parameter a, but it contains -1."),
    (lambda: ng.Beta().fisher([2, -1]), "`theta` must have a positive parameter b, but it contains -1."),
    (lambda: ng.StudentT(1.5e6), "`dof` must be a number between 0.1 and 1e6, but it is 1500000.0."),
    (lambda: BELL.fisher([0, 0]), "`theta` must have a positive precision tau, but it contains 0."),
    (lambda: BELL.fisher([0, -0.5]), "`theta` must have a positive precision tau, but it contains -0.5."),
    (lambda: BELL.fisher([[0, 1], [0, -1]]), "`theta` must have a positive precision tau, but it contains -1."),
    (
        lambda: BELL.fisher([[0, 1], [0, 1e200]]),
        "`theta` must have a precision tau between 1e-154 and 7e+153, but it contains 1e+200.",
    ),
    (
        lambda: BELL.fisher([[0, 1], [0, 1e-200]]),
        "`theta` must have a precision tau between 1e-154 and 7e+153, but it contains 1e-200.",
    ),
    (
        lambda: ng.Categorical(3).fisher([[0.5, 0.4], [0.9, 0.9]]),
        "`theta` must sum to less than 1, but its largest sum is 1.8.",
    ),
    (
        lambda: ng.Poisson().fisher([[1], [1e17]]),
        "`theta` must have a rate between 1e-154 and 1e+09, but it contains 1e+17.",
    ),
    (
        lambda: ng.MultivariateGaussian(1).fisher([0, 1e-160]),
        "`theta` must have a Fisher matrix that float64 can hold, but one of its entries is inf.",
    ),
    (
        lambda: BELL.log_prob([0, 1], [0.0, 1e200]),
        "`theta` and `x` must have a log density that float64 can hold, but one of its entries is -inf.",
    ),
    (
        lambda: BELL.expect([0, 1], np.abs),
        "`f` must have an expectation that quadrature can find, but rules of 64 and 100 nodes give 0.803041 and "
        "0.801178.",
    ),
    (
        lambda: ng.from_scores(np.ones((4, 2, 3))),
        "`scores` must have at least as many rows as columns, but its shape is (4, 2, 3).",
    ),
    (
        lambda: ng.PNorm(2, [1, 2]).norm([1, 2, 3]),
        "`v` must have coordinates of shape (2,), but its shape is (3,).",
    ),
    (
        lambda: ng.Spectral().norm([1, 2, 3]),
        "`v` must have 2 axes of coordinates, but its shape is (3,).",
    ),
    (
        lambda: ng.observed_order([1, 2, 3], [1, 1, 2]),
        "`steps` must differ from one to the next, but 1 repeats.",
    ),
    (
        lambda: METRIC.inner(np.ones((2, 2)), np.ones((3, 2))),
        "`u` and `v` and `metric` must have leading axes that broadcast, but these are (2,) and (3,) and ().",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[message for _, message in MESSAGES])
def test_messages(call, message):
    assert refuse(call) == message


SEVERAL = ng.Dense(np.stack([TENSOR, TENSOR, TENSOR]))
TWO = np.ones((2, 2))
MISMATCHES = {
    "sums of different size": (lambda: ng.EmpiricalFisher(2) + ng.EmpiricalFisher(3), ["other"]),
    "a mean of nothing": (lambda: ng.EmpiricalFisher(2).matrix(), ["scores"]),
    "apply": (lambda: SEVERAL.apply(TWO), ["v", "metric"]),
    "solve": (lambda: SEVERAL.solve(TWO), ["g", "metric"]),
    "norm": (lambda: SEVERAL.norm(TWO), ["v", "metric"]),
    "inner": (lambda: SEVERAL.inner(TWO, [1, 1]), ["u", "v", "metric"]),
    "distance": (lambda: METRIC.distance(TWO, np.ones((3, 2))), ["x", "y", "metric"]),
    "directional derivative": (
        lambda: ng.directional_derivative(TWO, np.ones((3, 2)), METRIC),
        ["gradient", "u", "metric"],
    ),
    "natural gradient": (lambda: ng.natural_gradient(TWO, SEVERAL), ["gradient", "metric"]),
    "steepest direction": (lambda: ng.steepest_direction(TWO, SEVERAL), ["gradient", "metric"]),
    "weights": (lambda: ng.PNorm(2, np.ones((3, 2))).norm(TWO), ["v", "norm"]),
    "quadratic": (lambda: ng.kl_quadratic(SEVERAL, TWO, [1, 1]), ["p", "q", "metric"]),
    "quadratic, points": (lambda: ng.kl_quadratic(METRIC, TWO, np.ones((3, 2))), ["p", "q"]),
    "log_prob": (lambda: BELL.log_prob(TWO, [1, 2, 3]), ["theta", "x"]),
    "score": (lambda: COIN.score([[0.5], [0.6]], [0, 1, 1]), ["theta", "x"]),
    "kl": (lambda: BELL.kl(TWO, np.ones((3, 2))), ["theta0", "theta1"]),
    "orders": (lambda: ng.observed_order([1, 2, 3], [1, 2]), ["errors"]),
    "orders, one error": (lambda: ng.observed_order([1], [1]), ["errors"]),
    "orders, one step": (lambda: ng.observed_order([1, 2], [1]), ["errors"]),
    "orders, a table": (lambda: ng.observed_order([1, 2], [[1, 2], [1, 2]]), ["errors"]),
    "the dimension of the metric": (lambda: ng.natural_gradient([1, 1], ng.euclidean(3)), ["gradient"]),
    "the dimension of the family": (lambda: ng.fisher_metric(BELL, [0.5]), ["theta"]),
    "one family's parameters": (lambda: ng.kl_divergence(COIN, [0.5], [0, 1]), ["q"]),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_arguments_that_do_not_fit_together(name):
    call, arguments = MISMATCHES[name]
    refuse(call, *arguments)


@pytest.mark.parametrize("terms", [2, 5])
def test_expectations_that_do_not_exist(terms):
    refuse(lambda: ng.kl_series(BELL, [0, 1], [0, 0.5], terms), "q")
    refuse(lambda: ng.chi2_divergence(BELL, [0, 1], [3, 0.51]), "q")


def test_abstract_classes_cannot_be_made():
    for kind in ng.Metric, ng.Norm, ng.Family:
        with pytest.raises(TypeError, match="abstract"):
            kind()


MAP = ng.gaussian_mean_scale
WRONG_COORDINATES = {
    "a wrong Jacobian": MAP._replace(jacobian=lambda phi: 1.01 * MAP.jacobian(phi)),
    "a transposed Jacobian": ng.gaussian_natural._replace(jacobian=lambda phi: ng.gaussian_natural.jacobian(phi).mT),
    "a Jacobian of another shape": MAP._replace(jacobian=lambda phi: MAP.jacobian(phi)[..., 0]),
    "a complex map": MAP._replace(to_theta=lambda phi: MAP.to_theta(phi) + 0j),
    "a complex Jacobian": MAP._replace(jacobian=lambda phi: MAP.jacobian(phi) + 0j),
    "a map to text": MAP._replace(to_theta=lambda phi: "theta"),
    "a ragged Jacobian": MAP._replace(jacobian=lambda phi: [[1.0, 0.0], [0.0]]),
    "a masked map": MAP._replace(to_theta=lambda phi: np.ma.array(MAP.to_theta(phi), mask=True)),
    "a map to another shape": MAP._replace(to_theta=lambda phi: MAP.to_theta(phi)[..., 0]),
    "a map that forgets": MAP._replace(
        to_theta=lambda phi: MAP.to_theta(phi * [1, 0] + [0, 1]), jacobian=lambda phi: MAP.jacobian(phi) * [1, 0]
    ),
}


@pytest.mark.parametrize("name", WRONG_COORDINATES)
def test_wrong_coordinates(name):
    family = ng.reparametrize(BELL, WRONG_COORDINATES[name])
    theta = [0.5, -2.0] if name == "a transposed Jacobian" else [0.5, 2.0]
    refuse(lambda: family.score(theta, 0.3), "coordinates")
    refuse(lambda: family.kl([theta], [theta]), "coordinates")


@pytest.mark.parametrize("sigma", [1e-3, 1, 1e3])
def test_a_wrong_entry_of_a_jacobian_is_seen_and_named_in_any_unit(sigma):
    right, phi = ng.gaussian_natural, np.array([[0.5 / sigma, -0.5 / sigma**2]])
    jacobian = right.jacobian(phi)[0]
    ng.reparametrize(BELL, right).score(np.repeat(phi, 3, axis=0), sigma)
    for i, j in (0, 0), (0, 1), (1, 1):
        off = np.ones((2, 2))
        off[i, j] += 1e-4
        wrong = right._replace(jacobian=lambda phi, off=off: off * right.jacobian(phi))
        message = refuse(lambda wrong=wrong: ng.reparametrize(BELL, wrong).score(phi, sigma), "coordinates")
        named = re.search(r"its entry \((.*)\) is (\S+) where differences give (\S+)\.$", message)
        assert named[1] == f"{i}, {j}"
        assert float(named[2]) == pytest.approx(jacobian[i, j] * (1 + 1e-4), rel=1e-5)
        assert float(named[3]) == pytest.approx(jacobian[i, j], rel=1e-5)


HUGE = {
    "log density": lambda: BELL.log_prob([0, 1], 1e200),
    "score": lambda: BELL.score([0, 1], [0.0, 1e200]),
    "divergence": lambda: BELL.kl([0, 1], [1e200, 1]),
    "float32": lambda: BELL.log_prob(np.float32([0, 1]), np.float32(1e30)),
}


@pytest.mark.parametrize("name", HUGE)
def test_overflow_is_refused(name):
    refuse(HUGE[name], *(("theta0", "theta1") if name == "divergence" else ("theta", "x")))
