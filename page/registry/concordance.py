"""The concordance: every statement of the note and of the book beside the cells that check it.

`concordance.yml` says what the note states and what became of it; `statements_4.yml`, and its like for other
chapters that don't follow the note, what the book itself states there and how far that is checked.
Which cells check a statement is not typed there but read from the cells themselves:
one with the tag `note-2.3b` and an `assert` is a witness of the note's 2.3b, `book-4.1a` is for the book's 4.1a.
The first half of this file needs no Sphinx; the second half puts it on the pages.
"""

import ast
import collections
import copy
import functools
import graphlib
import json
import os
import re
import symtable
from html import escape
from pathlib import Path
from typing import NamedTuple

import jsonschema
import nbformat
import publishing
import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from natgrad_book.figures import colors

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "chapters"
# The verdicts on what the note states, and on what the book does. The sign tells them apart without colour.
SIGNS = {
    "note": {"proved": "■", "verified": "=", "conditional": "∗", "corrected": "≠", "interpretive": "~"},
    "book": {"derived": "∴", "computed": "=", "observed": "±", "cited": "§"},
}
# The three kinds of truth, and as which of the two kinds of witness each counts.
EVIDENCE = {"derived": "symbolic", "computed": "numeric", "observed": "numeric"}
BOTH = {"symbolic", "numeric"}
# The kinds of witness that a verdict speaks of, or a reason why there is none.
NEEDED = dict.fromkeys(SIGNS["note"], BOTH)
NEEDED |= {"derived": {"symbolic"}, "computed": {"numeric"}, "observed": {"numeric"}, "cited": set()}


class Witness(NamedTuple):
    """One way in which one cell checks one statement, or that it fails to do so."""

    tag: str
    notebook: str
    cell: str
    label: str
    evidence: str | None


@functools.cache
def read_yaml(text):
    """What a file says: every page asks for the same few, and to read them takes a quarter of a second."""
    return yaml.safe_load(text)


def read_rows(folder=FOLDER):
    """The note's statements in its order, and then the book's own, chapter by chapter."""
    blank = {"assumptions": "", "why": "", "single": "", "instance": ""}
    blank |= {"proof": None, "erratum": None}
    rows = []
    for path in [folder / "concordance.yml", *sorted(folder.glob("statements_*.yml"))]:
        source = "note" if path.stem == "concordance" else "book"
        for row in copy.deepcopy(read_yaml(path.read_text(encoding="utf-8"))):
            given = {key: value for key, value in row.items() if value is not None}
            rows.append({**blank, **given, "source": source, "section": row["id"][:-1]})
    return rows


def of(source, rows):
    return [row for row in rows if row["source"] == source]


def row_tag(row):
    return f"{row['source']}-{row['id']}"


def row_label(tag):
    """`note-2-3b` for the tag note-2.3b, `statement-4-1a` for book-4.1a."""
    return re.sub("^book", "statement", tag).replace(".", "-")


def cell_label(page, cell):
    """`cell-2-to-paper` in 2_mahalanobis_distances, `cell-errata-…` in errata."""
    return f"cell-{re.match('[0-9]+|.+', Path(page).stem).group()}-{cell.id}"


def checked_by(cell):
    return [tag for tag in cell.metadata.get("tags", []) if tag.split("-")[0] in SIGNS]


def names(statement):
    """The names that a statement takes from its notebook, and those that it gives."""
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    taken, given, scopes = set(), set(), [table]
    for scope in scopes:
        scopes += scope.get_children()
        for symbol in scope.get_symbols():
            if symbol.is_referenced() and (scope is table or symbol.is_global()):
                taken.add(symbol.get_name())
            if symbol.is_assigned() and scope is table:
                given.add(symbol.get_name())
    return taken, given


def one_by_one(statements):
    """The statements in the order in which they run, loops and the like opened up."""
    for statement in statements:
        if isinstance(statement, (ast.For, ast.While, ast.If, ast.With)):
            head = copy.copy(statement)
            head.body = [ast.Pass()]
            yield head
            yield from one_by_one(statement.body)
        else:
            yield statement


