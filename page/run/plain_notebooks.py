"""The notebooks for any Jupyter, Colab and Binder: the same cells, without what only Jupyter Book understands.

Equations have the book's numbers, references are words, boxes are quotations, pictures are bitmaps too, and a
cell says where natgrad is from. They are made from `chapters/`, for the archive and for each page's download.
"""

import json
import posixpath
import re
from pathlib import Path

import concordance
import copies
import frame
import nbformat
import publishing
from exercises import EXERCISES
from live_cells import WHEEL, archive
from nbformat.v4 import new_code_cell, new_markdown_cell
from sphinx.errors import ExtensionError

from natgrad_book.figures import DRAGGABLE

README = """\
The notebooks of the book, {edition}, with their outputs, and natgrad, the package that they use.
With Python 3.11 or newer, and in a virtual environment if you like:

    python -m pip install "./{wheel}[chapters]" jupyterlab
    jupyter lab
"""
# Not natgrad[chapters]: with its exact versions, numpy would be replaced where Colab has it loaded already.
ORIGIN = """\
# A copy of "{title}" in the book
# {book},
# {edition}{place}.
# Its cells need natgrad, the book's package: where it is missing, this cell installs it{origin}.
# If pip then replaces packages that are in use, restart Python.
import importlib.util

if importlib.util.find_spec("natgrad") is None:{missing}
    %pip install --quiet {wheel} sympy matplotlib"""
MISSING = """
    from pathlib import Path

    if not Path("{wheel}").exists():
        raise ModuleNotFoundError(
            "`{wheel}` must be there, but it isn't: open the copy of this notebook"
            " that is in notebooks.zip, which the download menu of each chapter offers."
        )"""
# For a notebook that reads files.
FETCH = """

# Its cells read {names}, which this fetches where it is missing.
from pathlib import Path
from urllib.request import urlretrieve

for name in {files}:
    if not Path(name).exists():
        Path(name).parent.mkdir(exist_ok=True)
        urlretrieve(f"{address}{{name}}", name)"""
BESIDE = """

# Its cells read {names}, which is beside it in notebooks.zip."""

FORMULA = re.compile(r"\$\$(?P<tex>.*?)\$\$(?:[ ]*\((?P<label>[\w-]+)\))?|(?P<inline>(?<![\\$])\$[^$]+\$)", re.DOTALL)
CODE = re.compile(r"^(`{3,})(?!\{).*?^\1$|(?<!`)(`+)(?!`).*?(?<!`)\2(?!`)", re.DOTALL | re.MULTILINE)
ROLE = re.compile(r"\{(?P<role>[\w:-]+)\}`(?P<content>[^`]*)`")
TARGET = re.compile(r"^\([\w-]+\)=\n?", re.MULTILINE)
SPAN = re.compile(r"\[([^\]]*)\]\{[.#][^}]*\}")
DIRECTIVE = re.compile(
    r"^(?P<fence>:{3,}|`{3,})\{(?P<name>[\w:-]+)\}[ ]*(?P<title>.*)\n(?P<options>(?::[\w-]+:.*\n)*)"
    r"(?P<body>(?:.*\n)*?)(?P=fence)[ ]*$",
    re.MULTILINE,
)
HEADING = re.compile(r"^(#{1,6}) +(.*)$", re.MULTILINE)
# What nothing but MyST understands.
LEFT = [ROLE, TARGET, re.compile(r"^:{3}.*|^`{3}\{.*|^:[\w-]+:.*", re.MULTILINE), re.compile(r"\$\$ *\([\w-]+\)"), SPAN]


def leftovers(text):
    """What of MyST is left in a text, apart from code."""
    prose = FORMULA.sub(lambda found: "" if not found["label"] else found[0], CODE.sub("", text.replace("> ", "")))
    roles = [found[0] for found in ROLE.finditer(text)]
    return roles + [found[0] for pattern in LEFT[1:] for found in pattern.finditer(prose)]


