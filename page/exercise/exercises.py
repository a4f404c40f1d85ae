"""Pages of exercises: the answers are blank, hints and solutions are folded, and *Check* stands beside *Run*."""

import re
from pathlib import Path

import copies
import frame
import nbformat
from docutils import nodes
from fold import details, summary
from sphinx.transforms.post_transforms import SphinxPostTransform

EXERCISES = "chapters/exercises/"
STARS = re.compile("^★{1,3}")


def blank_the_answers(app, docname, source):
    if docname.startswith(EXERCISES):
        source[0] = nbformat.writes(copies.page(nbformat.reads(source[0], as_version=4)))


class Exercises(SphinxPostTransform):
    """The cells of an exercise get their places. On paper it is its text alone."""

    default_priority = 197
    formats = ("html", "latex")

    def run(self, **kwargs):
        for section in list(self.document.findall(nodes.section)):
            cells = {kind: cell for cell in section.children for kind in self.kinds(cell)}
            if "answer" in cells:
                self.arrange(section, cells)

    def kinds(self, node):
        is_cell = isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"
        return [name[4:] for name in node["classes"] if name.startswith("tag_")] if is_cell else []

    def arrange(self, section, cells):
        self.say_how_hard(section)
        if self.app.builder.format == "latex":
            del section.children[section.index(cells["answer"]) :]
            return
        verdict = nodes.raw("", '<div class="exercise-verdict" role="status"></div>\n', format="html")
        section.insert(section.index(cells["answer"]) + 1, verdict)
        for kind, line in {"solution": "Solution", "check": "What is checked"}.items():
            if kind in cells:
                section.remove(cells[kind])
                section += details("", summary("", nodes.Text(line)), cells[kind], classes=[f"exercise-{kind}"])

    def say_how_hard(self, section):
        """Stars, which screen readers are given words for; the fonts of the paper have none."""
        for paragraph in section.findall(nodes.paragraph):
            if found := STARS.match(paragraph.astext()):
                text = next(paragraph.findall(nodes.Text))
                words = f"Difficulty {len(found[0])} of 3"
                stars = f'<span role="img" aria-label="{words}">{found[0]}</span>'
                on_paper = self.app.builder.format == "latex"
                first = nodes.Text(words) if on_paper else nodes.raw("", stars, format="html")
                paragraph.replace(text, [first, nodes.Text(STARS.sub("", text.astext()))])
                paragraph["classes"].append("exercise-line")
                return


def make_room(app, doctree, docname):
    if app.builder.name == "html" and docname.startswith(EXERCISES):
        title = next(doctree.findall(nodes.title))
        room = nodes.raw("", '<div class="exercise-controls"></div>\n', format="html")
        title.parent.insert(title.parent.index(title) + 1, room)


def load(app, pagename, templatename, context, doctree):
    app.add_js_file("exercise.js", loading_method="defer")  # on every page, for what the sidebar tells
    app.add_css_file("exercise.css")


def bring_files(app):
    if app.builder.name == "html":
        frame.bundle(app, Path(__file__).parent, "exercise.js", "exercise.css")


def setup(app):
    app.add_post_transform(Exercises)
    app.connect("builder-inited", bring_files)
    app.connect("source-read", blank_the_answers)
    app.connect("doctree-resolved", make_room)
    app.connect("html-page-context", load, priority=600)  # its style after the cells' own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
