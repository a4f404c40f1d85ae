"""Two speeds on one page: checks are folded below the claim that they check, and questions below each section.

Cells with MyST-NB's tag `hide-cell` that follow each other make one fold, whose line is the `code_prompt_show` of the
first. In a box of the class `self-test` each choice of the list unfolds its reply. Both are <details>, plain HTML.
"""

from html import escape
from pathlib import Path

import frame
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)


class fold(nodes.General, nodes.Element):
    """Cells that are shown when somebody asks for them; `line` says what they are."""


class choice(nodes.General, nodes.Element):
    """One answer, whose first paragraph is seen, and the reply to it."""


def visit_fold(self, node):
    state = '<span class="fold-state" role="status"></span>'
    self.body.append(f'<details class="fold"><summary>{escape(node["line"])}{state}</summary>\n')


def visit_choice(self, node):
    self.body.append('<details class="choice"><summary>')
    for child in node.pop(0).children:
        child.walkabout(self)
    self.body.append("</summary>\n")


def depart_details(self, node):
    self.body.append("</details>\n")


def visit_fold_latex(self, node):
    self.body.append(rf"\par\smallskip\noindent\emph{{{self.encode(node['line'])}}}\par" + "\n")


def pass_by(self, node):
    pass


def hidden(node):
    return node.get("nb_element") == "cell_code" and node.get("hide_mode") == "all"


def attached(node):
    """Whether a node belongs to the cell above it: an anchor, or the way back to the concordance."""
    return isinstance(node, (nodes.target, nodes.comment)) or "note-link" in node.get("classes", [])


def prompt(cell):
    return cell["cell_metadata"].get("mystnb", {}).get("code_prompt_show")


class Folds(SphinxPostTransform):
    """Put cells that are folded together into one element."""

    default_priority = 190  # before MyST-NB folds each of them

    def run(self, **kwargs):
        for parent in {cell.parent: None for cell in self.document.findall(nodes.container) if hidden(cell)}:
            current, kept = None, []
            for node in list(parent.children):
                if isinstance(node, nodes.Element) and hidden(node):
                    if prompt(node) or current is None:
                        if not prompt(node):
                            logger.warning("A folded cell needs a line: `code_prompt_show`.", location=node)
                        current = fold("", line=prompt(node) or "")
                        kept.append(current)
                    del node["hide_mode"]
                    current.append(node)
                elif current is not None and isinstance(node, nodes.Element) and attached(node):
                    current.append(node)
                else:
                    current = None
                    kept.append(node)
            parent.children = []
            parent.extend(kept)
        for folded in self.document.findall(fold):
            count = sum(
                node.get("nb_element") == "cell_code" for node in folded.children if isinstance(node, nodes.Element)
            )
            folded["line"] += f", {count} cells" if count > 1 else ""


class SelfTests(SphinxPostTransform):
    """Make each choice unfold its reply."""

    default_priority = 190
    formats = ("html",)

    def run(self, **kwargs):
        for box in list(self.document.findall(nodes.admonition)):
            if "self-test" not in box["classes"]:
                continue
            choices = box.children[-1]
            items = choices.children if isinstance(choices, nodes.bullet_list) else []
            replies = [item.children[1].astext() if len(item.children) > 1 else "" for item in items]
            if len(items) < 3 or not all(replies) or sum(reply.startswith("Yes") for reply in replies) != 1:
                logger.warning(
                    "A self-test is a list of three or more choices with replies, one of them Yes.", location=box
                )
                continue
            choices.replace_self([choice("", *item.children) for item in items])


def load_script(app, pagename, templatename, context, doctree):
    if 'class="fold"' in context.get("body", "") or 'class="choice"' in context.get("body", ""):
        app.add_css_file("fold.css")
        app.add_js_file("fold.js", loading_method="defer")


def put_script_into_the_book(app):
    if app.builder.name == "html":
        frame.bundle(app, Path(__file__).parent, "fold.js", "fold.css")


def setup(app):
    app.add_node(fold, html=(visit_fold, depart_details), latex=(visit_fold_latex, pass_by), text=(pass_by, pass_by))
    app.add_node(choice, html=(visit_choice, depart_details))
    app.add_post_transform(Folds)
    app.add_post_transform(SelfTests)
    app.connect("builder-inited", put_script_into_the_book)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
