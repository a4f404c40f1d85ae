"""Bad input is refused by natgrad itself, in one form, naming the caller's argument.

What makes a metric or a norm meets all that is wrong with its arguments; a verb, whose vectors go through the same
door as all others, a sample. Families are in `test_family_errors`.
"""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import natgrad as ng

FORM = re.compile(r"(`\w+`(?: and `\w+`)*) must .+, but .+\.")
FOLDER = Path(ng.__file__).parent


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
    "bool": lambda good: good > 0,
    "object": lambda good: good.astype(object),
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


TENSOR = np.array([[5.0, 2.0], [2.0, 4.0]])
METRIC = ng.from_frame([[2, 1], [0, 2]])
PAIR = np.array([1.0, 2.0])
# A little of everything: what is not a number, of no use, and of the wrong shape.
SAMPLE = {
    name: VECTORS[name] for name in ("nan", "minus infinity", "complex", "empty", "ragged", "None", "masked", "bool")
}
SAMPLE |= {name: VECTORS[name] for name in ("a number", "too long", "transposed", "a metric")}
ZERO = {name: NONZERO[name] for name in ("zero", "one of several zero")}
HUNDREDS = {"too large": lambda good: 1e200 * good, "too small": lambda good: 1e-200 * good}

# Each callable with, for each argument, a good value and what is wrong for it: a new public name is a line here.
CALLS = {
    "Dense": (ng.Dense, {"tensor": (TENSOR, DEFINITE)}),
    "Diagonal": (ng.Diagonal, {"entries": (PAIR, ENTRIES)}),
    "Dual": (ng.Dual, {"metric": (METRIC, METRICS)}),
    "euclidean": (ng.euclidean, {"n": (2, COUNTS)}),
    "from_covariance": (ng.from_covariance, {"cov": (TENSOR, DEFINITE)}),
    "from_frame": (ng.from_frame, {"frame": (TENSOR, FRAMES)}),
    "from_scores": (ng.from_scores, {"scores": (TENSOR, TALL)}),
    "Kronecker": (ng.Kronecker, {"inputs": (TENSOR, DEFINITE), "outputs": (TENSOR, DEFINITE)}),
    "LowRank": (ng.LowRank, {"scores": (TENSOR, SCORES | HUGE), "damping": (np.array(0.5), NUMBERS)}),
    "MatrixFree": (
        ng.MatrixFree,
        {
            "matvec": (lambda v: 2 * v, MATVECS),
            "dim": (2, COUNTS),
            "tolerance": (np.array(1e-8), NUMBERS | {"one": lambda good: 1.0}),
            "iterations": (9, COUNTS),
        },
    ),
    "MatrixFree.solution": (ng.MatrixFree(lambda v: 2 * v, 2).solution, {"g": (PAIR, SAMPLE)}),
    "PNorm": (ng.PNorm, {"p": (np.array(1.5), EXPONENTS)}),
    "Norm.norm": (METRIC.norm, {"v": (PAIR, SAMPLE)}),
    "Norm.dual_norm": (METRIC.dual_norm, {"g": (PAIR, SAMPLE)}),
    "Metric.apply": (METRIC.apply, {"v": (PAIR, VECTORS)}),  # for all that takes vectors
    "Metric.solve": (METRIC.solve, {"g": (PAIR, SAMPLE)}),
    "Metric.squared_norm": (METRIC.squared_norm, {"v": (PAIR, SAMPLE | HUNDREDS)}),
    "Metric.squared_dual_norm": (METRIC.squared_dual_norm, {"g": (PAIR, SAMPLE | HUNDREDS)}),
    "Metric.inner": (METRIC.inner, {"u": (PAIR, SAMPLE), "v": (PAIR, SAMPLE)}),
    "Metric.distance": (METRIC.distance, {"x": (PAIR, SAMPLE), "y": (PAIR, SAMPLE)}),
    "Metric.whiten": (METRIC.whiten, {"v": (PAIR, SAMPLE)}),
    "Metric.unwhiten": (METRIC.unwhiten, {"w": (PAIR, SAMPLE)}),
    "Metric.damped": (METRIC.damped, {"damping": (PAIR, {k: v for k, v in ENTRIES.items() if k != "a number"})}),
    "directional_derivative": (
        ng.directional_derivative,
        {"gradient": (PAIR, SAMPLE), "u": (PAIR, SAMPLE | ZERO), "norm": (METRIC, METRICS)},
    ),
    "natural_gradient": (ng.natural_gradient, {"gradient": (PAIR, SAMPLE), "metric": (METRIC, METRICS)}),
    "steepest_direction": (
        ng.steepest_direction,
        {"gradient": (PAIR, NONZERO | HUNDREDS), "norm": (METRIC, METRICS)},
    ),
}
# Whatever these modules make public is in the table; of classes that can't be made, or have no arguments, the verbs.
MODULES = {f"natgrad.{name}" for name in ("metric", "mahalanobis", "norms", "steepest", "large")}
BAD = [(call, name, bad) for call, (_, arguments) in CALLS.items() for name in arguments for bad in arguments[name][1]]