class Book:
    """What the words of a reference are, from what Sphinx knows when all pages have been read."""

    def __init__(self, env):
        self.env = env
        self.labels = {name: title for name, (_, _, title) in env.get_domain("std").labels.items()}
        self.places = concordance.anchors(env)
        self.entries = {one.key: one for one in env.get_domain("cite").citations}
        root = Path(env.srcdir)
        self.title, self.edition = env.config.html_title, publishing.edition(root)
        self.address = publishing.permanent_address(root)

    def number(self, label):
        page, anchor = self.places[label]
        numbers = self.env.toc_fignumbers.get(page, {})
        sections = self.env.toc_secnumbers.get(page, {})
        whole_page = self.labels.get(label) == self.env.titles[page].astext()
        kinds = [numbers.get("displaymath", {}).get(anchor), numbers.get("figure", {}).get(anchor)]
        kinds += [sections.get(f"#{anchor}"), sections.get("") if whole_page else None]
        found = next(filter(None, kinds), None)
        if not found:
            raise ExtensionError(f"{label} has no number")
        return ".".join(map(str, found))

    def link(self, words, page, anchor=""):
        """The words, with a link if the book has an address."""
        if not self.address:
            return words
        return f"[{words}]({self.address}{self.env.app.builder.get_target_uri(page)}{anchor and '#' + anchor})"

    def headings(self, page):
        """The headings of a page in their order, with their numbers."""
        numbers = self.env.toc_secnumbers.get(page, {})
        for entry in self.env.tocs[page].findall(frame.nodes.reference):
            yield ".".join(map(str, numbers.get(entry["anchorname"]) or ()))

    def words(self, role, content, page):
        text, target = re.fullmatch(r"(?:(.*?)\s*<)?([^<>]*?)>?", content, re.DOTALL).groups()
        if role.startswith("cite:"):
            return self.cite([key.strip() for key in content.split(",")], textual=role == "cite:t")
        if role == "doc":
            name = posixpath.normpath(posixpath.join("/", posixpath.dirname(page), target))[1:]
            return self.link(text or self.env.titles[name].astext(), name)
        if role == "eq":
            return self.link(f"({self.number(target)})", *self.places[target])
        if role == "numref":
            kind = "Figure" if target.startswith("fig") else "Section"
            form = text or f"{kind} {{number}}"
            words = form.replace("%s", "{number}").format(number=self.number(target), name=self.labels.get(target, ""))
            return self.link(words, *self.places[target])
        if role == "ref":
            return self.link(text or self.labels[target], *self.places[target])
        raise ExtensionError(f"The plain notebooks have no words for the role {role} in {page}")

    def cite(self, keys, textual):
        cited = []
        for key in keys:
            entry = self.entries[key].entry
            names = [" ".join([*one.prelast_names, *one.last_names]) for one in entry.persons["author"]]
            who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
            cited.append((who, entry.fields["year"]))
        if textual:
            return " and ".join(f"{who} ({year})" for who, year in cited)
        return f"({'; '.join(f'{who} {year}' for who, year in cited)})"

    def reference(self, key):
        text = " ".join(self.entries[key].formatted_entry.text.render_as("markdown").split())
        return re.sub(r"\\([-.()])", r"\1", text)  # escaped, though they mean nothing here


def quotation(text):
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def lettered(body):
    """The choices of a self-test, and after them the replies, as in print."""
    question, *items = re.split(r"^- ", body, flags=re.MULTILINE)
    choices, replies = [], []
    for letter, item in zip("abcd", items, strict=False):
        choice, _, reply = re.sub(r"^ {1,2}", "", item, flags=re.MULTILINE).strip().partition("\n\n")
        choices.append(f"- ({letter}) {choice}")
        replies.append(f"- ({letter}) {reply.strip()}")
    return "\n".join([question.strip(), "", *choices, "", "*Replies*", "", *replies])


