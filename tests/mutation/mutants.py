"""Change the checked mathematics, one sign, factor, index or argument at a time, and see whether a check notices.

    python tests/mutation/mutants.py              what has changed since its last result: modules of natgrad, chapters
    python tests/mutation/mutants.py metric 2_    the modules and chapters whose names begin like this, changed or not
    python tests/mutation/mutants.py all          everything again
    python tests/mutation/mutants.py none         nothing: only what equivalent_mutants.toml says of the last results

Each module and chapter is written to results.json as soon as it is done: a run that was stopped goes on where it was.
Mutants of one symbol are cosmic-ray's; those of an expression are made by `rewritten`.
A mutant of natgrad dies by the first test that fails, of those that call what is changed, within some seconds of tests.
A mutant of a cell dies if its own cell or a later one raises, warns, takes too long, or shows a text or a drawing that
differs from what is stored: by what fails under nbval. Each mutant runs in a process forked where it differs, so that
nothing is imported or computed twice.

A survivor needs a reason in equivalent_mutants.toml, or else a new assertion.
"""

import ast
import collections
import datetime
import dis
import functools
import gc
import hashlib
import importlib
import inspect
import itertools
import json
import mmap
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import time
import types
import warnings
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # only a process with a single thread can be forked safely

import hypothesis
import ledger
import nbformat
import numpy as np
import pytest
from _pytest.doctest import DoctestItem
from _pytest.runner import runtestprotocol
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider
from IPython.core.formatters import DisplayFormatter
from nbformat.v4 import new_code_cell, new_notebook, new_output

# What the tests will import, so that no mutant has to.
for package in (
    "matplotlib.figure",
    "mpmath",
    "nbval.plugin",
    "scipy.integrate",
    "scipy.optimize",
    "scipy.stats",
    "sympy",
):
    importlib.import_module(package)

ROOT = ledger.ROOT
RESULT = ledger.PATH.with_name("results.json")
PROCESSES = 2
# Of computing, for one mutant: it has died if it takes longer, which what it is one of must not, and it has survived if
# the tests that were run until then have passed.
SECONDS, PATIENCE = 20, 12
BYTES = 2 * 2**30  # and if it takes more memory
TARGETS = {"package": 0.95, "cells": 0.90}

MODULES = sorted({path.stem for path in ROOT.glob("natgrad/*.py")} - {"__init__"})
CHAPTERS = sorted(path.stem for path in ROOT.glob("chapters/*.ipynb"))
# The tests of the package are those that call it by its short name; a cluster of processes is too slow.
TESTS = sorted(path for path in ROOT.glob("tests/test_*.py") if "import natgrad as ng" in path.read_text("utf-8"))
TESTS = [path for path in TESTS if path.stem != "test_dask"]
TESTS += [ROOT / "tests" / f"test_{name}.py" for name in ("kernels", "special")]
TESTS = [str(path.relative_to(ROOT)) for path in TESTS if path.exists()]