@pytest.mark.parametrize(("call", "name", "bad"), BAD)
def test_bad_arguments_are_refused(call, name, bad):
    function, arguments = CALLS[call]
    good, wrong = arguments[name]
    refuse(lambda: function(**{k: v for k, (v, _) in arguments.items()} | {name: wrong[bad](good)}), name)


@pytest.mark.parametrize("call", CALLS)
def test_good_arguments_are_accepted(call):
    function, arguments = CALLS[call]
    function(**{name: good for name, (good, _) in arguments.items()})


def test_every_public_argument_is_in_the_table():
    public = {name: value for name in ng.__all__ if (value := getattr(ng, name)).__module__ in MODULES}
    expected = set()
    for name, value in public.items():
        if not inspect.isabstract(value):
            expected |= {(name, parameter) for parameter in inspect.signature(value).parameters}
        if inspect.isclass(value):
            for method, function in vars(value).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    parameters = set(inspect.signature(function).parameters) - {"self"}
                    expected |= {(f"{name}.{method}", parameter) for parameter in parameters}
    assert {(call, name) for call, (_, arguments) in CALLS.items() for name in arguments} == expected


# What is said, where the words matter most.
# Thirty masses in a row, each pulled to its neighbours: it takes fifteen steps to hear of both ends.
SPRINGS = 2 * np.eye(30) - np.eye(30, k=1) - np.eye(30, k=-1)
MESSAGES = [
    (
        lambda: ng.from_covariance([[4, 2, 0], [2, 1 + 1e-14, 0], [0, 0, 1]]),
        "`cov` must be positive definite beyond rounding, but scaled to a diagonal of ones its condition number is "
        "4e+14.",
    ),
    (
        lambda: ng.Dense([[1, 0], [0, 1e-300]]),
        "`tensor` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: ng.from_scores([[1, 0], [0, 1e-200], [0, 0]]),
        "`scores` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: ng.LowRank([[1e-200, 0]], 1e-300),
        "`scores` and `damping` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: ng.MatrixFree(lambda v: 2 * v, 2).solution([1e-300, 0]),
        "`g` must have a result within the range of float64, but it underflows.",
    ),
    (lambda: METRIC.norm([1e-200, 0]), "`v` must have a result within the range of float64, but it underflows."),
    (lambda: METRIC.norm([1e200, 0]), "`v` must have a result within the range of float64, but it overflows."),
    (
        lambda: METRIC.inner([1e-200, 0], [1e-200, 0]),
        "`u` and `v` must have a result within the range of float64, but it underflows.",
    ),
    (
        lambda: ng.MatrixFree(lambda v: v, 2).whiten([1, 2]),
        "`metric` must hold a factor of G to whiten with, but it is MatrixFree(n=2, tolerance=1e-08).",
    ),
    (lambda: ng.Dense(TENSOR).damped([1, 2, 3]), "`damping` must be one number or 2, but its shape is (3,)."),
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
        "`cov` must have the shape (..., n, n), but its shape is (2, 3).",
    ),
    (
        lambda: ng.from_frame([[0, 0], [0, 1]]),
        "`frame` must be invertible, but its smallest singular value is 0.",
    ),
    (
        lambda: ng.from_frame([[1e9, 1e9], [1, 1 + 1e-14]]),
        "`frame` must be invertible beyond rounding, but scaled to rows of length one its condition number is 4e+14.",
    ),
    (
        lambda: ng.from_scores([[1e9, 1, 0], [1e9, 1 + 1e-14, 0], [0, 0, 1]]),
        "`scores` must have independent columns beyond rounding, but scaled to columns of length one its condition "
        "number is 4e+14.",
    ),
    (lambda: ng.PNorm(0.5), "`p` must be a single number from 1 to infinity, but it is 0.5."),
    (lambda: ng.PNorm([1, 2]), "`p` must be a single number from 1 to infinity, but it is [1. 2.]."),
    (lambda: ng.MatrixFree(abs, 2, tolerance=1), "`tolerance` must be below one, but it is 1."),
    (
        lambda: ng.MatrixFree(lambda v: SPRINGS @ v, 30, iterations=10).solve(np.ones(30)),
        "`matvec` must let conjugate gradients converge to a relative error of 1e-08, but it is 0.62 after 10 "
        "iterations.",
    ),
    (lambda: ng.Diagonal([1, -2]), "`entries` must be positive, but its smallest entry is -2."),
    (lambda: ng.Dual([[1]]), "`metric` must be a Metric, but it is a list."),
    (lambda: ng.euclidean(0), "`n` must be at least 1, but it is 0."),
    (
        lambda: METRIC.norm([1, 2, 3]),
        "`v` must have the shape (..., 2), but its shape is (3,).",
    ),
    (lambda: METRIC.norm([1, np.nan]), "`v` must be finite, but it contains nan."),
    (
        lambda: METRIC.solve("up"),
        "`g` must hold real numbers (integers or floats up to float64), but it is str.",
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
        lambda: ng.from_scores(np.ones((4, 2, 3))),
        "`scores` must have at least as many rows as columns, but its shape is (4, 2, 3).",
    ),
    (
        lambda: ng.Spectral().norm([1, 2, 3]),
        "`v` must have the shape (..., m, n), but its shape is (3,).",
    ),
    (
        lambda: METRIC.inner(np.ones((2, 2)), np.ones((3, 2))),
        "`u` and `v` must have leading axes that broadcast, but these are (2,) and (3,).",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[message for _, message in MESSAGES])
