"""The concordance covers the note and the book's own statements, and nothing in it can be wrong unnoticed."""

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
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import natgrad

CHAPTERS = concordance.FOLDER
SCHEMA = json.loads((CHAPTERS / "_static" / "concordance.schema.json").read_text(encoding="utf-8"))
ROWS = concordance.read_rows()
WITNESSES = concordance.read_witnesses()

NOTE, OWN = (concordance.of(source, ROWS) for source in ("note", "book"))
IDS = [row["id"] for row in NOTE]


def complete(ids):
    """Whether the ids are in order, lettered without a gap in each section, in sections numbered without a gap."""
    following = lambda a, b: {f"{a[:3]}{chr(ord(a[3]) + 1)}", f"{a[:2]}{int(a[2]) + 1}a", f"{int(a[0]) + 1}.1a"}
    return ids[0][1:] == ".1a" and all(b in following(a, b) for a, b in zip(ids, ids[1:], strict=False))


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
    assert IDS[0] == "1.1a"


def test_the_statements_of_each_chapter_of_its_own_are_lettered_without_a_gap():
    paths = list(CHAPTERS.glob("statements_*.yml"))
    for path in paths:
        number = path.stem.removeprefix("statements_")
        ids = [row["id"] for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
        assert complete(ids), path.name
        assert {name.split(".")[0] for name in ids} == {number}, path.name
        assert list(CHAPTERS.glob(f"{number}_*.ipynb")), f"{path.name}: there is no such chapter"
    follows = {name.split(".")[0] for name in IDS}
    others = {path.stem.split("_")[0] for path in CHAPTERS.glob("[0-9]*.ipynb")} - follows
    assert others == {path.stem.removeprefix("statements_") for path in paths}


def test_every_verdict_is_defined_on_the_page():
    page = (CHAPTERS / "concordance.md").read_text(encoding="utf-8").replace("\\~", "~")
    for signs in concordance.SIGNS.values():
        for verdict, sign in signs.items():
            assert re.search(rf"^{re.escape(sign)} {verdict}\n: \S", page, re.MULTILINE), verdict
            assert f"`{verdict}`" in page  # where the file for programs is described


def test_the_concordance_has_no_problem():
    assert not list(concordance.problems(ROWS, WITNESSES, LABELS))


def published(rows):
    return concordance.published(rows, WITNESSES, "chapters/page.html#{}".format)


def test_what_is_published_keeps_to_its_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(published(ROWS), SCHEMA)
    forms = SCHEMA["$defs"]["statement"]["allOf"][0]
    assert forms["if"]["properties"]["source"]["const"] == "note"
    for source, form in {"note": "then", "book": "else"}.items():
        assert forms[form]["properties"]["verdict"]["enum"] == list(concordance.SIGNS[source])


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
        ("source", "book"),
    ],
)
def test_the_schema_refuses(key, value):
    data = published(ROWS)
    data["statements"][IDS.index("2.3b")][key] = value  # a corrected statement
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


