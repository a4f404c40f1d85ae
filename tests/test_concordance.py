"""The concordance covers the note, and nothing in it can be wrong unnoticed."""

import copy
import json
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import concordance
import jsonschema
import nbformat
import publishing
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import natgrad

CHAPTERS = concordance.FOLDER
SCHEMA = json.loads((CHAPTERS / "_static" / "concordance.schema.json").read_text(encoding="utf-8"))
ROWS = concordance.read_rows()
WITNESSES = concordance.read_witnesses()

IDS = [row["id"] for row in ROWS]


def complete(ids):
    """Whether the ids are in order, lettered without a gap in each section, in sections numbered without a gap."""
    following = lambda a, b: {f"{a[:3]}{chr(ord(a[3]) + 1)}", f"{a[:2]}{int(a[2]) + 1}a", f"{int(a[0]) + 1}.1a"}
    return ids[0] == "1.1a" and all(b in following(a, b) for a, b in zip(ids, ids[1:], strict=False))


def labels_in(folder):
    """The labels that the sources define; whether Sphinx agrees is for the build to see."""
    found = set()
    for path in folder.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            found.add(cell.metadata.get("mystnb", {}).get("figure", {}).get("name"))
            found.update(re.findall(r"\$\$[ \t]*\((eq-.+?)\)", cell.source))
            found.update(re.findall(r"^(?:\(|:name: )(\S+?)(?:\)=)?$", cell.source, re.MULTILINE))
    return found


LABELS = labels_in(CHAPTERS)


def test_the_statements_are_those_of_the_note_letter_for_letter():
    assert complete(IDS)


def test_the_concordance_has_no_problem():
    assert not list(concordance.problems(ROWS, WITNESSES, LABELS))


def published(rows):
    return concordance.published(rows, WITNESSES, "chapters/page.html#{}".format)


def test_what_is_published_keeps_to_its_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(published(ROWS), SCHEMA)
    verdicts = SCHEMA["$defs"]["statement"]["properties"]["verdict"]["enum"]
    assert verdicts == list(concordance.SIGNS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "2.3"),
        ("statement", ""),
        ("verdict", "true"),
        ("why", ""),
        ("erratum", None),
        ("anchor", "eq-2-3-row-column-cell"),
        ("uses", ["2.3a", "2.3a"]),
        ("witnesses", [{"kind": "observed", "notebook": "chapters/1.ipynb", "cell": "a", "anchor": "1.html#a"}]),
        ("extra", "1"),
    ],
)
def test_the_schema_refuses(key, value):
    data = published(ROWS)
    data["statements"][IDS.index("2.3b")][key] = value  # a corrected statement
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


def test_the_drawing_has_a_place_of_its_own_for_each_statement():
    svg = ElementTree.fromstring(concordance.graph(ROWS))
    links = svg.findall("a")
    assert [link.get("href") for link in links] == ["#" + concordance.row_label(i) for i in IDS]
    rects = [link.find("rect") for link in links]
    places = {(float(r.get("x")), float(r.get("y"))) for r in rects}
    assert len(places) == len(IDS)
    for link, row in zip(links, ROWS, strict=True):
        assert len(link.findall("path")) == len(row["uses"])
        assert row["verdict"] in link.find("title").text


def test_lines_of_the_drawing_cross_no_statement():
    svg = ElementTree.fromstring(concordance.graph(ROWS))
    lefts = {float(rect.get("x")) for rect in svg.iter("rect")}
    width = float(svg.find("a/rect").get("width"))
    for path in svg.iter("path"):
        for x in re.findall(r"([\d.]+) [\d.]+V", path.get("d")):
            assert not [left for left in lefts if left <= float(x) <= left + width]


def test_the_filter_knows_every_verdict():
    css = (CHAPTERS / "_static" / "book.css").read_text(encoding="utf-8")
    for verdict in concordance.SIGNS:
        assert f'[value="{verdict}"]:checked) div.statement:not(.{verdict}, :target)' in css
        assert f'value="{verdict}"' in concordance.choice(ROWS)


def test_evidence_is_told_by_where_the_names_of_an_assert_come_from():
    sources = {
        "x = sp.Symbol('x')\nassert x == x": ["derived"],
        "assert x.diff(x) == 1": ["derived"],
        "v = np.ones(2)": [],
        "assert v.sum() == 2": ["computed"],
        "assert v.sum() == 2\nassert x - x == 0": ["derived", "computed"],
        "w = np.array(sp.ones(2), float)": [],
        "assert w.sum() == 4": ["computed"],
        "assert (lambda x: x)(ng.euclidean(2)).dim == 2": ["computed"],
        "assert all(2 * x == x + x for x in v)": ["computed"],
        "orders = ng.observed_order(v, v)\nassert orders[0] > 1": ["observed"],
        "assert 3**2 + 4**2 == 25": ["computed"],
    }
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    assert [kinds for _, kinds in concordance.checked_cells(notebook)] == list(sources.values())


# From here on copies are broken, and each has to be found.


def edit(folder, change):
    """Change each code cell of the notebooks in a folder."""
    for path in folder.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                change(cell)
        nbformat.write(notebook, path)