def test_messages(call, message):
    assert refuse(call) == message


SEVERAL = ng.Dense(np.stack([TENSOR, TENSOR, TENSOR]))

TWO = np.ones((2, 2))

MISMATCHES = {
    "apply": (lambda: SEVERAL.apply(TWO), ["v", "metric"]),
    "solve": (lambda: SEVERAL.solve(TWO), ["g", "metric"]),
    "norm": (lambda: SEVERAL.norm(TWO), ["v", "metric"]),
    "inner": (lambda: SEVERAL.inner(TWO, [1, 1]), ["u", "v", "metric"]),
    "distance": (lambda: METRIC.distance(TWO, np.ones((3, 2))), ["x", "y"]),
    "directional derivative": (
        lambda: ng.directional_derivative(TWO, np.ones((3, 2)), METRIC),
        ["gradient", "u"],
    ),
    "natural gradient": (lambda: ng.natural_gradient(TWO, SEVERAL), ["gradient", "metric"]),
    "steepest direction": (lambda: ng.steepest_direction(TWO, SEVERAL), ["gradient", "metric"]),
    "the dimension of the metric": (lambda: ng.natural_gradient([1, 1], ng.euclidean(3)), ["gradient"]),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_arguments_that_do_not_fit_together(name):
    call, arguments = MISMATCHES[name]
    refuse(call, *arguments)


def test_abstract_classes_cannot_be_made():
    for kind in ng.Metric, ng.Norm:
        with pytest.raises(TypeError, match="abstract"):
            kind()
