"""Have nbval compare every stored output of every chapter, and count the cells that passed."""

from collections import Counter

import pytest
from nbval.plugin import IPyNbCell

collect_ignore = ["tests/mutation"]  # programs

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