def checked_cells(notebook):
    """Each code cell of a notebook with the kinds of evidence that its asserts give.

    An assert is symbolic or numeric by the libraries that its names come from, in this
    cell or an earlier one. What numpy makes of an expression of sympy is a number.
    """
    origins = {"sp": {"symbolic"}, "np": {"numeric"}, "ng": {"numeric"}}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kinds = set()
        for statement in one_by_one(ast.parse(cell.source).body):
            taken, given = names(statement)
            used = set().union(*(origins.get(name, set()) for name in taken))
            if any(isinstance(node, ast.Assert) for node in ast.walk(statement)):
                # With floating-point numbers in it, or plain Python's, it is numeric.
                kinds |= used & {"numeric"} or used or {"numeric"}
            origins |= dict.fromkeys(given, used & {"numeric"} or used)
        number = "observed" if "observed_order" in cell.source else "computed"
        found = {"symbolic": "derived", "numeric": number}
        yield cell, [found[kind] for kind in sorted(kinds, reverse=True)]


@functools.cache
def witnesses_in(name, text):
    """The witnesses in a notebook of this name and text, which several pages and checks ask for."""
    return [
        Witness(tag, name, cell.id, cell_label(name, cell), kind)
        for cell, evidence in checked_cells(nbformat.reads(text, as_version=4))
        for tag in checked_by(cell)
        for kind in evidence or [None]
    ]


def read_witnesses(folder=FOLDER):
    paths = sorted(folder.glob("*.ipynb"))
    return [witness for path in paths for witness in witnesses_in(path.name, path.read_text(encoding="utf-8"))]


def problems(rows, witnesses, labels):
    """What is wrong with the registry, the tags of the cells, or the book's labels."""
    uses, kinds = {row["id"]: row["uses"] for row in rows}, {}
    for name, count in collections.Counter(row["id"] for row in rows).items():
        if count > 1:
            yield f"{name} is listed twice"
    for w in witnesses:
        kinds.setdefault(w.tag, set()).update([EVIDENCE[w.evidence]] if w.evidence else [])
    for row in rows:
        name, verdict = row["id"], row["verdict"]
        if verdict not in SIGNS[row["source"]]:
            yield f"{name}: unknown verdict {verdict!r}"
        if not row["why"] and verdict != "proved":
            yield f"{name}: nothing but a proof goes without `why`"
        if not row["erratum"] and verdict == "corrected":
            yield f"{name}: a correction needs its `erratum`"
        if row["instance"] and verdict == "proved" and not row["proof"]:
            yield f"{name}: proved, but shown for an instance, and has no `proof`"
        for label in {row[k] for k in ("anchor", "erratum", "proof")} - {None, *labels}:
            yield f"{name}: the book has no label {label!r}"
        for used in set(row["uses"]).difference(uses):
            yield f"{name}: uses {used!r}, which is not in the registry"
        found = kinds.get(row_tag(row), set())
        for kind in sorted(NEEDED.get(verdict, BOTH) - found):
            if not row["single"]:
                yield f"{name}: no {kind} witness, and no `single` that says why"
        if row["single"] and found == BOTH:
            yield f"{name}: `single`, but there are witnesses of both kinds"
    try:
        graphlib.TopologicalSorter(uses).prepare()
    except graphlib.CycleError as error:
        yield f"{', '.join(error.args[1])}: each uses the next, in a circle"
    known = {row_tag(row) for row in rows}
    for w in witnesses:
        if w.tag not in known:
            yield f"{w.notebook}, {w.cell}: {w.tag} is not in the registry"
        if not w.evidence and w.tag.startswith("note"):  # for the book's own, a cell may prepare what the next asserts
            yield f"{w.notebook}, {w.cell}: {w.tag}, but asserts nothing"


def published(rows, witnesses, url):
    """The concordance for other programs; `url` turns a label into page#anchor."""
    statements = [
        {
            **row,
            "anchor": url(row["anchor"]),
            "erratum": row["erratum"] and url(row["erratum"]),
            "proof": row["proof"] and url(row["proof"]),
            "witnesses": [
                {
                    "kind": EVIDENCE[w.evidence],
                    "notebook": f"chapters/{w.notebook}",
                    "cell": w.cell,
                    "anchor": url(w.label),
                }
                for w in witnesses
                if w.tag == row_tag(row) and w.evidence
            ],
        }
        for row in rows
    ]
    edition = {"version": publishing.citation()["version"], "commit": publishing.commit()}
    return edition | {"book": publishing.permanent_address(), "statements": statements}