OPERATORS = {
    "ReplaceBinaryOperator_": "Add_Sub Sub_Add Mul_Div Div_Mul Pow_Mul BitAnd_BitOr BitOr_BitAnd",
    # Turned round, and not only by what holds at equality, which hardly ever happens to numbers that are not whole.
    "ReplaceComparisonOperator_": "Lt_Gt LtE_Gt Gt_Lt GtE_Lt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is",
    "ReplaceUnaryOperator_": "USub_UAdd Delete_Invert Delete_Not",
    "": "AddNot ReplaceAndWithOr ReplaceOrWithAnd ReplaceTrueWithFalse ReplaceFalseWithTrue NumberReplacer",
}
SYMBOLS = [kind + name for kind, names in OPERATORS.items() for name in names.split()]
PAIRS = "sin cos, min max, argmin argmax, any all, zeros ones, log log1p, exp expm1, norm dual_norm, apply solve, "
PAIRS += "squared_norm squared_dual_norm, _apply _solve, _squared_norm _squared_dual_norm, from_covariance Dense"
OTHER = {a: b for pair in PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
# Matrices by name, or transposed, that need not be symmetric.
MATRIX = re.compile(r"\b([JLMQ][7n]?|frame|factor|triangle|root|quarter|rotation|squeezed|turn)\b|\.m?T\b")
# What decides how large the parts are that something is computed in, or by which of two ways, and not what it is.
SPEED = {"SMALL", "BLOCK", "NODES"}
# Bounds of what is still good enough.
TOLERANCE = re.compile(r".*TOLERANCE|.*ROUNDINGS?")
KEYWORDS = {"strict", "copy", "clean", "maxsize"}
# Functions that don't care for the order of their first two arguments.
SYMMETRIC = {"allclose", "isclose", "vecdot", "hypot", "maximum", "minimum", "max", "min", "Max", "logaddexp"}
SYMMETRIC |= {"broadcast_shapes", "swapaxes", "product"}
# What random numbers are drawn from, and what puts something into a list or another thing that is there.
GENERATORS = {"rng", "draw", "seed", "dice"}
PUT = {"append", "extend", "add", "observe", "update", "shuffle"}


def rewritten(node, text):
    """Other forms of an expression: transposes, order of arguments and indices, factors of two, related functions."""
    match node:
        case ast.Attribute(value=value, attr="T" | "mT"):
            yield text(value)
        case ast.Attribute(value=value, attr=name) if name in OTHER:
            yield f"{text(value)}.{OTHER[name]}"
        case ast.Call(func=function, args=arguments) if ast.unparse(function).split(".")[-1] not in SYMMETRIC:
            for k in range(len(arguments) - 1):
                swapped = [*arguments[:k], arguments[k + 1], arguments[k], *arguments[k + 2 :], *node.keywords]
                yield f"{text(function)}({', '.join(map(text, swapped))})"
        case ast.BinOp(left=left, op=ast.MatMult(), right=right) if MATRIX.search(text(node)):
            yield f"(({text(right)}) @ ({text(left)}))"  # of two vectors it is the same
        case ast.Subscript(value=value, slice=ast.Tuple(elts=[*rest, i, j])):
            yield f"{text(value)}[{', '.join(map(text, [*rest, j, i]))}]"
        case ast.Constant(value=float(number)):
            yield str(2 * number)
        case ast.Name(id=name, ctx=ast.Load()) if MATRIX.fullmatch(name):
            yield f"{name}.T"


def by_position_only(tree):
    return sum(len(node.posonlyargs) for node in ast.walk(tree) if isinstance(node, ast.arguments))


def start(node):
    return node.lineno, node.col_offset


def end(node):
    return node.end_lineno, node.end_col_offset


def spared_in_module(tree):
    """What is not mathematics in a module: annotations, the texts of errors, what a type checker reads, keywords that
    decide what is copied or remembered and whether lengths that are equal are compared, what decides about speed, how
    strict a bound is, a seed; and whether it is a matrix or its transpose that is asked for its dtype.
    """
    for node in ast.walk(tree):
        notes = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        yield from ((start(note), end(note)) for note in notes if note)
        checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        keyword = isinstance(node, ast.keyword) and node.arg in KEYWORDS
        if checking or keyword or isinstance(node, (ast.Raise, ast.JoinedStr)):
            yield start(node), end(node)
        match node:
            case ast.If(test=part) | ast.IfExp(test=part) | (ast.Compare() as part) if names_in(part) & SPEED:
                yield start(part), end(part)
            case ast.Call(func=ast.Attribute(attr="reshape"), args=shape):
                # Any negative number stands for the size that is to be found.
                yield from ((start(n), end(n)) for n in shape if isinstance(n, ast.UnaryOp))
            case ast.Assign(targets=[target], value=value) if names_in(target) & SPEED or "BLOCK" in names_in(value):
                yield start(value), end(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if TOLERANCE.fullmatch(name):
                yield start(value), end(value)
            case ast.Attribute(value=ast.Name() as part, attr="dtype" | "ndim"):
                yield start(part), end(part)
            case ast.Call(func=ast.Attribute(attr="default_rng"), args=parts):
                yield from ((start(part), end(part)) for part in parts if isinstance(part, (ast.Name, ast.Constant)))


def names_in(tree):
    return {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}


def spared_in_cell(tree):
    """What is not mathematics in a cell: how strict an assertion is, how many draws or points, how many digits."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="rtol" | "atol") | ast.keyword(value=ast.Constant(value=bool())) | ast.JoinedStr():
                yield start(node), end(node)
            case ast.Call(func=ast.Attribute(attr="round"), args=[*_, digits]):
                yield start(digits), end(digits)
            case ast.Constant(value=int(number)) if number >= 100:
                yield start(node), end(node)
            case ast.Assert(test=test):
                for part in ast.walk(test):
                    yield from strictness(part)


def strictness(node):
    """In an assertion: comparisons and the tolerances they compare with, conjunctions, quantifiers."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [left, *comparators]
            yield from ((end(a), start(b)) for a, b in zip(operands, comparators, strict=False))
            if not any(isinstance(op, ast.Eq) for op in ops):
                compared = operands[len(comparators) // 2]
                for bound in operands:
                    constants = [n for n in ast.walk(bound) if isinstance(n, ast.Constant)]
                    if constants and bound is not compared:
                        yield start(bound), end(bound)
        case ast.BoolOp(values=values):
            yield from ((end(a), start(b)) for a, b in zip(values, values[1:], strict=False))
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
            yield end(left), start(right)
        case ast.Attribute(value=value, attr="all" | "any" | "max" | "min"):
            yield end(value), end(node)


def mutants(source, spared):
    """All mutants of a program: (line, change, mutated program)."""
    tree, original = ast.parse(source), ast.dump(ast.parse(source))
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.JoinedStr):
            node.values = []
    lines = source.splitlines(keepends=True)

    def offset(place):
        line, column = place  # ast counts bytes
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    def text(node):
        return source[offset(start(node)) : offset(end(node))]

    programs = []
    for operator in (OperatorProvider()[name]() for name in SYMBOLS):
        nodes = [node for node in ast_nodes(get_ast(source)) for _ in operator.mutation_positions(node)]
        whole = [k for k, node in enumerate(nodes) if not re.match(r"\d*(\.|e)", node.get_code().strip())]
        programs += [mutate_code(source, operator, k) for k in whole]
    for node in ast.walk(tree):
        for new in rewritten(node, text):
            programs.append(source[: offset(start(node))] + new + source[offset(end(node)) :])

    spans = [(offset(a), offset(b)) for a, b in spared(tree)]
    for program in dict.fromkeys(programs):
        try:
            mutant = ast.parse(program)
        except SyntaxError:
            continue
        # cosmic-ray takes the * before keywords for a product.
        if by_position_only(mutant) != by_position_only(tree):
            continue
        if ast.dump(mutant) == original or program.count("assert not") != source.count("assert not"):
            continue
        begin = len(os.path.commonprefix([source, program]))
        if program[begin:].startswith(" ") and source[begin:][:1].isdigit():  # cosmic-ray's numbers come with a space
            program = program[:begin] + program[begin + 1 :]
            begin = len(os.path.commonprefix([source, program]))
        tail = len(os.path.commonprefix([source[begin:][::-1], program[begin:][::-1]]))
        if any(a <= begin and len(source) - tail <= b for a, b in spans):
            continue
        first, last = source.count("\n", 0, begin), source[begin : len(source) - tail].count("\n")
        old = lines[first : first + last + 1]
        new = program.splitlines(keepends=True)[first : len(program.splitlines()) - (len(lines) - first - len(old))]
        yield first + 1, " → ".join(" ".join("".join(part).split()) for part in (old, new)), program


def survivors(candidates, passes):
    """Those of the candidates, (where, change, program), whose program `passes` in a process of its own."""
    running, found = {}, []

    def wait():
        pid, status = os.wait()
        where, change, _ = candidate = running.pop(pid)
        if os.WIFSIGNALED(status):
            print(f"  out of time  {where}  {change}")
        elif status == 0:
            found.append(candidate)

    for candidate in candidates:
        if len(running) == PROCESSES:
            wait()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            failed = True
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
                resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(1, 2)
                failed = not passes(candidate[2])
            finally:
                os._exit(failed)
        running[pid] = candidate
    while running:
        wait()
    return found


def aside(work):
    """What `work` tells, one after the other, in a process of its own, so that what it imports stays there.

    It goes on when the next one is asked for.
    """
    here, there = multiprocessing.Pipe()
    sys.stdout.flush()
    if not (pid := os.fork()):
        try:
            here.close()  # so that it ends when nobody listens any more
            work(lambda found: (there.send(found), there.recv()))
            there.send(None)
        finally:
            sys.stdout.flush()
            os._exit(0)
    there.close()
    while (found := here.recv()) is not None:
        yield found
        here.send(True)
    os.waitpid(pid, 0)


# The package


def is_function(code):
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def nested(code):
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def functions(code):
    """The code of all functions in a program, in order."""
    return [found for inner in nested(code) for found in [inner] * is_function(inner) + functions(inner)]


def at_import(code):
    """What runs when a module is imported: all of it but its functions."""
    rest = [constant for constant in code.co_consts if not isinstance(constant, types.CodeType)]
    return code.co_code, code.co_names, rest, [is_function(c) or at_import(c) for c in nested(code)]


def differing(path, source, program):
    """The functions of two programs for one file that differ; None if the programs differ in what runs at import."""
    old, new = (compile(text, path, "exec") for text in (source, program))
    pairs = list(zip(functions(old), functions(new), strict=True)) if at_import(old) == at_import(new) else None
    if pairs is None or any(a.co_freevars != b.co_freevars for a, b in pairs):
        return None
    return {a: b for a, b in pairs if a != b}


def run_pytest(plugin, tests=TESTS):
    """Run the given test files and the doctests, with a plugin that chooses among their tests."""
    # None of natgrad's files is named here: pytest would load it under another name.
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-o", "addopts=--doctest-modules"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis was imported before
    return pytest.main([*options, *tests, "natgrad"], plugins=[plugin]) == 0


def place(code):
    return Path(code.co_filename).name, code.co_firstlineno, code.co_name


class Patience:
    """A pytest plugin that runs only tests of the given names, in that order, and lets none begin after a while."""

    def __init__(self, names):
        self.rank = {name: k for k, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items):
        items[:] = sorted((item for item in items if item.nodeid in self.rank), key=lambda i: self.rank[i.nodeid])

    def pytest_runtestloop(self):
        self.end = time.process_time() + PATIENCE

    def pytest_runtest_setup(self):
        if time.process_time() > self.end:
            pytest.skip("long enough")


def passes_imported(module, program, names):
    """Whether the tests of the given names pass if a module is imported with another program."""
    load = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader, name):
        return compile(program, loader.path, "exec") if name == f"natgrad.{module}" else load(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code
    files = dict.fromkeys(name.split("::")[0] for name in names)
    return run_pytest(Patience(names), [file for file in files if file.startswith("tests")])


class Kept(dict):
    """The names of a doctest, which are otherwise cleared when it has run; but it is to run again."""

    def clear(self):
        pass


class Collected:
    """A pytest plugin: all tests of the package, each run once to see which functions of natgrad it calls.

    Then `work` is called. In the processes that it forks, functions are changed where they are, and only tests that
    call them are run: first those that have noticed the most so far, then of each test function its first case, then
    the quickest, so that as many different things as possible are tried; and in turn with these, in the same order,
    those that make a changed function raise. What such a test notices is noticed.
    """

    def __init__(self, work):
        self.work, self.calls, self.raised = work, set(), set()
        sys.settrace(self.look)  # what is called while tests are collected counts as run at import

    def look(self, frame, event, argument):
        if str(frame.f_globals.get("__name__")).startswith("natgrad"):
            self.calls.add(frame.f_code)
            frame.f_trace_lines = False
            return self.look_inside

    def look_inside(self, frame, event, argument):
        if event == "exception":
            self.raised.add(frame.f_code)
        return self.look_inside

    def pytest_runtestloop(self, session):
        self.at_import, self.items = self.calls, []
        objects = gc.get_objects()
        self.caches = [each for each in objects if isinstance(each, functools._lru_cache_wrapper)]
        self.caches = [cache for cache in self.caches if "natgrad" in cache.__module__]
        self.functions = [each for each in objects if isinstance(each, types.FunctionType)]
        for item in session.items:
            if isinstance(item, DoctestItem):
                item.dtest.globs = Kept(item.dtest.globs)
            self.forget()
            self.calls, self.raised, start = set(), set(), time.process_time()
            assert passes_test(item), item.nodeid
            self.items.append((item, self.calls, self.raised, time.process_time() - start))
        sys.settrace(None)
        seen = collections.Counter()
        for item, *_ in self.items:
            function = item.nodeid.split("[")[0]
            item.round = seen[function]
            seen[function] += 1
        print(f"  {len(self.items)} tests, {sum(seconds for *_, seconds in self.items):.0f} s", flush=True)
        # In memory that the processes share.
        self.noticed = np.frombuffer(mmap.mmap(-1, 8 * len(self.items)), np.int64)
        gc.freeze()  # or each fork would copy all that is looked at
        self.work(self)
        return True

    def summary(self):
        """The tests, those first that have noticed the most, and where the functions begin that they call."""
        order = sorted(range(len(self.items)), key=self.rank)
        return [(self.items[k][0].nodeid, set(map(place, self.items[k][1]))) for k in order]

    def rank(self, k):
        item, *_, seconds = self.items[k]
        return -self.noticed[k], item.round > 0, seconds

    def forget(self):
        for cache in self.caches:
            cache.cache_clear()

    def passes(self, changed):
        """Whether the tests pass that call the changed functions, as far as there is time to run them."""
        self.forget()
        for function in self.functions:
            if function.__code__ in changed:
                function.__code__ = changed[function.__code__]
        order = sorted(range(len(self.items)), key=self.rank)
        calling, refused = ([k for k in order if self.items[k][what] & changed.keys()] for what in (1, 2))
        both = [k for pair in itertools.zip_longest(calling, refused) for k in pair if k is not None]
        end = time.process_time() + PATIENCE
        for k in dict.fromkeys(both):
            if time.process_time() > end:
                break
            if not passes_test(self.items[k][0]):
                self.noticed[k] += 1
                return False
        return True


def passes_test(item):
    return all(report.passed for report in runtestprotocol(item, log=False, nextitem=None))


def candidates_of(name):
    """A module's source, and its mutants."""
    source = (ROOT / "natgrad" / f"{name}.py").read_text(encoding="utf-8")
    return source, [(f"{name}.py:{line}", *rest) for line, *rest in mutants(source, spared_in_module)]


def mutate_in_place(name, collected):
    """The survivors among a module's mutants that differ in functions alone, and those that have to be imported."""
    source, candidates = candidates_of(name)
    change = functools.partial(differing, str(ROOT / "natgrad" / f"{name}.py"), source)
    quick = [candidate for candidate in candidates if change(candidate[2]) is not None]
    itself = ("", "", f"\n{source}")  # all its functions, a line further down
    found = survivors([itself, *quick], lambda program: collected.passes(change(program)))
    assert itself in found, f"{name} itself does not pass"
    # What a function made at import, before it was changed, is not to hide the change.
    again = [c for c in found if collected.at_import & change(c[2]).keys()]
    alive = [c for c in found if c not in again and c != itself]
    return alive, [c for c in candidates if c not in quick or c in again], collected.summary()


def mutate_imported(name, left, tests):
    """The survivors among a module's mutants that have to be imported."""
    source, itself, nothing = candidates_of(name)[0], ("", "", "\n"), ("", "", "")

    def passes(program):
        whole = source if program == "\n" else program
        changed = None if not program else differing(str(ROOT / "natgrad" / f"{name}.py"), source, whole)
        places = set(map(place, changed or ()))
        return passes_imported(name, whole, [test for test, calls in tests if not places or calls & places])

    found = survivors([itself, nothing, *left], passes)
    assert itself in found, f"{name} itself does not pass"
    assert nothing not in found, f"{name} passes without a line in it"
    return [candidate for candidate in found if candidate != itself]


def mutate_package(modules):
    """For each module the number of its mutants and the survivors."""

    def look(tell):
        def work(collected):
            for name in modules:
                tell((name, *mutate_in_place(name, collected)))

        assert run_pytest(Collected(work)), "the tests don't pass"

    for name, alive, left, tests in aside(look):
        for where, change, _ in alive:
            print(f"  survives  {where}  {change}", flush=True)
        yield name, len(candidates_of(name)[1]), alive + mutate_imported(name, left, tests)


# The cells


def shows(program, namespace):
    """Run a cell and return what it shows, by MIME type."""
    tree = ast.parse(program)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), namespace)
    value = eval(compile(last, "cell", "eval"), namespace) if last else None
    return {} if value is None else DisplayFormatter().format(value)[0]


