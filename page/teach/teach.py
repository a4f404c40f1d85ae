"""Slides, whose equations, figures and cells are those of the book, and a page for each figure that can be dragged.

The decks are pages of the book in chapters/slides: each section is a slide, `{from-book} label` brings what has this
label, `{notes}` says what is told beside it. Without script they are pages to read.
"""

import re
from html import escape
from pathlib import Path

import frame
import publishing
from docutils import nodes
from draggable import draggable, opening_tag
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

TEACH = Path(__file__).parent
# Of what all pages load, what these load, too.
KEPT = ("fonts.css", "katex.min.css", "pygments.css", "figures.", "cells.", "slides.")


class borrowed(nodes.General, nodes.Element):  # noqa: N801, names as docutils has them
    """Stands for what has the label, on whichever page."""


class notes(nodes.General, nodes.Element):  # noqa: N801
    """What is told beside a slide."""


class embeds(nodes.General, nodes.Element):  # noqa: N801
    """Stands for the list of the figures that can be dragged."""


class FromBook(SphinxDirective):
    """`{from-book} label`: an equation, a figure or a cell of the book, with a link to where it stands there."""

    required_arguments = 1

    def run(self):
        found = borrowed(label=self.arguments[0])
        self.set_source_info(found)
        return [found]


class Notes(SphinxDirective):
    """`{notes}`: shown in the speaker's window only."""

    has_content = True

    def run(self):
        made = notes()
        self.state.nested_parse(self.content, self.content_offset, made)
        return [made]


class Embeds(SphinxDirective):
    """`{embeds}`: each figure that can be dragged, with the line to copy into another page."""

    def run(self):
        return [embeds()]


def original_of(env, label):
    """The page that has the label, its anchor there, what it is the label of, and its number."""
    equations, labels = env.domains["math"].equations, env.domains["std"].anonlabels
    if label in equations:
        page, anchor, kind = equations[label][0], nodes.make_id(f"equation-{label}"), "displaymath"
    else:
        (page, anchor), kind = labels[label], "figure"
    (original,) = (node for node in env.get_doctree(page).findall(nodes.Element) if anchor in node.get("ids", []))
    return page, anchor, original, ".".join(map(str, env.toc_fignumbers.get(page, {}).get(kind, {}).get(anchor, ())))


class Borrow(SphinxPostTransform):
    """Copies what is borrowed, before draggable figures are put around their pictures."""

    default_priority = 2
    formats = ("html",)

    def run(self, **kwargs):
        for found in list(self.document.findall(borrowed)):
            try:
                found.replace_self(self.bring(found["label"]))
            except KeyError:
                logging.getLogger(__name__).warning("Nothing has the label %s.", found["label"], location=found)
        for found in list(self.document.findall(embeds)):
            found.replace_self(list(self.list_figures()))

    def bring(self, label):
        page, anchor, original, number = original_of(self.env, label)
        copy = original.deepcopy()
        for node in copy.findall(nodes.Element):
            node["ids"], node["names"] = [], []
        if isinstance(copy, nodes.math_block):
            copy["number"], words = None, f"({number})"
        elif isinstance(copy, nodes.figure):
            copy = nodes.container("", *(part for part in copy if not isinstance(part, nodes.caption)))
            words = f"Figure {number}"
        else:
            if copy.get("hide_mode") == "all":
                copy["hide_mode"] = "input"  # a slide has no folds
            return copy
        address = f"{self.app.builder.get_relative_uri(self.env.docname, page)}#{anchor}"
        link = nodes.paragraph("", "", nodes.reference("", words, refuri=address, internal=True), classes=["source"])
        return nodes.container("", copy, link, classes=["borrowed"])

    def list_figures(self):
        for name, _, figure, _, outer in draggable_figures(self.env):
            width, height = figure["size"]
            base = self.config.html_baseurl.rstrip("/") + "/" if self.config.html_baseurl else ""
            title = outer.next_node(nodes.caption).astext().partition(". ")[0]
            address = self.app.builder.get_relative_uri(self.env.docname, "figures/" + name)
            link = nodes.reference("", title, refuri=address, internal=True)
            frame_ = (
                f'<iframe src="{base}figures/{name}.html" title="{escape(title)}" '
                f'width="{round(width * 4 / 3)}" height="{round(height * 4 / 3) + 260}" style="border: 0"></iframe>'
            )
            yield nodes.paragraph("", "", link)
            yield nodes.literal_block(frame_, frame_, language="html")


