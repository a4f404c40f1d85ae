"""Checks of exercises: an answer is looked up by its name and tried on fresh instances.

Nothing is hidden: what an answer has to satisfy stands in the cell below it. A sentence says what is missing or wrong.
It is an error, so that a grader sees it, but one that Jupyter shows without a traceback.
"""

import ast
import inspect
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

NOTHING = "{} gives nothing: is there a `return`?"


class NotRight(AssertionError):
    """What is missing in an answer, or wrong with it, as a sentence."""

    def _render_traceback_(self) -> list[str]:  # what IPython shows instead of a traceback
        return [str(self)]


class _TooLong(BaseException):  # not an Exception, which an answer might catch
    pass


def check(*names: str, instances: int = 20, seconds: float = 10, without: tuple[str, ...] = ()) -> Callable:
    """Check the answers of these names at once, with the decorated function.

    It is called with a fresh random generator and the answers, as often as `instances` says, and asserts what has to
    hold. What stands in `without` may not be called; what computes longer than `seconds` is stopped.

    >>> def double(x):
    ...     return 2 * x
    >>> @check("double")
    ... def doubles(rng, double):
    ...     x = rng.integers(1, 9)
    ...     same(double(x), x + x, {"That is the square.": x**2})
    Right on 20 fresh instances: `double`.
    """

    def run(trial: Callable) -> Callable:
        answers = [_find(name, trial.__globals__) for name in names]
        for name, answer in zip(names, answers, strict=True):
            for other in sorted(_mentioned(answer) & set(without)):
                raise NotRight(f"`{name}` should do without `{other}`: that is what the exercise asks you to write.")
        rng = np.random.default_rng()
        try:
            with _limit(seconds, trial.__globals__):
                for _ in range(instances):
                    trial(rng, *answers)
        except NotImplementedError as blank:
            name = traceback.extract_tb(blank.__traceback__)[-1].name  # of a class, the method
            raise NotRight(f"Not answered yet: `{name}` is still to be written.") from None
        except AssertionError as wrong:
            raise NotRight(f"{wrong or 'That is not right yet.'}{_unused(names, answers)}") from None
        except _TooLong:
            loop = f"does {_listed(names)} have a loop that never ends, or do more than is asked?"
            raise NotRight(f"Stopped after {seconds:g} seconds of computing: {loop}") from None
        except Exception as error:
            raise NotRight(_broken(names, answers, error)) from None
        print(f"Right{f' on {instances} fresh instances' if instances > 1 else ''}: {_listed(names)}.\n", end="")
        return trial

    return run


def same(got: object, right: object, slips: dict[str, object] | None = None, case: str = "", rtol: float = 1e-6):
    """Assert that a result is what it should be; `slips` are wrong results that people get, each with what to say.

    >>> same(9, 6, {"That is the square of 3.": 9})
    Traceback (most recent call last):
    AssertionError: That is the square of 3.
    >>> same(7, 6, {"That is the square of 3.": 9}, "`double(3)`")
    Traceback (most recent call last):
    AssertionError: `double(3)` gives 7, but 6 is right.
    """
    case = case or "Your answer"
    if got is None or got is Ellipsis:
        raise AssertionError(NOTHING.format(case))
    value, expected = np.asarray(got), np.asarray(right)
    try:
        value = value.astype(bool if expected.dtype == bool else float)
    except (TypeError, ValueError):
        raise AssertionError(f"{case} gives {got!r}, which is not a number or an array of numbers.") from None
    if _close(value, expected, rtol):
        return
    for message, slip in (slips or {}).items():
        if _close(value, np.asarray(slip), rtol):
            raise AssertionError(message)
    if value.shape != expected.shape:
        raise AssertionError(f"{case} has the shape {value.shape}, but {expected.shape or 'a number'} is asked for.")
    raise AssertionError(f"{case} gives {_short(value)}, but {_short(expected)} is right.")


def at(expression: object, **values: float) -> float | np.ndarray:
    """The number that a sympy expression has at values of its symbols, which are told by their names.

    Of a matrix or a list of expressions, an array of numbers.

    >>> import sympy as sp
    >>> at(sp.Symbol("x") ** 2, x=3)
    9.0
    >>> at([sp.Symbol("x"), 2], x=3)
    array([3., 2.])
    """
    entries = np.asarray(expression, dtype=object)
    if entries.ndim:
        return np.array([at(entry, **values) for entry in entries.flat]).reshape(entries.shape)
    symbols = getattr(expression, "free_symbols", set())
    for name in sorted(symbol.name for symbol in symbols):
        if name not in values:
            raise AssertionError(f"Your answer contains `{name}`, which should not be left in it.")
    return float(expression.subs({symbol: values[symbol.name] for symbol in symbols}) if symbols else expression)


def instance(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A gradient g, a symmetric positive definite G, and the natural gradient G⁻¹g, in two to five dimensions."""
    n = rng.integers(2, 6)
    root, g = rng.integers(-3, 4, (n, n)), rng.integers(1, 9, n)
    G = root @ root.T + np.eye(n)
    return g, G, np.linalg.solve(G, g)


def _close(value, expected, rtol):
    if value.shape != expected.shape:
        return False
    return bool(np.all(np.abs(value - expected.astype(float)) <= rtol * max(1e-3, np.abs(expected).max(initial=0))))


_short = lambda value: np.array2string(value, separator=", ", formatter={"float_kind": "{:.4g}".format})
_listed = lambda names: " and ".join(f"`{name}`" for name in names)


def _find(name, namespace):
    if namespace.get(name, Ellipsis) is Ellipsis:
        raise NotRight(f"Not answered yet: there is no `{name}`.")
    return namespace[name]


def _source(answer):
    """The syntax of a function that the reader wrote, if it can be had."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError):
        return ast.parse("")


def _mentioned(answer):
    trees = map(_source, _functions(answer))
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))]
    return {node.id if isinstance(node, ast.Name) else node.attr for node in nodes}


def _unused(names, answers):
    """A function that ignores what it is given was made for one instance."""
    for name, answer in zip(names, answers, strict=True):
        if inspect.isfunction(answer) and (tree := _source(answer)).body:
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            for parameter in inspect.signature(answer).parameters:
                if parameter not in used:
                    return f" (`{name}` doesn't use `{parameter}`.)"
    return ""


def _functions(answer):
    """What has been written: the answer, or if it is a class, its methods."""
    written = vars(answer).values() if inspect.isclass(answer) else (answer,)
    return [value for value in written if inspect.isfunction(value)]


def _broken(names, answers, error):
    files = {written.__code__.co_filename for answer in answers for written in _functions(answer)}
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    told = f"{type(error).__name__}: {error}"
    if lines:
        return f"{_listed(names)} ends in an error in line {lines[-1]} of its cell. {told}"
    if "NoneType" in told:
        return NOTHING.format(_listed(names))
    return f"The check can do nothing with your {_listed(names)}. {told}"


@contextmanager
def _limit(seconds, namespace):
    """Stop what computes longer. By a trace, because a browser's Python has neither signals nor threads."""
    end, soonest = time.process_time() + seconds, time.perf_counter() + seconds

    def watch(frame, event, argument):
        # The clock on the wall is quick to look at, and never behind that of the processor.
        if time.perf_counter() > soonest and time.process_time() > end:
            raise _TooLong
        return watch if frame.f_globals is namespace else None  # line by line only what the reader wrote

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(before)