def flow(statements, needs, changes, sets, behind):
    """Add to these what a list of statements does; the body of a loop is taken to run."""
    for statement in statements:
        match statement:
            case ast.For(target=target, iter=source, body=body, orelse=rest):
                head = [ast.copy_location(ast.Assign([target], source), statement)]
            case ast.While(test=test, body=body, orelse=rest):
                head = [ast.copy_location(ast.Expr(test), statement)]
            case ast.With(items=items, body=body):
                head, rest = [ast.copy_location(ast.Expr(item.context_expr), statement) for item in items], []
            case _:
                head = []
        if head:
            flow([*map(ast.fix_missing_locations, head), *body, *rest], needs, changes, sets, behind)
            continue
        # In a loop, as a break has to be.
        loop = ast.fix_missing_locations(ast.While(ast.Constant(True), [statement], []))
        top = compile(ast.Module([loop], []), "cell", "exec")
        inside = {name for code in nested(top) for name in of_globals(code, "LOAD")}
        loads, stores = of_globals(top, "LOAD") | inside, of_globals(top, "STORE")
        nodes = list(ast.walk(statement))
        puts = [
            node.value for node in nodes if isinstance(getattr(node, "ctx", 0), ast.Store) and hasattr(node, "value")
        ]
        puts += [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in PUT]
        needs |= loads - sets
        changes |= stores | loads & (GENERATORS | set().union(*map(names_in, puts)))
        if isinstance(statement, (ast.Assign, ast.FunctionDef, ast.Import, ast.ImportFrom)):
            sets |= stores
            for name in stores:
                behind.setdefault(name, set()).update(inside)