def draggable_figures(env):
    """Name, page, start, picture and figure of each that can be dragged, where it first stands."""
    seen = set()
    for page in sorted(env.found_docs):
        for found in env.get_doctree(page).findall(draggable):
            tag, outer = found["figure"]["tag"], found.parent
            while not isinstance(outer, nodes.figure):
                outer = outer.parent
            if tag not in seen:
                seen.add(tag)
                yield tag.removeprefix("natgrad-"), page, found["figure"], outer.next_node(nodes.image), outer


def pages_of_figures(app):
    if app.builder.name != "html":
        return
    for name, page, figure, picture, outer in draggable_figures(app.env):
        image = f'<img src="../_images/{app.env.images[picture["uri"]][1]}" alt="{escape(picture["alt"])}">'
        number = ".".join(map(str, app.env.toc_fignumbers[page]["figure"][outer["ids"][0]]))
        title = outer.next_node(nodes.caption).astext().partition(". ")[0]
        link = f'<a href="../{page}.html#{outer["ids"][0]}" target="_blank">Figure {number}: {title}</a>'
        body = f'<h1>{title}</h1>{opening_tag(figure)}{image}</{figure["tag"]}><p class="source">{link}</p>'
        about = f'<meta name="description" content="{escape(picture["alt"])}">\n'
        about += publishing.about(app, f"figures/{name}", title)
        yield f"figures/{name}", {"title": title, "body": body, "metatags": about}, "slides.html"


def visit_notes(self, node):
    self.body.append('<aside class="notes">')


def depart_notes(self, node):
    self.body.append("</aside>\n")


def skip(self, node):
    raise nodes.SkipNode


def offer_template(app, config):
    config.templates_path.append(str(TEACH))


def put_slides_into_the_book(app):
    if app.builder.name == "html":
        frame.bundle(app, TEACH, "slides.js", "slides.css")


def is_deck(pagename):
    return pagename.startswith("chapters/slides/")


def load(app, pagename, templatename, context, doctree):
    if is_deck(pagename) or templatename == "slides.html":
        app.add_css_file("slides.css")
    if is_deck(pagename):
        app.add_js_file("slides.js", loading_method="defer")


def choose_template(app, pagename, templatename, context, doctree):
    if not is_deck(pagename) and templatename != "slides.html":
        return None
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if any(part in str(file.filename) for part in KEPT)]
    # Their text is in the fonts that are there.
    context["metatags"] = re.sub(r'<link rel="preload"[^>]*/source-serif[^>]*>\n', "", context["metatags"])
    return "slides.html"


def setup(app):
    app.add_directive("from-book", FromBook)
    app.add_directive("notes", Notes)
    app.add_directive("embeds", Embeds)
    app.add_node(notes, html=(visit_notes, depart_notes), latex=(skip, None))
    for kind in (borrowed, embeds):  # which on paper have no place
        app.add_node(kind, latex=(skip, None))
    app.add_post_transform(Borrow)
    app.connect("config-inited", offer_template)
    app.connect("builder-inited", put_slides_into_the_book)
    app.connect("html-collect-pages", pages_of_figures)
    app.connect("html-page-context", load)
    app.connect("html-page-context", choose_template, priority=950)  # after all others have added theirs
    return {"parallel_read_safe": True, "parallel_write_safe": True}
