"""What is in notebooks.zip is plain, complete, the same as each page's download, and runs with the wheel beside it.

Prints what is wrong, and a summary, as JSON.
"""

import json
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "_build" / "html"
RUN = "1_natural_gradients.ipynb"
# What Markdown doesn't have. (Written down once more, so that the check shares nothing with what it checks.)
MYST = {
    "a role": r"\{\w[\w:-]*\}`",
    "a fence": r"^[> ]*:::|^[> ]*```\{",
    "an option": r"^[> ]*:\w[\w-]*:",
    "a label": r"^[> ]*\([\w-]+\)=",
    "the label of an equation": r"\$\$ *\([a-z][\w-]*\)",
    "an attribute": r"\]\{[.#]",
    "the name of a label": r"\b(?:eq|sec|fig|box|fine|erratum|cell)-[1-9a-z]+-[\w-]+",
    "an entry's key": r"\b(?:madsen2016|amari1998|mahalanobis1936)\b",
}


def text_of(outputs):
    """What a run gives, without pictures and counts."""
    kept = {"text/plain", "text/latex"}
    return [
        {kind: data for kind, data in one.get("data", {}).items() if kind in kept} | {"text": one.get("text")}
        for one in outputs
        if "image/svg+xml" not in one.get("data", {})
    ]


def read(name, notebook, source, folder):
    """What is wrong with one notebook, beside the one that it is made from."""
    nbformat.validate(notebook)
    address = re.compile(r"\]\([^)]*\)")  # of a link, which names labels
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for what, pattern in MYST.items():
                for found in re.finditer(pattern, address.sub("]", cell.source), re.MULTILINE):
                    yield f"{name}, {cell.id}: {what} is left, {cell.source[found.start() : found.end() + 30]!r}"
        for output in cell.get("outputs", []):
            kinds = output.get("data", {})
            if "image/svg+xml" in kinds:
                if not kinds.get("image/png", "").startswith("iVBORw0KGgo"):
                    yield f"{name}, {cell.id}: no PNG beside the SVG"
                if len(kinds.get("text/plain", "")) < 60:
                    yield f"{name}, {cell.id}: a picture without a description: {kinds.get('text/plain')!r}"
    code = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    if next(iter(code)) != "where-natgrad-is-from":
        yield f"{name}: the first code cell doesn't say where natgrad is from"
    first, *rest = (cell.source for cell in code.values())
    for file in set(re.findall(r"data/[\w.]+\w", "\n".join(rest))):
        if file not in first:
            yield f"{name}: the first code cell doesn't say where {file} is from"
        if not (BOOK / "_sources" / "chapters" / file).exists() or not (folder / file).exists():
            yield f"{name}: reads {file}, which isn't beside it, in the archive or on the pages"
    equations = 0
    for cell in source.cells:
        if cell.cell_type == "markdown":
            equations += len(re.findall(r"\$\$ *\(eq-", cell.source))
        elif "### BEGIN SOLUTION" in cell.source:
            if not code[cell.id].source.endswith("raise NotImplementedError()"):
                yield f"{name}, {cell.id}: the answer isn't blank"
        elif not code[cell.id].source.endswith(cell.source):
            yield f"{name}, {cell.id}: other code than in the chapter"
    tags = [
        tag
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for tag in re.findall(r"\\tag\{([\d.]+)\}", cell.source)
    ]
    page = (BOOK / "chapters" / name).with_suffix(".html").read_text(encoding="utf-8")
    numbers = re.findall(r'class="eqno"><a [^>]*>\(([\d.]+)\)</a>', page)
    if not len(tags) == len(numbers) == equations or tags != numbers:
        yield f"{name}: {equations} labels of equations, but the numbers {tags}, and on the page {numbers}"


def run(notebook, folder):
    """Run a notebook in a folder that has the archive's natgrad and no other: what comes out differently."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    os.environ["PYTHONPATH"] = str(folder / "site")
    whence = nbformat.v4.new_code_cell("import natgrad\nnatgrad.__file__")
    stored = [text_of(cell.get("outputs", [])) for cell in notebook.cells]
    notebook.cells.append(whence)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    place = notebook.cells.pop().outputs[0].data["text/plain"]
    if str(folder) not in place:
        yield f"natgrad was taken from {place}"
    for cell, before in zip(notebook.cells, stored, strict=True):
        if text_of(cell.get("outputs", [])) != before:
            yield f"{RUN}, {cell.id}: gives something else when it is run"


def main():
    problems, cells = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(BOOK / "notebooks.zip") as archive:
            archive.extractall(folder)
        names, own = (
            sorted(path.relative_to(top).as_posix() for path in top.rglob("*.ipynb"))
            for top in (folder, ROOT / "chapters")
        )
        if names != own:
            problems.append(f"the archive has {', '.join(names)}")
        for name in names:
            notebook, source = (nbformat.read(place / name, as_version=4) for place in (folder, ROOT / "chapters"))
            cells += len(notebook.cells)
            problems += read(name, notebook, source, folder)
            if (BOOK / "_sources" / "chapters" / name).read_bytes() != (folder / name).read_bytes():
                problems.append(f"{name}: the page offers another notebook than the archive has")
        problems += run(nbformat.read(folder / RUN, as_version=4), folder)
    summary = f"{len(names)} notebooks of {cells} cells are plain, and {RUN} gives what it stores"
    json.dump({"problems": problems, "summary": summary}, sys.stdout)


main()