def of_globals(code, what):
    """The global names that a code loads or stores; what it loads, also in functions within it."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in (f"{what}_NAME", f"{what}_GLOBAL")}
    return found.union(*(of_globals(inner, what) for inner in nested(code))) if what == "LOAD" else found


@functools.cache
def names(program):
    """The names whose values a cell needs, those that it changes, those that it sets whatever they were, and for
    functions that it makes those that they need when they are called.

    To draw a random number changes the generator, and to put something into a list or an array changes that.
    """
    found = set(), set(), set(), {}
    flow(ast.parse(program).body, *found)
    return found


def concerned(program, later):
    """The places of the later cells that may notice what a cell changes, and of those that they need for it."""
    behind = collections.defaultdict(set)
    for source in (program, *later):
        for name, inside in names(source)[3].items():
            behind[name] |= inside

    def called(needs):
        """What is needed, also by functions."""
        more = needs.union(*(behind[name] for name in needs if name in behind))
        return needs if more == needs else called(more)

    flows = [(called(names(source)[0]), *names(source)[1:3]) for source in (program, *later)]
    (_, changed, _), *flows = [(needs, changes | needs & GENERATORS, sets) for needs, changes, sets in flows]
    found = []
    for j, (needs, changes, sets) in enumerate(flows):
        if needs & changed:
            found.append(j)
            changed |= changes
        else:
            changed -= sets
    wanted, chosen = set(), []
    for j, (needs, changes, sets) in reversed([*enumerate(flows)]):
        if j in found or changes & wanted:
            chosen.append(j)
            wanted = wanted - sets | needs
    return chosen[::-1]


def mutate_chapter(name, notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in cells]
    stored = [{mime: text for output in cell.outputs for mime, text in output.data.items()} for cell in cells]
    namespace, total, found = {}, 0, []
    list(map(names, sources))  # once, and not in each process
    os.chdir(ROOT / "chapters")  # where Jupyter runs the cells, and their data are
    for k, cell in enumerate(cells):

        def passes(program, k=k):
            return shows(program, namespace) == stored[k] and all(
                shows(sources[j], namespace) == stored[j]
                for j in (k + 1 + place for place in concerned(program, sources[k + 1 :]))
            )

        # Neither the set-up nor a drawing is mathematics.
        if k and "image/svg+xml" not in stored[k]:
            candidates = [(f"{name}: {cell.id}", *rest) for _, *rest in mutants(cell.source, spared_in_cell)]
            total += len(candidates)
            itself = (f"{name}: {cell.id}", "itself", cell.source)
            alive = survivors([itself, *candidates], passes)
            assert itself in alive, f"{name}: {cell.id} itself does not pass, or not in time"
            found += [candidate for candidate in alive if candidate != itself]
        assert shows(cell.source, namespace) == stored[k], f"{name}: {cell.id} itself does not pass"
    os.chdir(ROOT)
    return total, found


def check_harness():
    """A mutant of a checked result must die, one of an unchecked result must survive; else no number means anything.

    Also if it is a function, or a random number, that is checked, and if what checks it needs what stands in between.
    """
    stored = new_output("execute_result", {"text/plain": "5"}, execution_count=3)
    cells = [
        "import random\nrng = random.Random(3)\nfor _ in (1, 2):\n    break",
        "x = 2 + 3",
        "assert x * 7 == 35",
        "x",
        "y = 2 + 3",
    ]
    cells += [
        "def five(by):\n    x = 5 * by\n    return x",
        "z = [five(3)]",
        "for x in z:\n    assert x + five(1) == 20",
    ]
    cells += [
        "for _ in range(1):\n    rng.random()",
        "w = 7 + y",
        "assert 0.54 < rng.random() < 0.55 and w * y",
    ]
    notebook = new_notebook(cells=[new_code_cell(source, id=f"cell-{k}") for k, source in enumerate(cells)])
    notebook.cells[3].outputs = [stored]
    total, found = mutate_chapter("harness", notebook)
    assert total > len(found), found
    assert {where for where, *_ in found} == {"harness: cell-4", "harness: cell-9", "harness: cell-10"}, found
    unseen = [sum(1 for _ in mutants(cells[k], spared_in_cell)) for k in (4, 9)]
    assert len(found) == sum(unseen) + 1, found  # and the quotient in the last


def mutate_chapters(names):
    # From here on a warning is an error, as the text it shows would be under nbval.
    warnings.simplefilter("error")
    for name in names:
        yield name, *mutate_chapter(name, nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4))


def edition():
    """Today's date and the commit, with a mark if what is mutated or checked differs from it."""
    git = lambda *command: subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "natgrad", "tests/*.py", "chapters/*.ipynb")
    commit = git("rev-parse", "--short", "HEAD") + "-dirty" * bool(changed)
    return {"date": datetime.date.today().isoformat(), "commit": commit}


