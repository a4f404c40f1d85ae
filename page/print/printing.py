"""The whole book as one PDF, through LaTeX: what that needs to know of the book; and the link on the pages to it.

`printing.sty` says how it looks. Here the pages of an HTML book become the parts and chapters of a printed one.
"""

import shutil
import subprocess
from pathlib import Path

import publishing
from docutils import nodes
from sphinx import addnodes
from sphinx.builders.latex.nodes import thebibliography
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.transforms.post_transforms.images import ImageConverter
from sphinx.util.docutils import SphinxDirective
from sphinx.util.texescape import escape

PDF = "natural-gradients.pdf"
STYLE = Path(__file__).with_name("printing.sty")
BOXES = ("erratum", "condition", "notation")


class Pictures(ImageConverter):
    """Vector graphics stay vector graphics."""

    conversion_rules = [("image/svg+xml", "application/pdf")]

    def is_available(self):
        return True

    def convert(self, source, target):
        subprocess.run(["rsvg-convert", "--format=pdf", f"--output={target}", source], check=True)
        return True


def tex(text):
    return nodes.raw("", text, format="latex")


class Arranged(SphinxPostTransform):
    """All pages have been put into one document; here it gets the order and the marks of a printed book."""

    default_priority = 800  # after Sphinx has moved the bibliography to the end
    formats = ("latex",)

    def run(self, **kwargs):
        self.leave_out_the_slides()
        self.set_parts()
        self.put_bibliography_back()
        for node in list(self.document.findall(nodes.rubric)):
            name = nodes.paragraph("", "", nodes.strong("", "", *node.children))
            node.replace_self([tex(r"\needspace{6\baselineskip}"), name])
        for node in list(self.document.findall(nodes.container)):
            node["classes"] += node.get("container_classes", [])  # of what is folded on a page
            if "cell" in node["classes"]:
                blocks = node.findall(nodes.literal_block)  # its code, and what it prints
                lines = min(35, sum(block.astext().count("\n") + 3 for block in blocks))
                place = node.parent.index(node)
                if place and "fold-line" in node.parent[place - 1].get("classes", []):  # which stays with its cell
                    place, lines = place - 1, lines + 3
                node.parent.insert(place, tex(rf"\needspace{{{lines}\baselineskip}}"))
        for node in list(self.document.findall(nodes.paragraph)):
            if "note-link" in node["classes"]:
                node.replace_self(nodes.container("", node.deepcopy(), classes=["note-link"]))
        for note in list(self.document.findall(nodes.sidebar)):  # in the margin of a page
            words = [node for node in note if not isinstance(node, nodes.title)]
            note.replace_self(nodes.container("", *words, classes=["margin-note"]))
        for box in list(self.document.findall(nodes.admonition)):
            if "self-test" in box["classes"]:  # its replies stay with its choices
                lines = 2 * len(box) + 2
                box.parent.insert(box.parent.index(box), tex(rf"\needspace{{{lines}\baselineskip}}"))
            kinds = [name for name in BOXES if name in box["classes"]]
            # LaTeX sees the classes of containers only.
            box.replace_self(nodes.container("", box.deepcopy(), classes=kinds, ids=box["ids"]))
        for node in list(self.document.findall(nodes.Element)):
            if node.get("ids") and isinstance(node, (nodes.container, nodes.inline)):
                node.parent.insert(node.parent.index(node), nodes.target(ids=node["ids"]))

    def leave_out_the_slides(self):
        """They are for a screen, and their equations and figures stand in the chapters."""
        for page in list(self.document.findall(addnodes.start_of_file)):
            if page["docname"].startswith("chapters/slides/"):
                page.parent.remove(page)
        for link in list(self.document.findall(nodes.reference)):
            if "chapters/slides/" in link.get("refuri", ""):
                link.replace_self(link.children)

    def set_parts(self):
        """What the first page says becomes a chapter of its own; then come the parts, some of which have numbers."""
        (root,) = (node for node in self.document.children if isinstance(node, nodes.section))
        parts = [node for node in root if isinstance(node, nodes.compound) and "toctree-wrapper" in node["classes"]]
        about = nodes.section(ids=["about"])
        about += nodes.title("", "About this book")
        about += [node for node in root.children[1:] if node not in parts]
        root[1:] = [tex(r"\unnumbered"), about]
        for part, listed in zip(parts, self.config.external_site_map.root.subtrees, strict=True):
            begin = rf"\unnumbered\part{{{escape(listed.caption)}}}"
            root += [tex(begin + (r"\numbered" if listed.numbered else "")), part]

    def put_bibliography_back(self):
        for entries in list(self.document.findall(thebibliography)):
            (chapter,) = (
                page.next_node(nodes.section)
                for page in self.document.findall(addnodes.start_of_file)
                if page["docname"].endswith("bibliography")
            )
            entries.parent.remove(entries)
            chapter += entries


def made(app):
    """The PDF, if there is one: `make pdf` makes it before the pages, and whatever makes the pages anew removes it."""
    path = Path(app.outdir).parent / "latex" / PDF
    return path if app.builder.format == "html" and path.exists() else None


class Printed(SphinxDirective):
    """`{printed}`: where to find the PDF, or nothing."""

    def run(self):
        self.env.note_reread()
        if not made(self.env.app):
            return []
        html = f'<p>For paper, or without a browser, there is the whole book as <a href="{PDF}">one PDF</a>.</p>'
        return [nodes.raw("", html, format="html")]


def offer_pdf(app, pagename, templatename, context, doctree):
    """The whole book, in the same menu as the page and the notebooks."""
    for group in context.get("header_buttons", []):
        if made(app) and group["label"] == "download-buttons":
            button = {"type": "link", "url": context["pathto"](PDF, 1), "text": "whole book (.pdf)"}
            button |= {"icon": "fas fa-file-pdf", "tooltip": "Download the whole book", "label": "download-book-button"}
            group["buttons"].append(button)


def put_pdf_into_the_book(app, error):
    if not error and made(app):
        shutil.copy(made(app), app.outdir)


def tell_latex(app, config):
    root = Path(app.srcdir)
    config.latex_documents = [("index", PDF.replace(".pdf", ".tex"), "", config.author, "manual")]
    config.latex_engine = "xelatex"
    config.latex_elements = {
        "papersize": "a4paper",
        "pointsize": "11pt",
        "extraclassoptions": "oneside,openany",
        "fontpkg": "",
        "fncychap": "",
        "preamble": r"\usepackage{printing}",
        "maketitle": rf"\sphinxmaketitle{{{escape(publishing.edition(root))}}}{{{publishing.day(root)}}}",
        "figure_align": "H",
        "makeindex": "",
        "printindex": "",
    }
    config.latex_table_style = ["booktabs"]
    config.latex_use_xindy = False
    config.latex_domain_indices = False
    config.latex_show_urls = "footnote"


def bring_style(app):
    if app.builder.format == "latex":
        app.config.pygments_style = "a11y-high-contrast-light"  # the pages' own by day
        shutil.copy(STYLE, app.outdir)


def setup(app):
    app.add_directive("printed", Printed)
    app.add_post_transform(Arranged)
    app.add_post_transform(Pictures)
    app.connect("config-inited", tell_latex)
    app.connect("builder-inited", bring_style)
    app.connect("html-page-context", offer_pdf, priority=502)  # when the theme has made its menu
    app.connect("build-finished", put_pdf_into_the_book)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
