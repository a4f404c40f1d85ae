"""The chapters keep their form, and none of their stored outputs can be wrong unnoticed."""

import ast
import copy
import json
import numbers
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
import sympy as sp
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbval.plugin import IPyNbFile

import natgrad
from natgrad_book import figures

ROOT = Path(__file__).parents[1]
PATHS = sorted(ROOT.glob("chapters/*.ipynb"))
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in PATHS}
CHAPTERS = [name for name in NOTEBOOKS if name[0].isdigit()]

# The statements of the note, whose ids chapters and errata refer to, and how many sections its chapters have.
STATEMENTS = [row["id"] for row in yaml.safe_load((ROOT / "chapters" / "concordance.yml").read_text(encoding="utf-8"))]
SECTIONS_OF_THE_NOTE = {int(name[0]): int(name[2]) for name in STATEMENTS}
ALLOWED_IMPORTS = {"numpy", "sympy", "matplotlib", "natgrad", "natgrad_book"}
# What a cell may try to import, if it can do without.
OPTIONAL_IMPORTS = {"dask"}
FIGURES = ("image/svg+xml", "image/png", "image/jpeg")
EQUATION = re.compile(r"\$\$(.+?)\$\$[ \t]*(?:\((.*?)\))?", re.DOTALL)
ADDRESS = re.compile(r"\bat 0x[0-9a-f]+")
BARE_VERDICT = re.compile(r"\A\s*(np\.)?(True|False)_?\s*\Z")
NEGATIVE_ZERO = re.compile(r"(?<![\w.])-0\.0*(?!\d)")


def markdown_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.fixture(params=NOTEBOOKS)
def notebook(request):
    return NOTEBOOKS[request.param]


@pytest.fixture(params=CHAPTERS)
def chapter(request):
    """The number and the text of a chapter that follows the note."""
    return int(request.param.split("_")[0]), markdown_of(NOTEBOOKS[request.param])


@pytest.fixture
def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell):
    """What a code cell shows as text, with its MIME type (or the name of its stream)."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.name, output.text
        for mime, data in output.get("data", {}).items():
            if mime in ("text/plain", "text/latex"):
                yield mime, data


def outputs_of(cell):
    return {mime for output in cell.outputs for mime in output.get("data", {})}


def test_every_chapter_is_in_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {Path(page["file"]).name for part in toc["parts"] for page in part["chapters"]}
    assert {int(name.split("_")[0]) for name in CHAPTERS} >= SECTIONS_OF_THE_NOTE.keys()
    assert NOTEBOOKS.keys() <= listed


def test_cells_were_run_in_order(code_cells):
    counts = [cell.execution_count for cell in code_cells]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_ends_in_an_error_or_warns(code_cells):
    kinds = [(c.id, o.output_type, o.get("name")) for c in code_cells for o in c.outputs]
    assert not [kind for kind in kinds if kind[1] == "error" or kind[2] == "stderr"]


def test_no_cell_is_exempt_from_comparison(code_cells):
    for cell in code_cells:
        assert "NBVAL" not in cell.source.upper(), cell.id
        for tag in cell.metadata.get("tags", []):
            assert not re.match("nbval|raises|skip|remove", tag), f"{cell.id}: {tag}"


def test_cell_ids_are_readable_and_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell_id in ids:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell_id), cell_id
        assert not re.fullmatch(r"[0-9a-f]{8}(-.*)?", cell_id), f"{cell_id} looks generated"


def test_metadata_is_minimal(notebook):
    assert notebook.metadata.keys() == {"kernelspec"}
    for cell in notebook.cells:
        assert cell.metadata.keys() <= {"tags", "mystnb"}, cell.id


def test_chapters_open_with_the_same_folded_cell(code_cells):
    first = [next(c for c in nb.cells if c.cell_type == "code") for nb in NOTEBOOKS.values()]
    assert len({cell.source for cell in first}) == 1
    assert "hide-input" in code_cells[0].metadata.tags


def test_cells_are_short(code_cells):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells}
    assert not {cell_id: n for cell_id, n in lengths.items() if n > 15}
    assert statistics.median(lengths.values()) <= 6
    assert max(len(line) for cell in code_cells for line in cell.source.splitlines()) <= 88


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_read_in_a_sitting(name):
    """Words of the main line: a formula counts as one; no tables, questions, and names of roles and directives."""
    text = markdown_of(NOTEBOOKS[name])
    for apart in (r"(?ms)^:::\{admonition\} Do you have it.*?^:::$", r"(?m)^(\||\(|```|:).*$", r"\{[\w:]+\}"):
        text = re.sub(apart, "", text)
    words = re.findall(r"[\w'’.$-]*[\w$][\w'’.$-]*", re.sub(r"(?s)\$\$.+?\$\$|\$.+?\$", "$", text))
    assert 1000 < len(words) <= (3000 if name.startswith("3_") else 2500)
    folded = {"hide-cell", "hide-input"}
    shown = [
        c.id for c in NOTEBOOKS[name].cells if c.cell_type == "code" and not folded & {*c.metadata.get("tags", ())}
    ]
    assert 5 < len(shown) <= 15


def modules_in(tree):
    """The packages that a program imports."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.split(".")[0])
    return modules


