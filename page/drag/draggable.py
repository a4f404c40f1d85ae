"""Figures that can be dragged: a custom element around the still picture, which readers without script keep.

A cell that ends in `figures.show(fig, "natgrad-…", …)` stores beside its picture the name of such an element and the
numbers it starts from. On an HTML page the element, which `figures.js` brings to life, stands around the picture.
"""

import json
from html import escape
from pathlib import Path

import frame
from docutils import nodes
from myst_nb.core.render import MimeRenderPlugin, load_mime_renders
from sphinx.transforms.post_transforms import SphinxPostTransform

from natgrad_book.figures import DRAGGABLE, colors

DRAG = Path(__file__).parent


class draggable(nodes.General, nodes.Element):
    """What a figure starts from; on an HTML page its still picture is inside."""


def opening_tag(figure):
    start, (width, height) = escape(json.dumps(figure)), figure["size"]
    # The size of the picture, known before it has arrived.
    style = f"width: {width}pt; --ratio: {width} / {height}"
    return f'<{figure["tag"]} class="natgrad-figure" data-figure="{start}" style="{style}">'


def visit_html(self, node):
    self.body.append(opening_tag(node["figure"]))


def depart_html(self, node):
    self.body.append(f"</{node['figure']['tag']}>")


def pass_by(self, node):
    pass


class Renderer(MimeRenderPlugin):
    """Keeps what MyST-NB would drop with a warning, because it does not know the type."""

    @staticmethod
    def handle_mime(renderer, data, inline):
        return [draggable(figure=data.content)] if data.mime_type == DRAGGABLE else None


class AroundThePicture(SphinxPostTransform):
    """Put the element around the picture of the same output, before MyST-NB chooses one of its types."""

    default_priority = 3
    formats = ("html",)

    def run(self, **kwargs):
        for found in list(self.document.findall(draggable)):
            bundle = found.parent.parent
            if bundle.get("nb_element") == "mime_bundle":
                for picture in list(bundle.findall(nodes.image)):
                    holder, place = picture.parent, picture.parent.index(picture)
                    holder[place] = draggable("", picture, figure=found["figure"])


def put_script_into_the_book(app):
    """One script of all figures there are, and their style with the colours of the still pictures."""
    if app.builder.name != "html":
        return
    palette = "".join(f"--figure-{name}:{color};" for name, color in colors.items())
    made = {
        "figures.js": "".join(f"import {json.dumps(str(path))};\n" for path in sorted(DRAG.glob("figures/*.js"))),
        "figures.css": f".natgrad-figure{{{palette}}}\n" + (DRAG / "figures.css").read_text(encoding="utf-8"),
    }
    folder = Path(app.doctreedir, "drag")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    frame.bundle(app, folder, *made)


def setup(app):
    load_mime_renders().append(Renderer)  # a cached list, which MyST-NB fills from the packages that are installed
    app.add_node(draggable, html=(visit_html, depart_html), latex=(pass_by, pass_by), text=(pass_by, pass_by))
    app.add_post_transform(AroundThePicture)
    app.connect("builder-inited", put_script_into_the_book)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