def graph(rows):
    """The statements as a drawing, one line per section, and what each rests on.

    A link between sections runs down between two columns, so it crosses no statement.
    """
    column, line, half, top = 62, 74, 23, 12  # distances, and half a box's two sizes
    bend = lambda x0, y0, x1, y1: f"C{x0} {y1} {x1} {y0} {x1} {y1}"
    sections = list(dict.fromkeys(row["section"] for row in rows))
    place, parts = {}, []
    for row in rows:
        n = sum(other[:-1] == row["section"] for other in place)
        place[row["id"]] = 74 + column * n, 44 + line * sections.index(row["section"])
    for k, section in enumerate(sections):
        parts.append(f'<text class="section" x="4" y="{49 + line * k}">{section}</text>')
    for row in rows:
        name, verdict, paths = row["id"], row["verdict"], ""
        x, y = place[name]
        for x0, y0 in (place[used] for used in row["uses"] if used in place):
            down = -1 if y0 > y else 1
            start, end = y0 + down * top, y - down * top
            first, last = start + down * (line - 2 * top), end - down * (line - 2 * top)
            aside = x + (column if x0 > x else -column) / 2
            if y0 == y and x - x0 == column:
                path = f"M{x0 + half} {y}H{x - half}"
            elif y0 == y:
                path = f"M{x0} {end}C{x0} {end - 26} {x} {end - 26} {x} {end}"
            elif abs(y - y0) == line:
                path = f"M{x0} {start}{bend(x0, start, x, end)}"
            else:
                path = f"M{x0} {start}{bend(x0, start, aside, first)}"
                path += f"V{last}{bend(aside, last, x, end)}"
            kind = "later" if (y0, x0) > (y, x) else "earlier"
            paths += f'<path class="{kind}" d="{path}"/>'
        title = ", ".join([name, verdict, *(f"uses {used}" for used in row["uses"])])
        parts.append(
            f'<a class="statement {verdict}" href="#{row_label(row_tag(row))}">'
            f'<title>{escape(title)}</title>{paths}<rect x="{x - half}" '
            f'y="{y - top}" width="{2 * half}" height="{2 * top}" rx="4"/>'
            f'<text x="{x}" y="{y + 4.5}">{name} {SIGNS["note"].get(verdict)}</text></a>'
        )
    width, height = (max(sizes) + 40 for sizes in zip(*place.values(), strict=True))
    return (
        f'<svg class="note-graph" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="Which statement rests on which">{"".join(parts)}</svg>'
    )


# The drawing's style on paper; on a page it has that of the page.
PAPER = f"""
path {{ fill: none; stroke: {colors["muted"]}; stroke-opacity: 0.5; }}
.later {{ stroke-dasharray: 4 3; }}
rect {{ fill: #fff; fill-opacity: 0.15; stroke: {colors["muted"]}; }}
.proved rect {{ fill: {colors["ball"]}; stroke: {colors["ball"]}; }}
.verified rect {{ fill: {colors["natural"]}; stroke: {colors["natural"]}; }}
.conditional rect {{ fill: {colors["wrong"]}; stroke: {colors["wrong"]}; }}
.corrected rect {{ fill: {colors["gradient"]}; stroke: {colors["gradient"]}; }}
text {{ fill: {colors["ink"]}; font: 13px "DejaVu Sans"; }}
.statement text {{ text-anchor: middle; }}
.section {{ font-weight: bold; }}
"""


def on_paper(svg):
    style = f"<style>{PAPER}</style>"
    xml = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return xml.replace(">", f">{style}", 1)


def choice(rows, source):
    """Radio buttons, which the style sheet turns into a filter: no script is needed."""
    rows = of(source, rows)
    html = '<form autocomplete="off"><fieldset class="verdicts"><legend>Show</legend>'
    for verdict, sign in {"all": "", **SIGNS[source]}.items():
        count = sum(verdict in ("all", row["verdict"]) for row in rows)
        state = "checked" if verdict == "all" else ""
        html += f'<label><input type="radio" name="verdict" value="{verdict}" {state}>'
        html += f" {sign} {verdict} {count}</label>"
    return html + "</fieldset></form>"


# The rest is written in MyST, so that its links and mathematics are the book's own.


def treated(label):
    number = ".".join(re.findall("[0-9]", label)[:2])
    texts = {
        "eq": f"{{eq}}`{label}`",
        "fig": f"{{numref}}`{label}`",
        "sec": f"{{numref}}`Section {{number}} <{label}>`",
        "box": f"{{ref}}`box in {number} <{label}>`",
        "fine": f"{{ref}}`fine print <{label}>`",
    }
    return texts.get(label.split("-")[0], f"{{ref}}`{label}`")