@pytest.fixture
def folder(tmp_path):
    for path in CHAPTERS.glob("*.ipynb"):
        shutil.copy(path, tmp_path)
    return tmp_path


def found(rows=ROWS, witnesses=WITNESSES, labels=LABELS):
    return "\n".join(concordance.problems(rows, witnesses, labels))


def test_a_removed_statement_is_missed():
    for k, row in enumerate(ROWS):
        rows = ROWS[:k] + ROWS[k + 1 :]
        missed = f"note-{row['id']} is not in the registry" in found(rows)
        assert missed is any(w.note_id == row["id"] for w in WITNESSES)
        assert missed or not complete([r["id"] for r in rows])


def test_every_tagged_cell_that_loses_its_assertion_is_missed(folder):
    edit(folder, lambda cell: cell.update(source=re.sub(r"\bassert\b", "...,", cell.source)))
    text = found(witnesses=concordance.read_witnesses(folder))
    for w in WITNESSES:
        assert f"{w.notebook}, {w.cell}: note-{w.note_id}, but asserts nothing" in text


def test_an_unknown_tag_is_found(folder):
    rename = lambda tags: [tag.replace("note-2.3b", "note-2.3z") for tag in tags]
    edit(folder, lambda cell: cell.metadata.update(tags=rename(cell.metadata.get("tags", []))))
    rows = [{**row, "single": ""} for row in ROWS]
    text = found(rows, concordance.read_witnesses(folder))
    assert "note-2.3z is not in the registry" in text
    assert "2.3b: no symbolic witness" in text


def test_every_label_that_dangles_is_found():
    for row in ROWS:
        for label in filter(None, [row["anchor"], row["erratum"], row["proof"]]):
            assert f"{row['id']}: the book has no label {label!r}" in found(labels=LABELS - {label})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "true"}, "unknown verdict 'true'"),
        ({"why": ""}, "nothing but a proof goes without `why`"),
        ({"erratum": None}, "a correction needs its `erratum`"),
        ({"uses": ["2.3z"]}, "2.3b: uses '2.3z', which is not in the registry"),
        ({"uses": ["2.3b"]}, "2.3b, 2.3b: each uses the next, in a circle"),
        ({"id": "2.3a"}, "2.3a is listed twice"),
        ({"verdict": "proved", "instance": "coins"}, "2.3b: proved, but shown for an instance, and has no `proof`"),
    ],
)
def test_a_wrong_row_is_found(change, message):
    rows = copy.deepcopy(ROWS)
    rows[IDS.index("2.3b")].update(change)
    assert message in found(rows)


def test_a_circular_argument_is_found():
    row = {**ROWS[0], "single": ""}
    rows = [{**row, "id": i, "uses": [j]} for i, j in (("1.1a", "1.1b"), ("1.1b", "1.1c"), ("1.1c", "1.1a"))]
    assert "each uses the next, in a circle" in found(rows, [])
    rows[2]["uses"] = []
    assert "circle" not in found(rows, [])


def test_a_missing_witness_is_found_and_a_needless_excuse():
    for row in ROWS:
        kinds = {concordance.EVIDENCE[w.evidence] for w in WITNESSES if w.note_id == row["id"]}
        alone = {**row, "single": "", "kind": "result", "uses": []}
        excused = {**row, "single": "Why not?", "uses": []}
        complete = kinds == {"symbolic", "numeric"}
        assert (f"{row['id']}: no " in found([alone])) is not complete
        assert (f"{row['id']}: `single`, but" in found([excused])) is complete


# And one small book goes the whole way through Sphinx.

CONF = """
import sys
sys.path.insert(0, ".")
import sys

sys.path.insert(0, "../page/registry")
extensions = ["myst_nb", "sphinx_design", "concordance"]
myst_enable_extensions = ["attrs_inline", "deflist", "colon_fence", "dollarmath"]
nb_execution_mode = "off"
numfig = math_numfig = True
exclude_patterns = ["out"]
html_theme = "basic"
"""
PAGE = "# Concordance\n\n" + "".join(
    f"## {part}\n\n```{{concordance}} {part}\n```\n\n" for part in ("graph", "filter", "table", "mutants")
)
RUN = {"date": "2026-01-31", "commit": "0123abc"}
MUTANTS = {
    "package": {
        "a": RUN
        | {"killed": 199, "survived": 2}
        | {
            "survivors": [
                {"where": "a.py:1", "change": "`*` → `/`", "reason": "By 1.", "noticeable": False},
                {"where": "a.py:2", "change": "1 → 2", "reason": "", "noticeable": True},
            ]
        },
        "b": RUN | {"killed": 98, "survived": 1, "commit": "4567def"},
    },
    "cells": {"1_one": RUN | {"killed": 45, "survived": 5}},
    "else": {},
}
for run in (run for runs in MUTANTS.values() for run in runs.values()):
    run.setdefault(
        "survivors", [{"where": "?", "change": "+", "reason": "Zero.", "noticeable": False}] * run["survived"]
    )