def test_cells_import_only_what_runs_in_a_browser(code_cells):
    for cell in code_cells:
        tree = ast.parse(cell.source)
        assert modules_in(tree) <= ALLOWED_IMPORTS | OPTIONAL_IMPORTS, cell.id
        tried = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
        for node in tried:
            if [getattr(handler.type, "id", None) for handler in node.handlers] == ["ImportError"]:
                node.body = [ast.Pass()]
        assert modules_in(tree) <= ALLOWED_IMPORTS, cell.id


def test_cells_define_nothing_that_natgrad_has(code_cells):
    for cell in code_cells:
        nodes = ast.walk(ast.parse(cell.source))
        defined = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        taken = [n for n in defined if hasattr(natgrad, n) or hasattr(figures, n)]
        assert not taken, cell.id


def test_cells_print_nothing(code_cells):
    for cell in code_cells:
        calls = [n.func for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call)]
        assert "print" not in [getattr(function, "id", None) for function in calls], cell.id


def test_cells_that_check_the_note_assert(code_cells):
    for cell in code_cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag.startswith("note")]
        assert set(tags) <= {f"note-{name}" for name in STATEMENTS}, cell.id
        nodes = ast.walk(ast.parse(cell.source))
        assert not tags or any(isinstance(n, ast.Assert) for n in nodes), cell.id


def test_outputs_are_fit_to_read_and_to_compare(code_cells):
    for cell in code_cells:
        for mime, text in texts(cell):
            for unfit in (ADDRESS, BARE_VERDICT, NEGATIVE_ZERO):
                assert not unfit.search(text), f"{cell.id}: {mime}"


def test_figures_have_a_name_a_caption_and_a_text(code_cells):
    for cell in code_cells:
        if outputs_of(cell).intersection(FIGURES):
            mystnb = cell.metadata.get("mystnb", {})
            figure, alt = mystnb.get("figure", {}), mystnb.get("image", {}).get("alt", "")
            assert re.fullmatch("fig-[a-z0-9-]+", figure.get("name", "")), cell.id
            title, _, rest = figure.get("caption", "").partition(". ")
            assert 1 <= len(title.split()) <= 6, cell.id
            assert rest.endswith("."), f"{cell.id}: after the title, a sentence that says what to see"
            assert len(alt) >= 40, f"{cell.id}: say what the figure shows"


def test_figures_that_can_be_dragged_are_known_and_have_a_still_picture(code_cells):
    known = [f"natgrad-{path.stem}" for path in (ROOT / "page" / "drag" / "figures").glob("*.js")]
    for cell in code_cells:
        for output in cell.outputs:
            if figures.DRAGGABLE in output.get("data", {}):
                assert output.data[figures.DRAGGABLE]["tag"] in known, cell.id
                assert "image/svg+xml" in output.data, cell.id


def test_displayed_equations_are_labelled(chapter):
    number, markdown = chapter
    for k, section in enumerate(re.split(r"^## ", markdown, flags=re.MULTILINE)):
        for body, label in EQUATION.findall(section):
            assert re.fullmatch(rf"eq-{number}-{k}-[a-z0-9-]+", label), body
    rest = EQUATION.sub("", markdown)
    assert "$$" not in rest
    assert r"\begin{" not in rest, "only $$ … $$ (eq-…) can carry a label"


def test_labels_are_unique_in_the_book():
    labels = []
    for notebook in NOTEBOOKS.values():
        for cell in notebook.cells:
            labels += [cell.metadata.get("mystnb", {}).get("figure", {}).get("name")]
            labels += [label for _, label in EQUATION.findall(cell.source)]
            labels += re.findall(r"^(?:\(|:name: )(\S+?)(?:\)=)?$", cell.source, re.MULTILINE)
    assert not {label for label in labels if label and labels.count(label) > 1}


def test_every_erratum_has_a_label_and_a_counterexample():
    cells = NOTEBOOKS["errata"].cells
    entries = [cell for cell in cells if "\n### " in cell.source]
    for entry in entries:
        label = re.match(r"\(erratum-(.+)\)=\n### ", entry.source)[1]
        assert label.replace("-", ".") in [*STATEMENTS, "abstract"], entry.id
        counterexample = cells[cells.index(entry) + 1]
        assert counterexample.cell_type == "code", entry.id
        assert "assert " in counterexample.source, entry.id
    assert entries


def test_sections_are_those_of_the_note(chapter):
    number, markdown = chapter
    # The book counts the headings itself: labels in this order make its 2.4 the note's 2.4.
    headings = re.findall(r"(?:^\((.+)\)=\n)?^## ", markdown, re.MULTILINE)
    labels = [f"sec-{number}-{k}" for k in range(1, len(headings) + 1)]
    assert headings == labels
    assert len(labels) >= SECTIONS_OF_THE_NOTE.get(number, 1)
    assert re.search(rf"^\(sec-{number}\)=\n# ", markdown, re.MULTILINE)