def table(rows, witnesses, source):
    """One block per statement: as readable on a phone as on a wide screen."""
    tags = {row["id"]: row_tag(row) for row in rows}
    links = lambda ids: ", ".join(f"{{ref}}`{i} <{row_label(tags[i])}>`" for i in ids if i in tags)
    text, heading = "", ""
    for row in of(source, rows):
        chapter = row["id"].split(".")[0]
        part = f"### Section {row['section']}"
        if source == "book":
            part = f"### Chapter {chapter}\n\n{{ref}}`sec-{chapter}`"
        if part != heading:
            heading = part
            text += f"{heading}\n\n"
        erratum = f", {{ref}}`errata <{row['erratum']}>`" if row["erratum"] else ""
        terms = {
            "Assumes": row["assumptions"],
            "Treated": treated(row["anchor"]) + erratum,
            "Proved in general": row["proof"] and treated(row["proof"]),
            "Derived for": row["instance"],
        }
        for kind in EVIDENCE:
            terms[kind.capitalize()] = " · ".join(
                f"{{ref}}`{w.cell}{', errata' * ('errata' in w.notebook)} <{w.label}>`"
                for w in witnesses
                if (w.tag, w.evidence) == (row_tag(row), kind)
            )
        terms["Why no more"] = row["single"]
        terms["Rests on"] = links(row["uses"])
        terms["Used by"] = links(r["id"] for r in rows if row["id"] in r["uses"])
        verdict = f"{SIGNS[source].get(row['verdict'])} {row['verdict']}"
        text += f":::{{container}} statement {row['verdict']}\n"
        text += f":name: {row_label(row_tag(row))}\n\n"
        text += f"{links([row['id']])} [{verdict}]{{.verdict}} [{row['kind']}]{{.kind}}\n\n"
        text += f"{row['statement']}\n\n{row['why']}\n\n"
        text += "".join(f"{term}\n: {value}\n\n" for term, value in terms.items() if value)
        text += ":::\n\n"
    return text


def mutants(path=ROOT / "tests" / "mutation" / "results.json"):
    """The last result of `make mutants`: totals, and the survivors that a sharper check could notice."""
    parts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    text = "| changed | noticed | of | share | at commits |\n|---|--:|--:|--:|---|\n"
    survivors = []
    for part, runs in parts.items():
        killed, survived = (sum(run[what] for run in runs.values()) for what in ("killed", "survived"))
        if not killed + survived:
            text += f"| the {part} | | | | not run for this edition yet |\n"
            continue
        share = f"{100 * killed / (killed + survived):.1f}\N{NO-BREAK SPACE}%"
        commits = ", ".join(f"`{commit}`" for commit in sorted({run["commit"] for run in runs.values()}))
        text += f"| the {part} | {killed} | {killed + survived} | {share} | {commits} |\n"
        survivors += [one for run in runs.values() for one in run["survivors"]]
    if not parts:
        return "It has not been run for this edition yet."
    noticeable = [one for one in survivors if one.get("noticeable", not one["reason"])]
    text += (
        f"\nOf the {len(survivors)} changes that went unnoticed, {len(noticeable)} could be noticed by sharper checks"
    )
    text += ": all others leave what is claimed as it is.\n\n" if not noticeable else ":\n\n"
    alike = {}
    for one in noticeable:
        alike.setdefault(one["reason"] or "No reason is known.", []).append(f"{one['where']}: `` {one['change']} ``")
    for reason, changes in sorted(alike.items(), key=lambda item: -len(item[1])):
        text += f"- {len(changes)}: {reason} {'For example ' if len(changes) > 1 else ''}{changes[0]}\n"
    return text + "\nThe reason beside each of them is in `tests/mutation/equivalent_mutants.toml`.\n"


