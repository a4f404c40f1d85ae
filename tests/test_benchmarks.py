"""The page of measurements says what its data say, and a gate that is missed is reported as missed."""

import copy
import json
import math
from xml.etree import ElementTree

import pytest

import benchmarks
from benchmarks import GATES, verdicts

NO_RATIO = {*benchmarks.FIGURES, *benchmarks.UNITS} - {"best peer"}


def put(data, gate, value):
    """Make the figure that a gate looks at this value."""
    rows = data["jobs"].setdefault(gate.job, [])
    row = next((row for row in rows if row["case"] == gate.case), None)
    if row is None:
        row = {"case": gate.case, "output": 1.0, "seconds": {"natgrad": 1.0}, "floor": 1.0, "error": {}}
        rows.append(row)
    if gate.figure == "best peer":
        row["ratio"] = dict.fromkeys(row.get("ratio", {}), value) | {"torch": value}
    elif gate.figure == "time / floor":
        row["floor"] = row["seconds"]["natgrad"] / value
    elif gate.figure == "memory beyond the result" and gate.job != "cost_law":
        row["memory"] = row["output"] + value
    elif gate.figure == "error":
        row["error"]["natgrad"] = value
    elif gate.figure == "worst error":
        distance = [1e-9, 1e-3, 1.0]
        row |= {"distance": distance, "error": {"natgrad": [0.0, value, 0.0], "torch": [None, 1.0, 1e-8]}}
    elif gate.figure in NO_RATIO:
        row[gate.figure] = value
    else:
        row.setdefault("ratio", {})[gate.figure] = value
    if gate.job != "cost_law":
        row.setdefault("memory", 2.0)


@pytest.fixture(scope="module")
def good():
    """Data that just meet every gate."""
    head = {"date": "2026-01-31", "cpu": "A processor", "cores": 2, "system": "A system", "blas": "A library 1.0"}
    head |= {"python": "3.11.0", "versions": {"natgrad": "0.1.0"}, "gigaflops": 50.0, "gigabytes": 10.0}
    data = {**head, "jobs": {}}
    # The fastest peer first: it decides over all ratios of its case.
    for gate in sorted(GATES, key=lambda gate: gate.figure != "best peer"):
        put(data, gate, gate.bound)
    for row in data["jobs"]["cost_law"]:
        row["seconds"] = {"10⁵": 1e-4, "10⁶": 1e-3}
    # A family that only natgrad has.
    del data["jobs"]["kl_digits"][-1]["error"]["torch"]
    return data


def test_data_that_meet_every_gate_pass(good):
    assert all(verdict.met for verdict in verdicts(good))
    assert "MISSED" not in benchmarks.report(good)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: " ".join(gate[:3]))
def test_every_gate_that_is_missed_is_reported(good, gate):
    for value in (gate.bound * (1.01 if gate.sign == "≤" else 0.99), math.nan):
        data = copy.deepcopy(good)
        put(data, gate, value)
        (verdict,) = [v for v in verdicts(data) if v.gate == gate]
        assert not verdict.met
        line = f"MISSED  {gate.job}, {gate.case}: {benchmarks.requirement(gate)}"
        assert line in benchmarks.report(data)
        assert f"{gate.case}: {benchmarks.requirement(gate)}, but it is" in benchmarks.losses(data)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: " ".join(gate[:3]))
def test_every_gate_without_a_measurement_is_reported(good, gate):
    data = copy.deepcopy(good)
    data["jobs"][gate.job] = [row for row in data["jobs"][gate.job] if row["case"] != gate.case]
    (verdict,) = [v for v in verdicts(data) if v.gate == gate]
    assert not verdict.met
    assert verdict.found is None
    assert "not measured" in benchmarks.losses(data)


def test_a_contender_without_a_number_misses_its_gate(good):
    data = copy.deepcopy(good)
    data["jobs"]["kl_digits"][0]["error"]["natgrad"] = [0.0, None, 0.0]
    assert [v.gate.job for v in verdicts(data) if not v.met] == ["kl_digits"]


def test_losses_are_told(good):
    data = copy.deepcopy(good)
    data["jobs"]["squared_norms"][0]["ratio"]["numpy inverse"] = 0.5
    assert "10⁶ × 2: numpy inverse, 0.5 of natgrad's time" in benchmarks.losses(data)


@pytest.mark.parametrize("part", benchmarks.PARTS)
def test_every_part_of_the_page_shows_the_data(good, part):
    page = (benchmarks.DATA.parents[1] / "chapters" / "benchmarks.md").read_text(encoding="utf-8")
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
    data["jobs"]["kl_digits"][0]["error"]["torch"] = [1e-3, 1e-6, 1e-9]
    for draw in (benchmarks.draw_speed, benchmarks.draw_digits):
        assert draw(data)._repr_svg_() != draw(good)._repr_svg_()


def test_every_reason_is_that_of_a_gate():
    assert {benchmarks.reason(gate) for gate in GATES} == {"", *(text for _, text in benchmarks.REASONS)}


def test_numbers_are_short():
    found = [benchmarks.short(x) for x in (None, 0, 3e-16, 0.952, 4, 2.4, 10, 35.04, 340.2)]
    assert found == ["–", "0", "3e-16", "0.95", "4", "2.4", "10", "35", "340"]
    assert [benchmarks.seconds(x) for x in (2, 0.0123, 4.5e-6)] == ["2 s", "12.3 ms", "4.5 µs"]


@pytest.mark.skipif(not benchmarks.DATA.exists(), reason="not measured yet")
def test_what_is_kept_is_a_full_run_without_names_of_hosts():
    data = benchmarks.read()
    assert {gate.job for gate in GATES} <= data["jobs"].keys()
    assert data.keys() == {*"date cpu cores system blas python versions gigaflops gigabytes jobs".split()}
    unmeasured = [v.gate for v in verdicts(data) if v.found is None]
    assert not unmeasured
    unexplained = [v.gate for v in verdicts(data) if not v.met and not benchmarks.reason(v.gate)]
    assert not unexplained
    assert json.dumps(data, indent=1, ensure_ascii=False) + "\n" == benchmarks.DATA.read_text(encoding="utf-8")
