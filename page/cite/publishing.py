"""Which edition this is, where it is published, and how to cite it: all of it from CITATION.cff.

Two lines there say where the book is published (`url`) and where its source is (`repository-code`).
Without them no page names an address; with them the pages have canonical links, a sitemap, and buttons
for Binder, Colab and the repository.
"""

import json
import re
import shutil
import subprocess
from datetime import date
from functools import cache
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
# The workflow puts the plain notebooks of each version under a tag of their own.
NOTEBOOKS = "notebooks-v{version}"
BUTTONS = {
    "use_repository_button": True,
    "use_issues_button": True,
    "launch_buttons": {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    },
}

ELSEWHERE = """\
The rocket at the top of a chapter opens it, in the version of this page, on Binder, where everything is
installed, or on Colab, where its first cell installs natgrad; both are run by others.
"""


@cache
def citation(root=ROOT):
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


def address(root=ROOT):
    """Where the book is published, with a slash at the end, or nothing."""
    url = citation(root).get("url", "")
    return url and url.rstrip("/") + "/"


def permanent_address(root=ROOT):
    """Where this version stays when there are later ones, if the book is published."""
    return address(root) and f"{address(root)}v{citation(root)['version']}/"


def repository(root=ROOT):
    return citation(root).get("repository-code", "").removesuffix("/").removesuffix(".git")


def git(root, *arguments):
    """What git says, or nothing where the folder is not a clone of its own."""

    def run(*arguments):
        answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
        return answer.stdout.strip() if answer.returncode == 0 else ""

    try:
        top = run("rev-parse", "--show-toplevel")
        return run(*arguments) if top and Path(top).resolve() == Path(root).resolve() else ""
    except FileNotFoundError:  # there is no git
        return ""


@cache
def commit(root=ROOT):
    """The commit that the book is made from, if it is known."""
    return git(root, "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*")


def day(root=ROOT):
    """The day of that commit or, if it is not known, of the version."""
    found = git(root, "show", "--no-patch", "--format=%cs", "HEAD")
    found = date.fromisoformat(found) if found else citation(root)["date-released"]
    return f"{found.day} {found:%B %Y}"


def edition(root=ROOT):
    """`Version 0.1.0, commit 0123456789`; with a + if files have been changed since."""
    found = commit(root)
    return f"Version {citation(root)['version']}" + (f", commit {found}" if found else "")


def people(details):
    """The authors, each as BibTeX has them: of one name no part is a family name."""
    for author in details["authors"]:
        yield f"{{{author['name']}}}" if "name" in author else f"{author['family-names']}, {author['given-names']}"


def bibtex(root=ROOT):
    """The book's BibTeX entry, with a key of its own and the edition.

    The edition is in `howpublished`, because that is what each style prints: plain ones know no `version`, and
    author-date ones leave out a `note`. The second braces keep the names in the title from being put in lower case.
    """
    details = citation(root)
    released = details["date-released"]
    fields = {
        "author": f"{{{' and '.join(people(details))}}}",
        "title": f"{{{{{details['title']}}}}}",
        "howpublished": f"{{{edition(root)}}}",
        "year": f"{{{released.year}}}",
        "month": f"{released:%b}".lower(),
    }
    if address(root):
        fields["url"] = f"{{{permanent_address(root)}}}"
    lines = ",\n".join(f"  {name} = {value}" for name, value in fields.items())
    return f"@misc{{natgrad{released.year},\n{lines}\n}}"


def bibtex_of_the_note(folder=ROOT / "chapters"):
    entries = (folder / "references.bib").read_text(encoding="utf-8").split("\n\n")
    return next(entry.strip() for entry in entries if entry.startswith("@misc{madsen2016,"))


def package(folder, root=ROOT):
    """Copy what the package is built from: with addresses, which PyPI and pip show, if there are any."""
    version = f"v{citation(root)['version']}"
    for name in ("natgrad", "natgrad_book"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "LICENSE", folder)
    project, readme = ((root / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "README.md"))
    if address(root) and repository(root):
        urls = {"Homepage": address(root), "Documentation": f"{permanent_address(root)}chapters/api.html"}
        urls |= {"Source": repository(root), "Issues": f"{repository(root)}/issues"}
        project += "\n[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in urls.items())
        readme = re.sub(r"\]\(chapters/_static/", f"]({permanent_address(root)}_static/", readme)
        readme = re.sub(r"\]\((?![a-z]+:)", f"]({repository(root)}/blob/{version}/", readme)
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")


