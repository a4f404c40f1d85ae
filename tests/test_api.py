"""The page of the package has all of it, and shows docstrings as they are meant."""

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
    assert "natgrad.figures" in MODULES
    assert len(MODULES) == len(set(MODULES))


@pytest.mark.parametrize("module", sorted({getattr(natgrad, name).__module__ for name in natgrad.__all__}))
def test_a_section_that_is_missing_is_missed(module):
    assert missing([other for other in MODULES if other != module])


def test_modules_on_the_page_define_nothing_that_only_looks_public():
    # autodoc shows whatever has no underscore and a docstring.
    for module in set(MODULES) - {"natgrad.figures"}:
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