def box(found):
    """A directive as a quotation."""
    options = dict(re.findall(r"^:([\w-]+):[ ]*(.*)$", found["options"], re.MULTILINE))
    body, title = DIRECTIVE.sub(box, found["body"]), found["title"].strip()
    if not body.strip():
        raise ExtensionError(f"The plain notebooks have no form for the directive {found['name']}")
    if "self-test" in options.get("class", ""):
        body = lettered(body)
    if found["name"] == "margin":
        return quotation(f"*In the margin:* {body.strip()}")
    if found["name"] != "admonition":
        title = title or found["name"].capitalize()
    return quotation(f"**{title.rstrip('.')}{'' if title[-1] in '?!' else '.'}**\n\n{body}")


def outside_of_code(change, text):
    """Change a text except for its code."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        if text[: code.start()].endswith("}"):  # the content of a role
            continue
        parts += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join(parts) + change(text[end:])


def plain_text(text, book, page):
    """Markdown that any Jupyter shows as it is meant."""

    def formula(found):
        if found["inline"]:
            return found[0]
        tex = " ".join(found["tex"].split())
        if r"\\" in tex and r"\begin{" not in tex:
            tex = rf"\begin{{split}} {tex} \end{{split}}"
        tag = rf" \tag{{{book.number(found['label'])}}}" if found["label"] else ""
        return f"$$ {tex}{tag} $$"

    def prose(part):
        part = ROLE.sub(lambda found: book.words(found["role"], found["content"], page), part)
        return FORMULA.sub(formula, part)

    text = TARGET.sub("", text + "\n")
    text = DIRECTIVE.sub(box, text)
    text = outside_of_code(prose, text)
    # Formulas have brackets and braces, too.
    return re.sub(
        rf"{FORMULA.pattern}|{SPAN.pattern}", lambda found: found[0] if found[4] is None else found[4], text
    ).strip()


def figure(cell, book, page):
    """The caption and the description of a cell's picture, if it has one."""
    details = cell.metadata.get("mystnb", {})
    alt = plain_text(details.get("image", {}).get("alt", ""), book, page)
    about = details.get("figure", {})
    number = f"Figure {book.number(about['name'])}" if "name" in about else "Figure"
    caption = plain_text(about.get("caption", ""), book, page)
    return f"**{number}.** {caption}".strip(), alt


def plain_code(cell, book, page):
    """A code cell, and its caption as a cell of its own."""
    check = "hide-cell" in cell.metadata.get("tags", []) and not page.startswith(EXERCISES)
    claim = check and cell.metadata.get("mystnb", {}).get("code_prompt_show")
    source = f"# Check: {plain_text(claim, book, page)}\n{cell.source}" if claim else cell.source
    copy = new_code_cell(source, id=cell.id, execution_count=cell.execution_count, outputs=cell.outputs)
    copy.metadata.update({name: cell.metadata[name] for name in ("nbgrader",) if name in cell.metadata})
    pictures = [one for one in copy.outputs if "image/svg+xml" in one.get("data", {})]
    if not pictures:
        return [copy]
    caption, alt = figure(cell, book, page)
    if any(DRAGGABLE in output.data for output in pictures):
        caption += "\n\n*On the page of the book this picture can be moved.*"
    for output in pictures:
        output.data = {
            kind: alt or text if kind == "text/plain" else text
            for kind, text in output.data.items()
            if kind != DRAGGABLE
        }
    words = f"{caption}\n\n*The picture in words:* {alt}" if alt else caption
    return [copy, new_markdown_cell(words, id=f"{cell.id}-caption"[-64:])]


def add_bitmaps(notebooks):
    """A PNG beside each SVG: Jupyter shows no SVG of a notebook that it doesn't trust."""
    outputs = [
        output
        for notebook in notebooks
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/svg+xml" in output.get("data", {})
    ]
    texts = json.dumps([output.data["image/svg+xml"] for output in outputs])
    answer = frame.node("run/render_pictures.mjs", input=texts, capture_output=True)
    answer.check_returncode()
    for output, (png, width, height) in zip(outputs, json.loads(answer.stdout), strict=True):
        output.data["image/png"] = png
        output.metadata["image/png"] = {"width": width, "height": height}


