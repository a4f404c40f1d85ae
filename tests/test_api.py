"""Every public name is used in the book; the page of the package has all of them, and shows docstrings as meant."""

import ast
import json
import re
from pathlib import Path

import api
import pytest
from sphinx.pycode import ModuleAnalyzer

import natgrad

PAGE = (Path(api.__file__).parents[2] / "chapters" / "api.md").read_text(encoding="utf-8")
MODULES = re.findall(r"^\.\. automodule:: (\S+)$", PAGE, re.MULTILINE)


def missing(modules):
    """The public names that the page lacks.

    A class or function is on it with the module that defines it; any other value needs a comment that is a docstring.
    """
    values = {name: getattr(natgrad, name) for name in natgrad.__all__}
    return [
        name
        for name, value in values.items()
        if value.__module__ not in modules
        or not (callable(value) or ("", name) in ModuleAnalyzer.for_module(value.__module__).find_attr_docs())
    ]


def test_every_public_name_is_on_the_page():
    assert missing(MODULES) == []
    assert "natgrad_book.figures" in MODULES
    assert len(MODULES) == len(set(MODULES))


@pytest.mark.parametrize("module", sorted({getattr(natgrad, name).__module__ for name in natgrad.__all__}))
def test_a_section_that_is_missing_is_missed(module):
    assert missing([other for other in MODULES if other != module])


def test_modules_on_the_page_define_nothing_that_only_looks_public():
    # autodoc shows whatever has no underscore and a docstring.
    for module in set(MODULES) - {"natgrad_book.figures"}:
        for name, value in vars(__import__(module, fromlist=["x"])).items():
            if getattr(value, "__module__", None) == module and not name.startswith("_") and value.__doc__:
                # A tuple that is returned has a place on the page, though nobody makes one.
                assert name in natgrad.__all__ or issubclass(value, tuple), f"{module}.{name}"


def shown(docstring):
    lines = docstring.splitlines()
    api.set_docstring(None, "function", "natgrad.x", None, None, lines)
    return "\n".join(lines)


def test_docstrings_are_set_as_they_are_meant():
    dense = ":py:obj:`Dense <natgrad.metric.Dense>`"
    assert shown("‖g‖*² of `g`, see `Dense`") == rf"‖g‖\*² of ``g``, see {dense}"
    assert shown("metric : Dense, shape (*batch, n)") == rf"metric : {dense}, shape (\*batch, n)"
    assert (
        shown("in sections 2.1 and 3.4, at 2.5") == "in sections :ref:`2.1 <sec-2-1>` and :ref:`3.4 <sec-3-4>`, at 2.5"
    )
    assert shown("another matrix [1]_.\n.. [1] Somebody,\n   somewhere.") == (
        "another matrix [1].\n1. Somebody,\n   somewhere."
    )
    assert shown(">>> a * b\n`c`\n\n`d`") == ">>> a * b\n`c`\n\n``d``"


def names_in(program):
    """The names of natgrad that a program uses: `ng.X`, `natgrad.X`, or imported from natgrad."""
    for node in ast.walk(ast.parse(program)):
        match node:
            case ast.Attribute(value=ast.Name(id="ng" | "natgrad"), attr=name):
                yield name
            case ast.ImportFrom(module="natgrad", names=aliases):
                yield from (alias.name for alias in aliases)


def used(folder):
    """The names that the code cells of all notebooks below a folder use."""
    cells = [c for path in folder.rglob("*.ipynb") for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    return {name for cell in cells if cell["cell_type"] == "code" for name in names_in("".join(cell["source"]))}


def test_every_public_name_is_used_in_the_book():
    unused = set(natgrad.__all__) - used(Path(__file__).parents[1] / "chapters")
    assert not unused, "no chapter, exercise or figure uses these: should they go?"


def test_names_are_found_however_deep_a_notebook_lies(tmp_path):
    source = [
        "from natgrad import PNorm\nfrom natgrad_book import figures\n",
        "ng.Dense(np.eye(2)); np.Spectral; 'ng.Dual'",
    ]
    cells = [{"cell_type": "code", "source": source}, {"cell_type": "markdown", "source": ["ng.LowRank"]}]
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "1.ipynb").write_text(json.dumps({"cells": cells}))
    assert used(tmp_path) == {"PNorm", "Dense"}