class Concordance(SphinxDirective):
    """`{concordance} graph`, `filter note`, `table note`, the like with `book`, or `mutants`: that part of it, here."""

    required_arguments, optional_arguments = 1, 1

    def run(self):
        self.env.note_reread()  # it depends on every notebook
        rows, (part, *sources) = read_rows(), self.arguments
        if part == "filter":
            return [nodes.raw("", choice(rows, *sources), format="html")]
        if part == "graph":
            rows = of("note", rows)
            path = Path(self.env.app.doctreedir) / "concordance-graph.svg"
            path.write_text(on_paper(graph(rows)), encoding="utf-8")
            source = Path(self.env.doc2path(self.env.docname)).parent
            picture = nodes.image(uri=os.path.relpath(path, source), alt="Statements")
            paper = addnodes.only("", picture, expr="latex")
            return [nodes.raw("", graph(rows), format="html"), paper]
        text = mutants() if part == "mutants" else table(rows, read_witnesses(), *sources)
        return self.parse_text_to_nodes(text, allow_section_headings=part == "table")


class NoteLinks(SphinxTransform):
    """Give every code cell a permanent anchor, and lead back to the concordance.

    A link stands below each cell with a statement's tag, and at each label that a row names.
    """

    default_priority = 300  # after labels have moved to what they label

    def apply(self):
        path = Path(self.env.doc2path(self.env.docname))
        if path.suffix != ".ipynb" or path.parent.name == "exercises":  # these have labels of their own
            return
        cells = nbformat.read(path, as_version=4).cells
        labelled, links = {}, {}
        for node in self.document.findall(nodes.Element):
            inside = [node]
            if node.get("nb_element") == "cell_code":
                cell = cells[node["cell_index"]]
                node["names"].append(cell_label(path, cell))
                self.document.note_explicit_target(node, node)
                links[node] = checked_by(cell)
                inside = list(node.findall(nodes.Element))  # a figure in it, for example
            for one in inside:
                for label in [*one.get("names", []), one.get("label")]:
                    labelled.setdefault(label, node)
        for row in read_rows():
            if row["anchor"] in labelled:
                links.setdefault(labelled[row["anchor"]], []).append(row_tag(row))
        lines = {}
        for node, tags in links.items():
            if tags:
                lines[node] = self.line(sorted(set(tags), key=lambda tag: tag.partition("-")[::-1]))
                self.place(node, lines[node])
        # The first that isn't folded says what such a line is.
        folded = [node for node in lines if node.get("nb_element") == "cell_code"]
        for node in self.document.findall(nodes.Element):
            if node in lines and node not in folded:
                lines[node] += nodes.Text(": the statement, and its checks")
                break

    def line(self, tags):
        line, named = nodes.paragraph(classes=["note-link"]), ""
        for tag in tags:
            source, _, name = tag.partition("-")
            if source != named:  # the note's, or a statement of the book
                named = source
                line += nodes.Text({"note": " note", "book": " statement"}[source])
            target = {
                "refdomain": "std",
                "reftype": "ref",
                "reftarget": row_label(tag),
            }
            target |= {"refexplicit": True, "refwarn": True, "refdoc": self.env.docname}
            line += nodes.Text(" ")
            line += addnodes.pending_xref("", nodes.inline("", name), **target)
        return line

    def place(self, node, line):
        if isinstance(node, nodes.section):
            node.insert(1, line)  # below its title
        elif isinstance(node, nodes.Admonition):
            node.append(line)
        else:
            node.parent.insert(node.parent.index(node) + 1, line)


def anchors(env):
    """Every label of the book, with its page and its anchor there."""
    labels = env.get_domain("std").anonlabels
    found = {label: (page, anchor) for label, (page, anchor, *_) in labels.items()}
    for label, (page, _) in env.get_domain("math").equations.items():
        found[label] = page, nodes.make_id(f"equation-{label}")
    return found


def check(app, env):
    for problem in problems(read_rows(), read_witnesses(), anchors(env)):
        logging.getLogger(__name__).warning("concordance: %s", problem)


def publish(app, error):
    if error or app.builder.name != "html":
        return
    rows, witnesses, found = read_rows(), read_witnesses(), anchors(app.env)
    if any(problems(rows, witnesses, found)):
        return  # `check` has said so
    pages = {page: app.builder.get_target_uri(page) for page, _ in found.values()}
    url = lambda label: f"{pages[found[label][0]]}#{found[label][1]}"
    data = published(rows, witnesses, url)
    schema = (FOLDER / "_static" / "concordance.schema.json").read_text(encoding="utf-8")
    jsonschema.validate(data, json.loads(schema))
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    (Path(app.outdir) / "concordance.json").write_text(text, encoding="utf-8")


def setup(app):
    app.add_directive("concordance", Concordance)
    app.add_transform(NoteLinks)
    app.connect("env-check-consistency", check)
    app.connect("build-finished", publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