def files_read(notebook):
    """The files in `data` that the cells of a notebook name."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return sorted(set(re.findall(r"[\"'](data/[\w.]+)[\"']", code)))


def origin(book, page, wheel, files=()):
    """The cell that says where the notebook, natgrad and the files that it reads are from."""
    details = {"title": book.env.titles[page].astext(), "book": book.title, "edition": book.edition}
    if book.address:
        place = f",\n# {book.address}{book.env.app.builder.get_target_uri(page)}"
        details |= {"place": place, "origin": "", "missing": "", "wheel": f'"natgrad @ {book.address}{wheel}"'}
    else:
        file = "../" * (page.count("/") - 1) + wheel
        details |= {
            "place": "",
            "origin": "\n# from the file that is with it in notebooks.zip",
            "missing": MISSING.format(wheel=file),
            "wheel": f"./{file}",
        }
    text = ORIGIN.format(**details)
    if files:
        form, place = FETCH if book.address else BESIDE, f"{book.address}_sources/chapters/"
        text += form.format(names=" and ".join(files), files=json.dumps(files), address=place)
    return new_code_cell(text, id="where-natgrad-is-from")


def plain(notebook, book, page, wheel):
    """The copy of a notebook, without bitmaps yet."""
    copy = nbformat.v4.new_notebook(metadata={"kernelspec": notebook.metadata.kernelspec})
    numbers, cited = book.headings(page), []

    def numbered(found):
        number = next(numbers)
        return f"{found[1]} {number} {found[2]}" if number else found[0]

    for cell in notebook.cells:
        if cell.cell_type == "code":
            copy.cells += plain_code(cell, book, page)
            continue
        cited += [key for keys in re.findall(r"\{cite:[pt]\}`([^`]*)`", cell.source) for key in keys.split(",")]
        text = outside_of_code(lambda part: HEADING.sub(numbered, part), cell.source)
        text = plain_text(text, book, page)
        if text:
            copy.cells.append(new_markdown_cell(text, id=cell.id))
    if list(numbers):
        raise ExtensionError(f"The headings of {page} are not those of its notebook")
    first = next(k for k, cell in enumerate(copy.cells) if cell.cell_type == "code")
    copy.cells.insert(first, origin(book, page, wheel, files_read(notebook)))
    if cited:
        entries = [book.reference(key) for key in sorted({key.strip() for key in cited})]
        text = "\n".join(["## References", "", *(f"- {entry}" for entry in entries)])
        copy.cells.append(new_markdown_cell(text, id="references"))
    for cell in copy.cells:
        if cell.cell_type == "markdown" and leftovers(cell.source):
            raise ExtensionError(f"{page}, {cell.id}: left of MyST is {leftovers(cell.source)[0]!r}")
    return copy


def put_notebooks_into_the_book(app, error):
    if error or app.builder.name != "html":
        return
    out, book = Path(app.outdir), Book(app.env)
    (wheel,) = out.glob(WHEEL)
    notebooks = {}
    for page in sorted(app.env.found_docs):
        path = Path(app.env.doc2path(page))
        if path.suffix == ".ipynb":
            notebook = nbformat.read(path, as_version=4)
            notebook = copies.student(notebook) if page.startswith(EXERCISES) else notebook
            notebooks[f"{page.removeprefix('chapters/')}.ipynb"] = plain(notebook, book, page, wheel.name)
    add_bitmaps(notebooks.values())
    files = {}
    for name, notebook in notebooks.items():
        nbformat.validate(notebook)
        files[name] = nbformat.writes(notebook).encode() + b"\n"
        (out / "_sources" / "chapters" / name).write_bytes(files[name])
    offered = out / "_sources" / "chapters" / "data"
    offered.mkdir(exist_ok=True)
    for path in sorted(Path(app.srcdir, "chapters", "data").iterdir()):
        files[f"data/{path.name}"] = path.read_bytes()
        (offered / path.name).write_bytes(path.read_bytes())
    readme = README.format(edition=book.edition, wheel=wheel.name).encode()
    archive(out / "notebooks.zip", files | {wheel.name: wheel.read_bytes(), "README.txt": readme})


def setup(app):
    app.connect("build-finished", put_notebooks_into_the_book)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