def digest(part, name):
    """What tells one state of a module's code, or a chapter's, from another: not the sentences of a module."""
    path = ROOT / ("natgrad" if part == "package" else "chapters") / name
    if part == "package":
        tree = ast.parse(path.with_suffix(".py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value = ast.Constant("")  # a docstring
        code = ast.unparse(tree)  # without comments
    else:
        cells = nbformat.read(path.with_suffix(".ipynb"), 4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def save(result, reasons):
    """Write down the result, each survivor with its reason; return which of the reasons are used."""
    used = set()
    for survivor in (one for part in result.values() for module in part.values() for one in module["survivors"]):
        key = re.sub(r":\d+$", "", survivor["where"]) + ": " + survivor["change"]
        fitting = [mutant for mutant in reasons if key.startswith(mutant)]
        survivor["reason"], survivor["noticeable"] = reasons[fitting[0]] if fitting else ("", True)
        used.update(fitting)
    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    RESULT.with_suffix(".new").write_text(text, encoding="utf-8")
    RESULT.with_suffix(".new").replace(RESULT)  # whole at any time
    return used


def main(prefixes):
    reasons = ledger.read(ledger.PATH.read_text(encoding="utf-8"))
    parts = {"package": (MODULES, mutate_package), "cells": (CHAPTERS, mutate_chapters)}
    # What is not run again keeps its last result.
    last = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    result = {
        part: {name: last[part][name] for name in names if name in last.get(part, {})}
        for part, (names, _) in parts.items()
    }
    known = [name for names, _ in parts.values() for name in names] + ["all", "none"]
    if unknown := [prefix for prefix in prefixes if not any(name.startswith(prefix) for name in known)]:
        sys.exit(f"Neither a module of natgrad nor a chapter begins with {unknown[0]!r}.")
    now = edition()  # what is read later must still be that
    if prefixes != ["none"]:
        check_harness()
    for part, (names, mutate) in parts.items():
        of = {name: digest(part, name) for name in names}
        if prefixes and prefixes != ["all"]:
            chosen = [name for name in names if name.startswith(tuple(prefixes))]
        else:
            chosen = [name for name in names if prefixes or result[part].get(name, {}).get("of") != of[name]]
        for name, total, found in mutate(chosen) if chosen else ():
            listed = [{"where": where, "change": change} for where, change, _ in found]
            assert total, f"no mutant of {name} was made"
            counts = {"killed": total - len(found), "survived": len(found)}
            print(f"{name}: {counts['killed']} killed, {counts['survived']} survived", flush=True)
            result[part][name] = now | {"of": of[name]} | counts | {"survivors": listed}
            save(result, reasons)  # as it comes, because a run takes long
    used = save(result, reasons)
    for mutant in sorted(reasons.keys() - used):
        print(f"reason without a survivor: {mutant}")
    good = True
    for part, target in TARGETS.items():
        killed, survived = (sum(one[what] for one in result[part].values()) for what in ("killed", "survived"))
        left = [mutant for one in result[part].values() for mutant in one["survivors"] if not mutant["reason"]]
        for mutant in left:
            print(f"NO REASON  {mutant['where']}  {mutant['change']}")
        if killed + survived:
            share = killed / (killed + survived)
            print(f"{part}: {killed} killed, {survived} survived ({share:.1%} killed), {len(left)} without a reason")
            good &= share >= target and not left
    return 0 if good else 1


if __name__ == "__main__":
    # Hypothesis looks for a failure, the same on every run, and does not look for the simplest one.
    settings = {"derandomize": True, "database": None, "deadline": None}
    hypothesis.settings.register_profile("mutants", phases=["explicit", "generate"], **settings)
    hypothesis.settings.load_profile("mutants")
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
