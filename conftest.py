"""Have nbval compare every stored output of every chapter, and count the cells that passed."""

import json
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

collect_ignore = ["tests/mutation", "tests/nbgrader"]  # programs

ROOT = Path(__file__).parent


def pytest_sessionstart(session):
    """See that what the cells import is the package beside this file, and not that of the folder .venv came from."""
    if not (ROOT / "natgrad").is_dir():
        return
    try:
        found = json.loads(distribution("natgrad").read_text("direct_url.json"))["url"]
    except Exception:
        found = "nowhere that it says"
    if found != ROOT.as_uri():
        pytest.exit(f"The chapters would run with natgrad from {found}, not with this folder's: make test", 1)


@pytest.fixture(autouse=True)
def examples_see_all_that_is_public(doctest_namespace):
    import natgrad

    doctest_namespace.update({name: getattr(natgrad, name) for name in natgrad.__all__})


# nbval leaves bitmaps to its diff viewer; here they are compared like everything else.
BITMAPS = {"image/png", "image/jpeg"}


def pytest_collection_modifyitems(items):
    for cell in items:
        if isinstance(cell, IPyNbCell):
            cell.parent.skip_compare = tuple(set(cell.parent.skip_compare) - BITMAPS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    yield
    # nbval takes a cell without a count for one that was never run, and compares nothing.
    if isinstance(item, IPyNbCell) and item.cell.execution_count is None and item.cell.source:
        item.raise_cell_error("The cell is stored without having been run.")


def pytest_terminal_summary(terminalreporter):
    passed = Counter(
        report.fspath for report in terminalreporter.getreports("passed") if report.fspath.endswith(".ipynb")
    )
    if passed:
        terminalreporter.section("cells whose stored outputs were reproduced")
    for notebook, cells in sorted(passed.items()):
        terminalreporter.line(f"{cells:4} passed  {notebook}")