@pytest.mark.parametrize(
    ("key", "value"),
    [("verdict", "proved"), ("source", "note"), ("source", "us"), ("erratum", "a.html#b"), ("why", "")],
)
def test_the_schema_refuses_of_the_book_s_own(key, value):
    data = published(ROWS)
    data["statements"][len(NOTE)][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


def test_the_drawing_has_a_place_of_its_own_for_each_statement():
    svg = ElementTree.fromstring(concordance.graph(NOTE))
    links = svg.findall("a")
    assert [link.get("href") for link in links] == [f"#note-{i.replace('.', '-')}" for i in IDS]
    rects = [link.find("rect") for link in links]
    places = {(float(r.get("x")), float(r.get("y"))) for r in rects}
    assert len(places) == len(IDS)
    for link, row in zip(links, NOTE, strict=True):
        assert len(link.findall("path")) == len(row["uses"])
        assert row["verdict"] in link.find("title").text


def test_lines_of_the_drawing_cross_no_statement():
    svg = ElementTree.fromstring(concordance.graph(NOTE))
    lefts = {float(rect.get("x")) for rect in svg.iter("rect")}
    width = float(svg.find("a/rect").get("width"))
    for path in svg.iter("path"):
        for x in re.findall(r"([\d.]+) [\d.]+V", path.get("d")):
            assert not [left for left in lefts if left <= float(x) <= left + width]


def test_the_filter_knows_every_verdict():
    css = (publishing.ROOT / "page" / "registry" / "concordance.css").read_text(encoding="utf-8")
    for source, signs in concordance.SIGNS.items():
        for verdict in signs:
            assert f'form:has([value="{verdict}"]:checked) ~ section div.statement:not(.{verdict}, :target)' in css
            assert f'value="{verdict}"' in concordance.choice(ROWS, source)


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
    for path in [*CHAPTERS.glob("*.ipynb"), *CHAPTERS.glob("*.yml")]:
        shutil.copy(path, tmp_path)
    return tmp_path


def found(rows=ROWS, witnesses=WITNESSES, labels=LABELS):
    return "\n".join(concordance.problems(rows, witnesses, labels))


def test_a_removed_statement_is_missed():
    for k, row in enumerate(ROWS):
        tag, rows = concordance.row_tag(row), ROWS[:k] + ROWS[k + 1 :]
        missed = f"{tag} is not in the registry" in found(rows)
        assert missed is any(w.tag == tag for w in WITNESSES)
        # At the end of its section nothing tells that there was one more, but for what rests on it, or its citation.
        assert missed or not complete([r["id"] for r in rows]) or row["verdict"] == "cited"


def test_every_tagged_cell_that_loses_its_assertion_is_missed(folder):
    edit(folder, lambda cell: cell.update(source=re.sub(r"\bassert\b", "...,", cell.source)))
    text = found(witnesses=concordance.read_witnesses(folder))
    for w in WITNESSES:
        if w.tag.startswith("note-"):
            assert f"{w.notebook}, {w.cell}: {w.tag}, but asserts nothing" in text
    for row in OWN:  # whose cells need not all assert something
        reasoned = row["single"] or row["verdict"] == "cited"
        assert reasoned or f"{row['id']}: no {kind_of(row)} witness, and no `single`" in text
        assert any(w.evidence and w.tag == concordance.row_tag(row) for w in WITNESSES) or reasoned


def kind_of(row):
    """The kind of witness that the verdict on a statement of the book's own speaks of."""
    return "symbolic" if row["verdict"] == "derived" else "numeric"


def kinds_of(row):
    """The kinds of witness that a statement has."""
    tag = concordance.row_tag(row)
    return {concordance.EVIDENCE[w.evidence] for w in WITNESSES if w.tag == tag and w.evidence}


def test_every_tag_of_the_book_s_own_has_a_cell_that_asserts_it_and_moved_elsewhere_it_is_missed(folder):
    tags = {w.tag for w in WITNESSES if w.tag.startswith("book-")}
    assert tags == {w.tag for w in WITNESSES if w.tag.startswith("book-") and w.evidence}
    assert tags | {concordance.row_tag(row) for row in OWN if row["verdict"] == "cited"} == {
        concordance.row_tag(row) for row in OWN
    }
    rename = lambda tags: [tag.replace("book-", "note-") for tag in tags]
    edit(folder, lambda cell: cell.metadata.update(tags=rename(cell.metadata.get("tags", []))))
    text = found(witnesses=concordance.read_witnesses(folder))
    for tag in tags:
        assert f"{tag.replace('book', 'note')} is not in the registry" in text


def test_a_verdict_that_says_more_than_its_cells_is_found():
    for row in OWN:
        for verdict in concordance.SIGNS["book"]:
            changed = {**row, "verdict": verdict, "single": "", "uses": []}
            lacking = concordance.NEEDED[verdict] - kinds_of(row)
            assert (f"{row['id']}: no " in found([changed])) is bool(lacking), (row["id"], verdict)


def test_an_unknown_tag_is_found(folder):
    rename = lambda tags: [tag.replace("note-2.3b", "note-2.3z") for tag in tags]
    edit(folder, lambda cell: cell.metadata.update(tags=rename(cell.metadata.get("tags", []))))
    rows = [{**row, "single": ""} for row in NOTE]
    text = found(rows, concordance.read_witnesses(folder))
    assert "note-2.3z is not in the registry" in text
    assert "2.3b: no symbolic witness" in text


def test_every_label_that_dangles_is_found():
    for row in ROWS:
        for label in filter(None, [row["anchor"], row["erratum"], row["proof"]]):
            assert f"{row['id']}: the book has no label {label!r}" in found([row], labels=LABELS - {label})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "true"}, "unknown verdict 'true'"),
        ({"why": ""}, "nothing but a proof goes without `why`"),
        ({"erratum": None}, "a correction needs its `erratum`"),
        ({"uses": ["2.3z"]}, "2.3b: uses '2.3z', which is not in the registry"),
        ({"uses": ["2.3b"]}, "2.3b, 2.3b: each uses the next, in a circle"),
        ({"id": "2.3a"}, "2.3a is listed twice"),
        ({"id": "4.1a"}, "4.1a is listed twice"),
        ({"verdict": "derived"}, "unknown verdict 'derived'"),
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
        kinds = kinds_of(row)
        alone = {**row, "single": "", "kind": "result", "uses": []}
        excused = {**row, "single": "Why not?", "uses": []}
        enough = kinds >= concordance.NEEDED[row["verdict"]]
        assert (f"{row['id']}: no " in found([alone])) is not enough
        assert (f"{row['id']}: `single`, but" in found([excused])) is (kinds == {"symbolic", "numeric"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "proved"}, "4.1b: unknown verdict 'proved'"),
        ({"why": ""}, "4.1b: nothing but a proof goes without `why`"),
        ({"uses": ["4.9z"]}, "4.1b: uses '4.9z', which is not in the registry"),
        ({"uses": ["3.9z"]}, "4.1b: uses '3.9z', which is not in the registry"),
        ({"uses": ["4.1b"]}, "4.1b, 4.1b: each uses the next, in a circle"),
        ({"id": "1.1a"}, "1.1a is listed twice"),
        ({"source": "note"}, "book-4.1b is not in the registry"),
        ({"anchor": "sec-4-99"}, "4.1b: the book has no label 'sec-4-99'"),
    ],
)
def test_a_wrong_row_of_the_book_s_own_is_found(change, message):
    rows = copy.deepcopy(ROWS)
    next(row for row in rows if row["id"] == "4.1b").update(change)
    assert message in found(rows)