def kind(value):
    """What a name stands for, as a reader sees it: any matrix of sympy's is a matrix, any number a number."""
    kinds = (sp.MatrixBase, sp.MatrixExpr, sp.Basic, np.ndarray, numbers.Number)
    return next((one for one in kinds if isinstance(value, one)), type(value))


# To run all chapters a second time takes as long as many tests: only where EVERY=chapter.
@pytest.mark.parametrize("name", [*CHAPTERS, "fine_print"] if os.environ.get("EVERY") else ["2_mahalanobis_distances"])
def test_a_section_runs_by_itself_and_a_name_keeps_its_type(name, monkeypatch):
    monkeypatch.chdir(ROOT / "chapters")  # where Jupyter runs them, and their data are
    monkeypatch.setattr(figures, "show", lambda *_, **__: None)  # takes long, and gives nothing a name
    parts = [[]]
    for cell in NOTEBOOKS[name].cells:
        if cell.cell_type == "markdown" and re.search("^## ", cell.source, re.MULTILINE):
            parts.append([])
        if cell.cell_type == "code":
            parts[-1].append(cell)
    found = {}
    for section, part in enumerate(parts[1:], 1):
        namespace = {}
        with np.printoptions():  # the first cell sets them, which is not for what is tested later
            for cell in [*parts[0], *part]:
                exec(compile(cell.source, cell.id, "exec"), namespace)
        for variable, value in namespace.items():
            found.setdefault(variable, {})[kind(value)] = section
    assert not {variable: kinds for variable, kinds in found.items() if len(kinds) > 1}


# From here on stored outputs are falsified, and nbval has to find all of them and nothing else.


def change(text):
    """Change one character: a digit of the first path of a drawing, or else the first digit."""
    if not isinstance(text, str):
        return json.loads(change(json.dumps(text)))
    in_path = text.find(' d="') + 1
    at = (re.compile(r"\d").search(text, in_path) or re.search(r"\w", text)).start()
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]


def falsified(cell):
    """The stored outputs of a cell, wrong in one MIME type of one output, for each of them."""
    for k, output in enumerate(cell.outputs):
        for mime in output.get("data", {"text": ""}):
            outputs = copy.deepcopy(cell.outputs)
            holder = outputs[k] if mime == "text" else outputs[k].data
            holder[mime] = change(holder[mime])
            yield mime, outputs


def failing_cells(notebook, folder):
    """The ids of the cells that fail when nbval runs with the project's own configuration."""
    folder.mkdir()
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, folder)
    nbformat.write(notebook, folder / "chapter.ipynb")
    command = [sys.executable, "-m", "pytest", "--junitxml=report.xml", "chapter.ipynb"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    cases = ElementTree.parse(folder / "report.xml").findall(".//testcase")
    ids = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cases) == len(ids), run.stdout
    failed = [case.find("failure") is not None for case in cases]
    return {cell_id for cell_id, has_failed in zip(ids, failed, strict=True) if has_failed}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_output_of_a_chapter_can_be_wrong(path, request):
    # That cells give what is stored is tested beside this; here what they give is compared with something else.
    cells = list(IPyNbFile.from_parent(request.session, path=path).collect())
    request.config.hook.pytest_collection_modifyitems(session=request.session, config=request.config, items=cells)
    shown = [cell for cell in cells if cell.cell.outputs]
    assert shown
    for cell in shown:
        assert cell.options["check"]
        assert cell.compare_outputs(cell.cell.outputs, cell.cell.outputs)
        for mime, outputs in falsified(cell.cell):
            assert not cell.compare_outputs(cell.cell.outputs, outputs), f"{cell.cell.id}: {mime}"


def test_every_way_of_being_wrong_is_found(tmp_path):
    def stored(source, *outputs):
        return new_code_cell(source, execution_count=1, outputs=list(outputs))

    two = new_output("execute_result", {"text/plain": "2"})
    cells = {
        "right": stored("1 + 1", two),
        "right-and-silent": stored("x = 1"),
        "right-and-empty": new_code_cell(""),
        "another-value": stored("1 + 2", two),
        "another-stream": stored("print(3)", new_output("stream", text="2\n")),
        "one-output-more": stored("1 + 1", two, two),
        "no-output": stored("1 + 1"),
        "no-output-and-no-count": new_code_cell("1 + 1"),
        "no-count": new_code_cell("x = 1"),
        "a-warning": stored("import warnings\nwarnings.warn('!')"),
        "an-exception": stored("1 / 0"),
    }
    mimes = ("text/plain", "text/latex", "text/html", "application/json", figures.DRAGGABLE)
    for mime in (*mimes, *FIGURES):
        cells[mime] = stored(
            f"display({{'{mime}': 'AAAA'}}, raw=True)",
            new_output("display_data", {mime: "AAAB"}),
        )
    for k, cell in enumerate(cells.values()):
        cell.id = f"cell-{k}"
    wrong = {cell.id for name, cell in cells.items() if not name.startswith("right")}
    assert failing_cells(new_notebook(cells=list(cells.values())), tmp_path / "book") == wrong
