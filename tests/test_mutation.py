"""No reason for a mutant outlives its code, and what is published of the mutants is what was found."""

import json
import re
import tomllib
from pathlib import Path

import concordance
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
HERE = ROOT / "tests" / "mutation"
LEDGER = tomllib.loads((HERE / "equivalent_mutants.toml").read_text(encoding="utf-8"))["equivalent"]
RESULTS = json.loads((HERE / "results.json").read_text(encoding="utf-8"))


def sources():
    """What can be changed, without white space: by module of the package, and by chapter and cell."""
    found = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("natgrad/*.py")}
    for path in ROOT.glob("chapters/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            found[f"{path.stem}: {cell.id}"] = cell.source
    return {place: squeezed(text) for place, text in found.items()}


def squeezed(text):
    return re.sub(r"[\s,]", "", text)


SOURCES = sources()


def gone(mutant):
    """Whether there is no such code any more: a mutant is named by a place, what stood there and what was put there."""
    place, _, change = mutant.partition(": ")
    if not place.endswith(".py"):
        cell, _, change = change.partition(": ")
        place = f"{place}: {cell}"
    return squeezed(change.partition(" → ")[0]) not in SOURCES.get(place, "")


@pytest.mark.parametrize("entry", LEDGER, ids=lambda entry: entry["reason"][:60])
def test_a_reason_is_about_code_that_is_there(entry):
    assert entry["mutants"]
    assert not [mutant for mutant in entry["mutants"] if gone(mutant)]


def test_a_reason_whose_code_is_gone_is_found():
    assert gone("metric.py: return no_such_code(v) → return v")
    assert gone("no_such_module.py: return v → return -v")


def test_what_is_published_is_what_was_found(tmp_path):
    text = concordance.mutants()
    for part, runs in RESULTS.items():
        killed, survived = (sum(run[what] for run in runs.values()) for what in ("killed", "survived"))
        if runs:
            assert f"| {killed} | {killed + survived} |" in text, part
