"""The package keeps its layers, loads nothing but numpy, and documents all that is public."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import natgrad

ROOT = Path(__file__).parents[1]
MODULES = {path.stem: path for path in (ROOT / "natgrad").glob("*.py")}

# Which modules of the package a module may import: data flows one way.
LAYERS = {
    "_kernels": set(),
    "_special": set(),
    "arrays": {"_kernels"},
    "metric": {"arrays", "_kernels", "norms"},
    "mahalanobis": {"arrays", "_kernels", "metric"},
    "large": {"arrays", "_kernels", "metric"},
    "norms": {"arrays"},
    "steepest": {"arrays", "metric", "norms"},
    "family": {"arrays", "_kernels", "_quadrature"},
    "_quadrature": {"arrays"},
    "discrete": {"arrays", "_special", "family"},
    "gaussian": {"arrays", "_kernels", "_quadrature", "_special", "family", "metric"},
    "coordinates": {"arrays", "family", "_quadrature"},
    "divergence": {"arrays", "family", "_quadrature"},
    "taylor": {"arrays"},
    "fisher": {"arrays", "_kernels", "family", "metric"},
    "__init__": {
        *("coordinates", "discrete", "divergence", "family", "fisher", "gaussian"),
        *("large", "mahalanobis", "metric", "norms", "steepest", "taylor"),
    },
}
# Which packages; the standard library is free.
PACKAGES = {name: {"numpy"} for name in LAYERS}
PACKAGES["_kernels"] = {"numpy", "scipy"}


def imports(path):
    """Modules of this package, and other packages, that a file imports."""
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1
            own |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return own, others - sys.stdlib_module_names


def test_every_module_has_its_place():
    assert MODULES.keys() == LAYERS.keys()


@pytest.mark.parametrize("name", LAYERS)
def test_data_flows_one_way(name):
    own, others = imports(MODULES[name])
    assert own <= LAYERS[name]
    assert others <= PACKAGES[name]


@pytest.mark.parametrize("name", LAYERS)
def test_modules_say_what_they_are_for(name):
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))


def python(program, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_import_loads_nothing_but_numpy():
    # What numpy loads by itself is not counted; random numbers are not among it, nor are its few names of types.
    program = "import numpy, sys; before = set(sys.modules); import natgrad; "
    program += "print(*sorted(set(sys.modules) - before))"
    loaded = python(program).split()
    assert "natgrad.gaussian" in loaded
    others = {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names}
    others = {name for name in others if not name.startswith("natgrad")}
    assert others == {"numpy.typing", "numpy._typing._add_docstring"}


def test_import_costs_at_most_ten_milliseconds_more_than_numpy(tmp_path):
    # Bytecode is kept, whatever the settings here: the first run compiles, as installing does.
    keep = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    program = "import time; start = time.process_time(); import numpy; middle = time.process_time(); import natgrad; "
    program += "print(middle - start, time.process_time() - middle)"

    def cheap():
        numpy, own = map(float, python(program, **keep).split())
        # On a computer that is slow just now, as much longer as numpy takes than its usual 70 milliseconds.
        return own <= 0.010 * max(1, numpy / 0.070)

    # The least of several is the cost; what is above it is what else goes on.
    assert any(cheap() for _ in range(30))


PUBLIC = {name: getattr(natgrad, name) for name in natgrad.__all__}
METHODS = {
    f"{name}.{method}": function
    for name, kind in PUBLIC.items()
    if inspect.isclass(kind) and not issubclass(kind, tuple)
    for method, function in vars(kind).items()
    if inspect.isfunction(function) and not method.startswith("_")
}


def test_all_is_sorted_and_complete():
    assert natgrad.__all__ == sorted(natgrad.__all__)
    defined = {
        name for name, value in vars(natgrad).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert defined == set(natgrad.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_an_example(name):
    assert len(inspect.getdoc(PUBLIC[name]).splitlines()[0]) > 20
    if callable(PUBLIC[name]) and not inspect.isabstract(PUBLIC[name]):
        assert "\n\n>>> " in inspect.getdoc(PUBLIC[name])


@pytest.mark.parametrize("name", METHODS)
def test_public_methods_are_documented(name):
    assert METHODS[name].__doc__


@pytest.mark.parametrize("name", [n for n, v in PUBLIC.items() if inspect.isfunction(v)] + [*METHODS])
def test_signatures_are_annotated(name):
    function = (PUBLIC | METHODS)[name]
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.name == "self" or parameter.annotation is not inspect.Parameter.empty


@pytest.mark.parametrize("name", [n for n, v in PUBLIC.items() if inspect.isfunction(v)])
def test_every_parameter_is_documented(name):
    doc = inspect.getdoc(PUBLIC[name])
    parameters = inspect.signature(PUBLIC[name]).parameters
    if len(parameters) > 1 and "Parameters\n" not in doc:  # then in sentences
        words = set(re.findall(r"\w+", doc.partition(">>> ")[0].lower()))
        assert words >= {name.lower() for name in parameters}
    elif len(parameters) > 1:
        section = doc.split("Parameters\n----------\n")[1].split("\n\n")[0]
        listed = [
            name
            for line in section.splitlines()
            if not line.startswith(" ")
            for name in line.split(" : ")[0].split(", ")
        ]
        assert listed == [*parameters]


def test_inheritance_is_one_level_deep():
    # Below what is abstract: a metric is a norm.
    for kind in (v for v in PUBLIC.values() if inspect.isclass(v)):
        ancestors = [base for base in kind.__mro__[1:] if base.__module__.startswith("natgrad")]
        assert all(inspect.isabstract(base) for base in ancestors)
