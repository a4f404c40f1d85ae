"""The page of measurements says what its data say, and a gate that is missed is reported as missed."""

import ast
import copy
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

import benchmarks
from benchmarks import GATES, verdicts

ROOT = Path(__file__).parents[1]
GATE = pytest.mark.parametrize("gate", GATES, ids=", ".join)


def row(gate, own=1.0, error=1e-14):
    """A row that meets a gate, unless told otherwise."""
    if gate.job == "kl_digits":
        return {"case": gate.case, "distance": [1e-9, 1.0], "error": {"natgrad": [0.0, error], "torch": [None, 1e-8]}}
    seconds = {"natgrad": own, "numpy idiom": 1.0, "torch": 2.0}
    return {"case": gate.case, "seconds": seconds, "ratio": {"numpy idiom": 1 / own, "torch": 2 / own}, "rounds": 5}


@pytest.fixture
def good():
    """Data that meet every gate."""
    head = {"date": "2026-01-31", "commit": "0123abc", "cpu": "A processor", "cores": 2, "system": "A system"}
    head |= {"blas": "A library 1.0", "python": "3.11.0", "versions": {"natgrad": "0.1.0"}}
    jobs = {job: [row(gate) for gate in GATES if gate.job == job] for job in benchmarks.GATED}
    error = {"natgrad": 1e-16, "numpy inverse": 1e-8, "torch": None}
    return {**head, "jobs": jobs | {"hard_cases": [{"case": "A frame", "error": error}]}}


def put(data, gate, row):
    rows = data["jobs"][gate.job]
    rows[:] = [row if one["case"] == gate.case else one for one in rows if row or one["case"] != gate.case]


def test_data_that_meet_every_gate_pass(good):
    assert all(verdict.met for verdict in verdicts(good))
    assert "MISSED" not in benchmarks.report(good)
    assert f"{len(GATES)} of {len(GATES)} gates are met" in benchmarks.gate_list(good)


@GATE
@pytest.mark.parametrize("value", ["a little more", math.nan, None])
def test_a_gate_that_is_missed_or_not_measured_is_reported(good, gate, value):
    if gate.job == "kl_digits":
        wrong = row(gate, error=1.01e-13 if value == "a little more" else None)
    else:
        wrong = row(gate, own=1.11 if value == "a little more" else math.nan)
    put(good, gate, None if value is None else wrong)
    (verdict,) = [v for v in verdicts(good) if not v.met]
    assert verdict.gate == gate
    assert f"MISSED  {gate.job}, {gate.case}: {verdict.found}" in benchmarks.report(good)
    assert f", {gate.case}: {verdict.found}" in benchmarks.gate_list(good)
    assert (verdict.found == "not measured") is (value is None)


def test_a_few_microseconds_more_than_numpy_are_allowed(good):
    gate = GATES[0]
    for own, met in ((19e-6, True), (21e-6, False)):
        put(good, gate, {"case": gate.case, "seconds": {"natgrad": own, "numpy idiom": 10e-6}})
        assert verdicts(good)[0].met is met


def test_losses_are_told(good):
    put(good, GATES[0], row(GATES[0], own=4.0))
    assert f"{GATES[0].case}: torch, 0.5 of natgrad's time" in benchmarks.losses(good)


def test_a_row_of_times_is_one_line_with_numpy_and_the_best_of_the_others(good):
    first = good["jobs"]["squared_norms"][0]
    first["seconds"]["scipy cdist"], first["ratio"]["scipy cdist"] = 1.5, 1.5
    (line,) = [line for line in benchmarks.times(good).splitlines() if line.startswith(f"| {first['case']} ")]
    assert line == f"| {first['case']} | 1 s | 1 s (1\u00a0×) | scipy cdist 1.5 s (1.5\u00a0×) |"


@pytest.mark.parametrize("part", benchmarks.PARTS)
def test_every_part_of_the_page_shows_the_data(good, part):
    page = (ROOT / "chapters" / "benchmarks.md").read_text(encoding="utf-8")
    assert page.count(f"```{{benchmarks}} {part}\n```") == 1
    shown = benchmarks.PARTS[part](good)
    if isinstance(shown, tuple):
        drawing, options = shown
        assert ElementTree.fromstring(drawing._repr_svg_()).get("viewBox")
        assert benchmarks.PARTS[part](good)[0]._repr_svg_() == drawing._repr_svg_()
        assert len(options.split(":alt: ")[1].splitlines()[0]) >= 40
    else:
        assert shown.strip()


def test_drawings_change_with_the_data(good):
    data = copy.deepcopy(good)
    data["jobs"]["squared_norms"][0]["ratio"]["torch"] *= 1.5
    data["jobs"]["kl_digits"][0]["error"]["torch"] = [1e-3, 1e-6]
    for draw in (benchmarks.draw_speed, benchmarks.draw_digits):
        assert draw(data)._repr_svg_() != draw(good)._repr_svg_()


def test_numbers_are_short():
    found = [benchmarks.short(x) for x in (None, 0, 3e-16, 0.952, 4, 2.4, 10, 35.04, 340.2)]
    assert found == ["–", "0", "3e-16", "0.95", "4", "2.4", "10", "35", "340"]
    assert [benchmarks.seconds(x) for x in (2, 0.0123, 4.5e-6)] == ["2 s", "12.3 ms", "4.5 µs"]


def test_what_is_measured_has_gates_or_at_least_a_title():
    # The benchmarks import libraries that the tests do without, so their list of jobs is read.
    tree = ast.parse((ROOT / "benchmarks" / "bench.py").read_text(encoding="utf-8"))
    (jobs,) = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "JOBS"]
    names = {key.value for key in jobs.keys}
    assert names == benchmarks.TITLES.keys() | {"kl_digits", "hard_cases"}
    assert names >= benchmarks.GATED.keys()


def test_what_is_kept_is_a_full_run_that_meets_every_gate():
    data = benchmarks.read()
    assert data.keys() == {*"date commit cpu cores system blas python versions jobs".split()}
    assert data["jobs"].keys() == benchmarks.TITLES.keys() | {"kl_digits", "hard_cases"}
    assert not [v for v in verdicts(data) if not v.met]
    text = benchmarks.DATA.read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n" == text
