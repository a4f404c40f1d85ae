"""Permanent anchors: labels before generated ones, a link in every box, and first uses that lead to the notation."""

import re
from pathlib import Path

import frame
import publishing
from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

NOTATION = "chapters/notation"
FILES = ["cite.js", "preview.js", "anchors.css"]


class LabelsFirst(SphinxTransform):
    """A heading with a label is linked to by its label, which stays when its words change."""

    default_priority = 310  # after labels have moved to what they label

    def apply(self):
        for section in self.document.findall(nodes.section):
            labels = [name for name in section["names"] if self.document.nametypes.get(name)]
            ids = [self.document.nameids[name] for name in labels if self.document.nameids.get(name)]
            section["ids"] = list(dict.fromkeys(ids + section["ids"]))


def link_boxes(doctree):
    for box in doctree.findall(nodes.admonition):
        labels = [name for name in box["names"] if name.startswith("box-")]
        if labels:
            link = f'<a class="headerlink" href="#{box["ids"][0]}" title="Link to this box">#</a>'
            box.next_node(nodes.title).append(nodes.raw("", link, format="html"))


def entries(app):
    """What the notation page explains: symbols or a term, the meaning, the anchor, and the section of the first use."""
    doctree = app.env.get_doctree(NOTATION)
    for row in doctree.findall(lambda node: isinstance(node, (nodes.row, nodes.definition_list_item))):
        sections = [
            node["reftarget"] for node in row.findall(nodes.Element) if node.get("reftarget", "").startswith("sec-")
        ]
        if sections:
            anchor = next(node["ids"][0] for node in row.findall(nodes.Element) if node["ids"])
            if isinstance(row, nodes.row):
                tex = " ".join(math.astext() for math in row[0].findall(nodes.math))
                symbols = [symbol.strip() for symbol in tex.split(r",\ ")]
                yield (
                    symbols + [symbol.split(" = ")[0] for symbol in symbols],
                    None,
                    row[1].astext(),
                    anchor,
                    sections[-1],
                )
            else:
                yield [], row.next_node(nodes.term).astext(), None, anchor, sections[-1]


def usable(node):
    """Whether a link may stand there: not in a heading, in another link, or in code."""
    while node.parent is not None and not isinstance(node, nodes.section):
        node = node.parent
        if isinstance(node, (nodes.title, nodes.reference, nodes.literal, nodes.FixedTextElement)):
            return False
        if "note-link" in node.get("classes", []):
            return False
    return True


def tokens(tex):
    """What a formula consists of, whichever way norms and spaces are written, and whatever letter's norm it is."""
    tex = re.sub(r"\\[lr]?Vert(?![A-Za-z])", r"\\|", tex)
    tex = re.sub(r"\\\|\s*[a-z]\s*\\\|", r"\\|\\|", tex)
    return [token for token in re.findall(r"\\[A-Za-z]+|\\.|\S", tex) if token not in (r"\,", r"\!", r"\cdot", r"\;")]


def contains(formula, symbol):
    symbol = symbol[: symbol.index(")")] if symbol[-2:] == ["(", ")"] else symbol  # o(·) stands for any o(…
    return any(formula[k : k + len(symbol)] == symbol for k in range(len(formula)))


def link_symbol(section, symbols, link):
    """Link the first formula that is one of the symbols or, failing that, the first that contains one."""
    symbols = [tokens(symbol) for symbol in symbols]
    formulas = [(tokens(math.astext()), math) for math in section.findall(nodes.math) if usable(math)]
    alone = [math for formula, math in formulas if formula in symbols]
    inside = [math for formula, math in formulas if any(contains(formula, symbol) for symbol in symbols)]
    for math in [*alone, *inside][:1]:
        math.replace_self(link(math))
        return True
    # What stands only in displayed formulas is there, but has no place for a link.
    displayed = [tokens(math.astext()) for math in section.findall(nodes.math_block)]
    return any(contains(formula, symbol) for formula in displayed for symbol in symbols)


def link_term(section, term, link):
    for text in section.findall(nodes.Text):
        found = re.search(rf"\b{re.escape(term)}", text.astext(), re.IGNORECASE)
        if found and isinstance(text.parent, (nodes.paragraph, nodes.emphasis, nodes.strong)) and usable(text):
            start, end = found.span()
            parts = [nodes.Text(text[:start]), link(nodes.inline("", text[start:end])), nodes.Text(text[end:])]
            text.parent.replace(text, parts)
            return True
    return False


def link_first_uses(app, doctree, docname):
    sections = {name: section for section in doctree.findall(nodes.section) for name in section["ids"]}
    uri = app.builder.get_relative_uri(docname, NOTATION)
    for symbols, term, meaning, anchor, label in entries(app):
        if label not in sections:
            continue

        options = {"reftitle": f"Notation: {meaning}"} if meaning else {}  # a name for those who hear the link
        options |= {"internal": True, "refuri": f"{uri}#{anchor}", "classes": ["symbol"]}

        def link(content, options=options):
            return nodes.reference("", "", content.deepcopy(), **options)

        section = sections[label]
        if not (link_term(section, term, link) if term else link_symbol(section, symbols, link)):
            missing = term or ", ".join(symbols)
            logging.getLogger(__name__).warning(
                "%s is not in the section that %s names", missing, NOTATION, location=section
            )


def place_links(app, doctree, docname):
    if app.builder.name == "html":
        link_boxes(doctree)
    link_first_uses(app, doctree, docname)


def load_scripts(app, pagename, templatename, context, doctree):
    if doctree is not None:
        app.add_css_file("anchors.css")
        address = context.get("pageurl") or ""
        data = {"data-address": address, "data-entry": app.entry}
        data["data-permanent"] = address and publishing.permanent_page(app, pagename)
        app.add_js_file("cite.js", loading_method="defer", **data)
        app.add_js_file("preview.js", loading_method="defer")


def put_scripts_into_the_book(app):
    if app.builder.name == "html":
        app.entry = publishing.bibtex(Path(app.srcdir))
        frame.bundle(app, Path(__file__).parent, *FILES)


def setup(app):
    app.add_transform(LabelsFirst)
    app.connect("builder-inited", put_scripts_into_the_book)
    app.connect("doctree-resolved", place_links)
    app.connect("html-page-context", load_scripts, priority=600)  # when the page's address is known
    return {"parallel_read_safe": True, "parallel_write_safe": True}
