"""Figures that can be dragged: a custom element around the still picture, which readers without script keep.

A cell that ends in `figures.show(fig, "natgrad-…", …)` stores beside its picture the name of such an element and the
numbers it starts from. On an HTML page the element, which `figures.js` brings to life, stands around the picture.
"""

import hashlib
import json
from html import escape
from pathlib import Path

import frame
import nbformat
from docutils import nodes
from myst_nb.core.render import MimeRenderPlugin, load_mime_renders
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from natgrad.figures import DRAGGABLE, colors

DRAG = Path(__file__).parent


class draggable(nodes.General, nodes.Element):
    """What a figure starts from; on an HTML page its still picture is inside."""


def visit_html(self, node):
    figure = node["figure"]
    start, (width, height) = escape(json.dumps(figure)), figure["size"]
    # The size of the picture, known before it has arrived.
    style = f"width: {width}pt; --ratio: {width} / {height}"
    self.body.append(f'<{figure["tag"]} class="natgrad-figure" data-figure="{start}" style="{style}">')


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


class FigureOf(SphinxDirective):
    """`{figure-of} notebook cell`: the figure of a cell of another page, here too, with its description."""

    required_arguments = 2

    def run(self):
        notebook, cell_id = self.arguments
        path = Path(self.env.srcdir, "chapters", f"{notebook}.ipynb")
        self.env.note_dependency(str(path))
        cells = nbformat.read(path, as_version=4).cells
        (cell,) = (cell for cell in cells if cell.id == cell_id)
        (data,) = (output.data for output in cell.outputs)
        # The same content and name as MyST-NB's, so that a browser loads it once.
        svg = "\n".join(data["image/svg+xml"].splitlines()).encode("utf-8")
        copy = Path(self.env.app.doctreedir).parent / "jupyter_execute" / f"{hashlib.sha256(svg).hexdigest()}.svg"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(svg)
        uri = "/" + copy.relative_to(self.env.srcdir).as_posix()
        picture = nodes.image(uri=uri, alt=cell.metadata["mystnb"]["image"]["alt"])
        return [nodes.figure("", draggable("", picture, figure=data[DRAGGABLE]), align="default")]


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
    app.add_directive("figure-of", FigureOf)
    app.connect("builder-inited", put_script_into_the_book)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