def test_chapters_are_found_by_their_files(folder):
    for kind in ("ipynb", "yml"):
        for path in folder.glob(f"*4*.{kind}"):
            path.unlink()
    assert concordance.read_rows(folder) == [row for row in ROWS if row["id"][0] != "4"]
    assert not [w for w in concordance.read_witnesses(folder) if w.tag.startswith("book-4.")]


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
PARTS = ("graph", "filter note", "table note", "filter book", "table book", "mutants")
PAGE = "# Concordance\n\n" + "".join(f"## {part}\n\n```{{concordance}} {part}\n```\n\n" for part in PARTS)
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
    own = [{**row, "verdict": "derived", "why": "By sympy.", "id": "2.1a", "statement": "$3 = 3$", "anchor": "sec-2-1"}]
    own[0]["uses"] = ["1.1a"]
    two = [new_markdown_cell("(sec-2)=\n# Two\n\n(sec-2-1)=\n## Threes\n\nOf course.")]
    two.append(new_code_cell("assert sp.S(3) == 3", id="three", execution_count=1, metadata={"tags": ["book-2.1a"]}))
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
    (folder / "index.md").write_text("# Book\n\n```{toctree}\n:numbered:\n1_one\n2_two\nconcordance\n```\n")
    (folder / "concordance.md").write_text(PAGE)
    (mutation / "results.json").write_text(json.dumps(MUTANTS))
    (folder / "concordance.yml").write_text(json.dumps(rows))
    (folder / "statements_2.yml").write_text(json.dumps(own))
    for name, cells in {"1_one": [new_markdown_cell(text), cell], "2_two": two}.items():
        notebook = new_notebook(cells=cells)
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


def build(folder):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-b", "html", ".", "out"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_small_book_links_everything_both_ways(tmp_path):
    folder = small_book(tmp_path / "book")
    run = build(folder)
    assert run.returncode == 0, run.stderr
    pages = {name: (folder / "out" / name).read_text() for name in ("1_one.html", "2_two.html", "concordance.html")}
    data = json.loads((folder / "out" / "concordance.json").read_text())
    jsonschema.validate(data, SCHEMA)
    assert data["version"] == natgrad.__version__
    data = data["statements"]
    assert [(row["id"], row["source"]) for row in data] == [
        ("1.1a", "note"),
        ("1.1b", "note"),
        ("1.1c", "note"),
        ("2.1a", "book"),
    ]
    assert [witness["kind"] for witness in data[0]["witnesses"]] == ["symbolic", "numeric"]
    anchors = [row["anchor"] for row in data] + [data[2]["erratum"]]
    anchors += [witness["anchor"] for row in data for witness in row["witnesses"]]
    anchors += re.findall(r'href="([12]_[a-z]+\.html#[^"]+)"', pages["concordance.html"])
    for name in ("1_one.html", "2_two.html"):
        anchors += re.findall(r'href="(concordance\.html#[^"]+)"', pages[name])
    anchors += ["concordance.html" + link for link in re.findall(r'href="(#[^"]+)"', pages["concordance.html"])]
    for page, anchor in (link.split("#") for link in anchors):
        assert f'id="{anchor}"' in pages[page], anchor
    back = re.findall(r'href="concordance\.html#note-([^"]+)"', pages["1_one.html"])
    assert back == ["1-1b", "1-1a", "1-1c", "1-1a", "1-1b", "1-1c"]  # section, equation, box, cell
    back = re.findall(r'href="concordance\.html#([^"]+)"', pages["2_two.html"])
    assert back == ["statement-2-1a", "statement-2-1a"]  # section, cell
    assert 'href="2_two.html#cell-2-three"' in pages["concordance.html"]
    assert 'href="2_two.html#sec-2"' in pages["concordance.html"]  # the chapter
    plain = pages["concordance.html"].replace("\N{NO-BREAK SPACE}", " ")
    for text in ("99.0 %", "90.0 %", "0123abc", "4567def", "Of the 8 changes", ", 1 could", "a.py:2"):
        assert text in plain
    assert "By 1." not in plain


def test_what_was_not_noticed_takes_a_few_lines():
    assert len(concordance.mutants().splitlines()) <= 30
    assert "not been run" in concordance.mutants(CHAPTERS / "nowhere.json")


def test_a_small_book_that_is_broken_is_not_built(tmp_path):
    folder = small_book(tmp_path / "book")
    own = json.loads((folder / "statements_2.yml").read_text())
    own[0].update(anchor="sec-2-9", uses=["2.1z"])
    (folder / "statements_2.yml").write_text(json.dumps(own))
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
        "2.1a: no symbolic witness, and no `single`",
        "2.1a: the book has no label 'sec-2-9'",
        "2.1a: uses '2.1z', which is not in the registry",
    ):
        assert message in run.stderr