class Citing(SphinxDirective):
    """`{citing} bibtex`, `note` or `elsewhere`: the entry for the book, for the note, or the other places to run it."""

    required_arguments = 1

    def run(self):
        self.env.note_dependency(str(Path(self.env.srcdir, "CITATION.cff")))
        root = Path(self.env.srcdir)
        if self.arguments == ["elsewhere"]:
            return self.parse_text_to_nodes(ELSEWHERE if repository(root) else "")
        text = bibtex(root) if self.arguments == ["bibtex"] else bibtex_of_the_note(root / "chapters")
        return [nodes.literal_block(text, text, language="bibtex")]


def configure(app, config):
    root = Path(app.srcdir)
    footer = escape(edition(root))
    if address(root):
        config.html_baseurl = address(root)
        footer += f' <a href="{permanent_address(root)}">stays here</a>; '
        footer += f'<a href="{address(root)}">the latest version</a>'
    if repository(root):
        branch = NOTEBOOKS.format(version=citation(root)["version"])
        config.html_theme_options |= {**BUTTONS, "repository_url": repository(root), "repository_branch": branch}
    config.html_theme_options["extra_footer"] = f"<p>{footer}</p>"


def page_address(app, pagename):
    """The one address of a page; that of the first page is the book's own."""
    root = app.config.root_doc
    return app.config.html_baseurl + ("" if pagename == root else app.builder.get_target_uri(pagename))


def permanent_page(app, pagename):
    """The address at which this version of a page stays."""
    return page_address(app, pagename).replace(address(Path(app.srcdir)), permanent_address(Path(app.srcdir)), 1)


def about(app, pagename, title):
    """What reference managers and search engines read: the tags that Google Scholar defined, and schema.org's words."""
    details = citation(Path(app.srcdir))
    released, first = details["date-released"], pagename == app.config.root_doc
    book = {"@type": "Book", "name": details["title"], "version": details["version"], "inLanguage": "en"}
    book |= {"datePublished": str(released), "license": "https://creativecommons.org/licenses/by/4.0/"}
    book["author"] = [
        {"@type": "Organization", "name": author["name"]}
        if "name" in author
        else {"@type": "Person", "familyName": author["family-names"], "givenName": author["given-names"]}
        for author in details["authors"]
    ]
    tags = [("citation_title", details["title"] if first else title)]
    tags += [("citation_author", name.strip("{}")) for name in people(details)]
    tags += [("citation_publication_date", f"{released:%Y/%m/%d}"), ("citation_language", "en")]
    tags += [("citation_inbook_title", details["title"])] if not first else []
    if app.config.html_baseurl:
        book["url"] = permanent_address(Path(app.srcdir))
        tags.append(("citation_public_url", permanent_page(app, pagename)))
    page = {"@type": "Chapter", "name": title, "isPartOf": book} if not first else book
    if app.config.html_baseurl and not first:
        page["url"] = permanent_page(app, pagename)
    html = "".join(f'<meta name="{name}" content="{escape(content)}">\n' for name, content in tags)
    if app.config.html_baseurl:
        html += f'<link rel="cite-as" href="{escape(permanent_page(app, pagename))}">\n'
    data = json.dumps({"@context": "https://schema.org"} | page, ensure_ascii=False).replace("<", "\\u003c")
    return f'{html}<script type="application/ld+json">{data}</script>\n'


def say_what_it_is(app, pagename, templatename, context, doctree):
    if app.config.html_baseurl:
        context["pageurl"] = page_address(app, pagename) if doctree is not None else None
    if doctree is not None:
        title = doctree.next_node(nodes.title).astext()
        context["metatags"] = context.get("metatags", "") + about(app, pagename, title)


def write_sitemap(app, error):
    if error or app.builder.name != "html" or not app.config.html_baseurl:
        return
    pages = sorted(page_address(app, page) for page in app.env.found_docs)
    sitemap = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    sitemap += "".join(f"  <url><loc>{escape(page)}</loc></url>\n" for page in pages) + "</urlset>\n"
    Path(app.outdir, "sitemap.xml").write_text(sitemap, encoding="utf-8")
    robots = f"User-agent: *\nAllow: /\nSitemap: {app.config.html_baseurl}sitemap.xml\n"
    Path(app.outdir, "robots.txt").write_text(robots, encoding="utf-8")


def setup(app):
    app.add_directive("citing", Citing)
    app.connect("config-inited", configure)
    app.connect("html-page-context", say_what_it_is)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