def small_book(folder):
    row = {"kind": "result", "verdict": "proved", "why": "", "assumptions": "", "uses": [], "erratum": None}
    rows = [
        {**row, "id": "1.1a", "statement": "$1 + 1 = 2$", "anchor": "eq-1-1-sum"},
        {**row, "id": "1.1b", "statement": "Ones & twos.", "anchor": "sec-1-1", "uses": ["1.1a"]},
        {
            **{**row, "id": "1.1c", "statement": "$2 + 2 = 5$", "anchor": "box-1-1c", "uses": ["1.1a", "1.1b"]},
            **{"verdict": "corrected", "why": "It is $4$.", "erratum": "erratum-1-1c"},
        },
    ]
    text = (
        "(sec-1)=\n# One\n\n(sec-1-1)=\n## Sums\n\n$$\n1 + 1 = 2\n$$ (eq-1-1-sum)\n\n"
        ":::{admonition} A slip\n:class: erratum\n:name: box-1-1c\nNot five.\n:::\n\n"
        "(erratum-1-1c)=\n## Errata\n\n{ref}`the cell <cell-1-sum>`"
    )
    cell = new_code_cell("assert sp.S(1) + 1 == 2\nassert np.ones(2).sum() == 2", id="sum", execution_count=1)
    cell.metadata.tags = ["note-1.1a", "note-1.1b", "note-1.1c"]
    registry, mutation, folder = folder / "page" / "registry", folder / "tests" / "mutation", folder / "chapters"
    for place in (registry, mutation, folder / "_static"):
        place.mkdir(parents=True)
    for module in (concordance, publishing):
        shutil.copy(module.__file__, registry)
    shutil.copy(publishing.ROOT / "CITATION.cff", registry.parents[1])
    shutil.copy(CHAPTERS / "_static" / "concordance.schema.json", folder / "_static")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text("# Book\n\n```{toctree}\n:numbered:\n1_one\nconcordance\n```\n")
    (folder / "concordance.md").write_text(PAGE)
    (mutation / "results.json").write_text(json.dumps(MUTANTS))
    (folder / "concordance.yml").write_text(json.dumps(rows))
    notebook = new_notebook(cells=[new_markdown_cell(text), cell])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "1_one.ipynb")
    return folder


def build(folder):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-b", "html", ".", "out"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_small_book_links_everything_both_ways(tmp_path):
    folder = small_book(tmp_path / "book")
    run = build(folder)
    assert run.returncode == 0, run.stderr
    pages = {name: (folder / "out" / name).read_text() for name in ("1_one.html", "concordance.html")}
    data = json.loads((folder / "out" / "concordance.json").read_text())
    jsonschema.validate(data, SCHEMA)
    assert data["version"] == natgrad.__version__
    data = data["statements"]
    assert [row["id"] for row in data] == ["1.1a", "1.1b", "1.1c"]
    assert [witness["kind"] for witness in data[0]["witnesses"]] == ["symbolic", "numeric"]
    anchors = [row["anchor"] for row in data] + [data[2]["erratum"]]
    anchors += [witness["anchor"] for row in data for witness in row["witnesses"]]
    anchors += re.findall(r'href="(1_one\.html#[^"]+)"', pages["concordance.html"])
    anchors += re.findall(r'href="(concordance\.html#[^"]+)"', pages["1_one.html"])
    anchors += ["concordance.html" + link for link in re.findall(r'href="(#[^"]+)"', pages["concordance.html"])]
    for page, anchor in (link.split("#") for link in anchors):
        assert f'id="{anchor}"' in pages[page], anchor
    back = re.findall(r'href="concordance\.html#note-([^"]+)"', pages["1_one.html"])
    assert back == ["1-1b", "1-1a", "1-1c", "1-1a", "1-1b", "1-1c"]  # section, equation, box, cell
    plain = pages["concordance.html"].replace("\N{NO-BREAK SPACE}", " ")
    for text in ("99.0 %", "90.0 %", "0123abc", "4567def", "Of the 8 changes", ", 1 could", "a.py:2"):
        assert text in plain
    assert "By 1." not in plain


def test_what_was_not_noticed_takes_a_few_lines():
    assert len(concordance.mutants().splitlines()) <= 30
    assert "not been run" in concordance.mutants(CHAPTERS / "nowhere.json")


def test_a_small_book_that_is_broken_is_not_built(tmp_path):
    folder = small_book(tmp_path / "book")
    rows = json.loads((folder / "concordance.yml").read_text())
    rows[1].update(anchor="sec-1-9", uses=["1.1z"])
    (folder / "concordance.yml").write_text(json.dumps(rows[:2]))
    edit(folder, lambda cell: cell.update(source="1 + 1"))
    run = build(folder)
    assert run.returncode != 0
    for message in (
        "1.1b: the book has no label 'sec-1-9'",
        "1.1b: uses '1.1z', which is not in the registry",
        "1_one.ipynb, sum: note-1.1c is not in the registry",
        "1_one.ipynb, sum: note-1.1a, but asserts nothing",
        "1.1a: no symbolic witness, and no `single`",
    ):
        assert message in run.stderr
