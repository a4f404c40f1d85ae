"""The two speeds of a page: checks folded away after the claim they check, and questions whose replies are.

So are the statements of the concordance, section by section.
"""

from collections import Counter
from pathlib import Path

import frame
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

# Whoever keeps the checks shown sees them so from the first paint.
SHOWN = (
    '<script>try { if (localStorage.getItem("checks") === "shown") { '
    "const opener = new MutationObserver(() => { for (const fold of "
    'document.querySelectorAll("details.fold:not([open])")) fold.open = true; }); '
    "opener.observe(document, { childList: true, subtree: true }); "
    'addEventListener("DOMContentLoaded", () => opener.disconnect()); } } catch {}</script>\n'
)
SWITCH = {
    "type": "javascript",
    "javascript": "",  # fold.js listens to it
    "text": "Checks: folded",
    "tooltip": "Show or fold all checks of this page",
    "label": "fold-switch",
}


class details(nodes.Element):  # noqa: N801, a name as docutils has them
    """What is folded, plainly; first comes the `summary`."""


class summary(nodes.Element):  # noqa: N801
    """The line that opens and folds the rest."""


def visit(self, node):
    self.body.append(self.starttag(node, type(node).__name__))


def depart(self, node):
    self.body.append(f"</{type(node).__name__}>\n")


def complain(message, node):
    logging.getLogger(__name__).warning(message, location=node)


def is_folded(node):
    return isinstance(node, nodes.container) and node.get("hide_mode") == "all"


def belongs_between(node):
    """The links from a cell to the concordance, and what is not seen."""
    return isinstance(node, (nodes.Invisible, nodes.target)) or "note-link" in node.get("classes", [])


class Folds(SphinxPostTransform):
    """Adjacent cells that are tagged `hide-cell` become one fold."""

    default_priority = 198  # before MyST-NB folds each by itself
    formats = ("html", "latex")

    def run(self, **kwargs):
        for parent in {cell.parent: None for cell in self.document.findall(is_folded)}:
            folds, current = [], None
            for node in parent.children:
                if is_folded(node):
                    own = node["prompt_show"] != self.config.nb_code_prompt_show
                    if own or current is None:
                        if not own:
                            complain("A fold begins with this cell, but nothing says what it checks.", node)
                        current = []
                        folds.append(current)
                    current.append(node)
                elif current is not None and belongs_between(node):
                    current.append(node)
                else:
                    current = None
            for fold in folds:
                self.fold(fold)

    def fold(self, content):
        cells = [node for node in content if is_folded(node)]
        line = cells[0]["prompt_show"]
        count = f", {len(cells)} cells" if len(cells) > 1 else ""
        for cell in cells:
            del cell["hide_mode"]
        parent = content[0].parent
        place = parent.index(content[0])
        if self.app.builder.format == "latex":
            heading = nodes.paragraph("", "", nodes.emphasis("", f"Check: {line}"))
            parent.insert(place, nodes.container("", heading, classes=["fold-line"]))
            return
        title = summary("", nodes.inline("", line, classes=["fold-line"]))
        title += nodes.inline("", count, classes=["fold-count"])
        title += nodes.inline("", "", classes=["fold-state"])
        for node in content:
            parent.remove(node)
        parent.insert(place, details("", title, *content, classes=["fold"]))


class SelfTests(SphinxPostTransform):
    """Each choice of a self-test is a fold with its reply. On paper the replies follow the choices."""

    default_priority = 197
    formats = ("html", "latex")

    def run(self, **kwargs):
        for box in list(self.document.findall(nodes.admonition)):
            if "self-test" in box["classes"]:
                self.arrange(box)

    def arrange(self, box):
        choices = box.children[-1]
        if not isinstance(choices, nodes.bullet_list) or not 3 <= len(choices) <= 4:
            return complain("A self-test ends with a list of three or four choices.", box)
        replies = [item.children[1:] for item in choices]
        if not all(isinstance(item[0], nodes.paragraph) for item in choices) or not all(replies):
            return complain("A choice of a self-test is a paragraph, and its reply follows.", box)
        if sum(reply[0].astext().startswith("Yes") for reply in replies) != 1:
            complain("One reply of a self-test begins with Yes, that to the right choice.", box)
        if self.app.builder.format == "latex":
            return self.letter(box, choices, replies)
        # With letters, because screen readers need words, and a choice may be a formula.
        folded = [
            details("", summary("", nodes.Text(f"({letter}) "), *item[0].children), *reply, classes=["choice"])
            for letter, item, reply in zip("abcd", choices, replies, strict=False)
        ]
        box.remove(choices)
        box.extend(folded)

    def letter(self, box, choices, replies):
        answers = nodes.container(classes=["replies"])
        box.remove(choices)
        for letter, item, reply in zip("abcd", choices, replies, strict=False):
            item[0].insert(0, nodes.Text(f"({letter})\N{NO-BREAK SPACE}"))
            box += item[0]
            reply[0].insert(0, nodes.Text(f"({letter})\N{NO-BREAK SPACE}"))
            answers.extend(reply)
        box += nodes.paragraph("", "", nodes.emphasis("", "Replies"))
        box.extend(answers.children)


class Statements(SphinxPostTransform):
    """The statements of each section are a fold: a phone would need seconds to lay out all of them."""

    default_priority = 197
    formats = ("html",)

    def run(self, **kwargs):
        for section in list(self.document.findall(nodes.section)):
            statements = [node for node in section if "statement" in node["classes"]]
            if not statements:
                continue
            place = section.index(statements[0])
            verdicts = Counter(node["classes"][1] for node in statements)
            line = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
            title = summary("", nodes.inline("", line, classes=["fold-line"]))
            title += nodes.inline("", "", classes=["fold-state"])
            section[place:] = [details("", title, *section[place:], classes=["fold"])]


def bring_files(app):
    if app.builder.name == "html":
        frame.bundle(app, Path(__file__).parent, "fold.js", "fold.css")


def load(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    if any(sign in body for sign in ('class="fold', 'class="choice', 'class="margin')):
        app.add_css_file("fold.css")
    if 'class="fold' in body:
        app.add_js_file("fold.js", loading_method="defer")
        context["metatags"] = context.get("metatags", "") + SHOWN
        context["header_buttons"].insert(0, SWITCH)


def setup(app):
    app.add_node(details, html=(visit, depart))
    app.add_node(summary, html=(visit, depart))
    app.add_post_transform(Folds)
    app.add_post_transform(SelfTests)
    app.add_post_transform(Statements)
    app.connect("builder-inited", bring_files)
    app.connect("html-page-context", load, priority=502)  # when the theme has made its buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}
