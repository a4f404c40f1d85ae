"""The book names no address before it has one; then its links, sitemap, buttons and entries follow from two lines."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import publishing
import pytest
import yaml

import natgrad

ROOT = Path(__file__).parents[1]
URL, SOURCE = "https://example.org/book", "https://github.com/example/natgrad"
CONF = """
extensions = ["myst_nb", "publishing"]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
"""
INDEX = """# A book

```{citing} bibtex
```

```{citing} elsewhere
```

```{toctree}
chapter
```
"""


def build(folder, **addresses):
    """A book of two pages with the project's own CITATION.cff, and the addresses in it."""
    source = folder / "book"
    source.mkdir()
    details = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")) | addresses
    (source / "CITATION.cff").write_text(yaml.safe_dump(details), encoding="utf-8")
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(INDEX)
    shutil.copy(ROOT / "chapters" / "1_natural_gradients.ipynb", source / "chapter.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", source, folder / "html"]
    shelves = os.pathsep.join(str(ROOT / "page" / shelf) for shelf in ("frame", "cite", "print"))
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": shelves})
    kinds = (".html", ".txt", ".xml")
    return {file.name: file.read_text(encoding="utf-8") for file in folder.glob("html/*.*") if file.suffix in kinds}


def addresses(page):
    """The hosts that a page names, apart from namespaces and from what Sphinx says of itself."""
    found = re.findall(r'https?://[^"\'\s<>})]+', page)
    credit = r"https?://(www\.w3\.org|schema\.org|creativecommons\.org|sphinx-book-theme|www\.sphinx|pydata|cdn\.jsdelivr\.net/npm/mathjax|ebp\.|docs\.)"
    return {address for address in found if not re.match(credit, address)}


@pytest.fixture(scope="module")
def unpublished(tmp_path_factory):
    return build(tmp_path_factory.mktemp("unpublished"))


def test_without_an_address_there_is_none(unpublished):
    book = unpublished
    assert not {"sitemap.xml", "robots.txt"} & book.keys()
    for name in ("index.html", "chapter.html"):
        assert not addresses(book[name])
        assert "canonical" not in book[name]
        assert "cite-as" not in book[name]
        assert "Binder" not in book[name]
        assert "Colab" not in book[name]
        assert f"Version {natgrad.__version__}" in book[name]
        assert ", commit" not in book[name]  # the folder is no clone


def test_with_an_address_everything_leads_there(tmp_path):
    book = build(tmp_path, **{"url": URL, "repository-code": SOURCE})
    assert f'<link rel="canonical" href="{URL}/" />' in book["index.html"]
    assert f'<link rel="canonical" href="{URL}/chapter.html" />' in book["chapter.html"]
    assert "canonical" not in book["search.html"]
    places = [place.text for place in ElementTree.fromstring(book["sitemap.xml"]).iter() if place.tag.endswith("loc")]
    assert places == [f"{URL}/", f"{URL}/chapter.html"]
    assert f"Sitemap: {URL}/sitemap.xml" in book["robots.txt"].splitlines()
    path, version = "example/natgrad", f"v{natgrad.__version__}"
    binder = f"https://mybinder.org/v2/gh/{path}/notebooks-{version}?urlpath=lab/tree/chapter.ipynb"
    colab = f"https://colab.research.google.com/github/{path}/blob/notebooks-{version}/chapter.ipynb"
    assert binder in book["chapter.html"]
    assert colab in book["chapter.html"]
    assert f"/{path}/main" not in book["chapter.html"]
    assert f"/{path}/blob/main" not in book["chapter.html"]
    assert f'href="{SOURCE}"' in book["chapter.html"]
    assert f'href="{SOURCE}/issues/new?' in book["chapter.html"]
    assert f"url = {{{URL}/{version}/}}" in re.sub("<.*?>", "", book["index.html"])
    for name, place in {"index.html": "", "chapter.html": "chapter.html"}.items():
        assert f'<link rel="cite-as" href="{URL}/{version}/{place}">' in book[name]
        assert f'<meta name="citation_public_url" content="{URL}/{version}/{place}">' in book[name]
        (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', book[name])
        assert json.loads(data)["url"] == f"{URL}/{version}/{place}"
    assert f'<a href="{URL}/{version}/">stays here</a>' in book["chapter.html"]


def test_every_page_says_what_it_is_to_reference_managers(unpublished):
    book = unpublished
    for name, title in {"index.html": publishing.citation(ROOT)["title"], "chapter.html": "Natural gradients"}.items():
        assert f'<meta name="citation_title" content="{title}">' in book[name]
        assert '<meta name="citation_author" content="The natgrad contributors">' in book[name]
        (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', book[name])
        data = json.loads(data)
        assert data["name"] == title
        whole = data.get("isPartOf", data)
        assert whole["@type"] == "Book"
        assert whole["version"] == natgrad.__version__
        assert whole["author"] == [{"@type": "Organization", "name": "The natgrad contributors"}]


def test_the_entry_names_the_version_and_one_author():
    entry = publishing.bibtex(ROOT)
    assert re.match(r"@misc\{natgrad\d{4},\n", entry)
    assert "author = {{The natgrad contributors}}," in entry
    assert f"howpublished = {{Version {natgrad.__version__}" in entry
    assert "month = nov" in entry  # a name that every style knows
    assert entry.count("{") == entry.count("}")


def test_what_zenodo_is_told_is_what_the_citation_file_says():
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    details = publishing.citation(ROOT)
    assert {zenodo[key] == details[key] for key in ("title", "version", "keywords")} == {True}
    assert [one["name"] for one in zenodo["creators"]] == [one["name"] for one in details["authors"]]


def test_the_note_is_cited_too():
    entry = publishing.bibtex_of_the_note()
    assert entry.startswith("@misc{madsen2016,")
    assert entry.endswith("\n}")
    assert "Madsen, Mathias Winther" in entry


def git(folder, *arguments):
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_commit_is_that_of_a_clone_and_says_what_was_changed(tmp_path):
    folder = tmp_path / "clone"
    (folder / "inside").mkdir(parents=True)
    git(folder, "init")
    file = folder / "file"
    file.write_text("one")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    git(folder, "tag", "-a", "v1", "-m", "a tag that the commit is not called by")
    committed = publishing.commit.__wrapped__(folder)
    assert re.fullmatch("[0-9a-f]{10}", committed)
    file.write_text("two")
    assert publishing.commit.__wrapped__(folder) == committed + "+"
    assert not publishing.commit.__wrapped__(folder / "inside")
    assert not publishing.commit.__wrapped__(tmp_path)


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not publishing.commit.__wrapped__(ROOT)


def test_there_is_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version == natgrad.__version__ == publishing.citation(ROOT)["version"]


@pytest.fixture
def workflow():
    return yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))


def test_the_workflow_tests_every_supported_python(workflow):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert pythons == ["3.11", "3.12", "3.13"]
    assert project["requires-python"] == f">={pythons[0]}"
    assert any(step.get("run", "").endswith("make test EVERY=chapter") for step in workflow["jobs"]["test"]["steps"])


def test_the_workflow_may_do_no_more_than_it_needs(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    permissions = {"contents": "write", "pages": "write", "id-token": "write"}
    assert workflow["jobs"]["publish"]["permissions"] == permissions
    assert "permissions" not in workflow["jobs"]["test"]
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in used)


GH = """#!/usr/bin/env bash
# Releases are folders here; only the words that publish.sh uses are known.
set -euo pipefail
cd RELEASES
case "$1 $2" in
    "auth setup-git") ;;
    "release view") test -d "$3" ;;
    "release create") mkdir "$3" ;;
    "release upload") cp "${@:5}" "$3" ;;
    "release list") ls ;;
    "release download") cp "$3/$5" "$7" ;;
    *) exit 1 ;;
esac
"""


def test_every_version_stays_where_it_is_when_there_is_a_later_one(tmp_path, monkeypatch):
    releases, programs, clone = (tmp_path / name for name in ("releases", "bin", "clone"))
    for folder in (releases, programs, clone):
        folder.mkdir()
    (programs / "gh").write_text(GH.replace("RELEASES", str(releases)))
    (programs / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    git(tmp_path, "init", "--bare", "origin.git")
    git(clone, "init")
    git(clone, "remote", "add", "origin", str(tmp_path / "origin.git"))
    for version in ("1.0.0", "1.1.0", "1.1.0"):  # the last time once more, as after a failure
        book, site = tmp_path / f"book-{version}", tmp_path / "site"
        shutil.rmtree(book, ignore_errors=True)
        shutil.rmtree(site, ignore_errors=True)
        book.mkdir()
        site.mkdir()
        (book / "index.html").write_text(f"Version {version}")
        (book / "natural-gradients.pdf").write_text("PDF")
        (book / f"natgrad-{version}-py3-none-any.whl").write_text("wheel")
        with zipfile.ZipFile(book / "notebooks.zip", "w") as archive:
            archive.writestr("1.ipynb", version)
            archive.write(book / f"natgrad-{version}-py3-none-any.whl", f"natgrad-{version}-py3-none-any.whl")
        script = ROOT / ".github" / "publish.sh"
        subprocess.run([script, f"v{version}", book, site], cwd=clone, check=True, capture_output=True)
    pages = {str(path.relative_to(site)): path.read_text() for path in site.rglob("index.html")}
    assert pages == {
        "index.html": "Version 1.1.0",
        "v1.0.0/index.html": "Version 1.0.0",
        "v1.1.0/index.html": "Version 1.1.0",
    }
    assets = {path.name for path in (releases / "v1.0.0").iterdir()}
    kinds = ("-html.zip", ".pdf", "-notebooks.zip")
    assert assets == {f"natural-gradients-v1.0.0{kind}" for kind in kinds} | {"natgrad-1.0.0-py3-none-any.whl"}
    git(tmp_path, "clone", "--branch", publishing.NOTEBOOKS.format(version="1.0.0"), "origin.git", "opened")
    assert (tmp_path / "opened" / "chapters" / "1.ipynb").read_text() == "1.0.0"
    wheel = (tmp_path / "opened" / "binder" / "requirements.txt").read_text().split("[")[0]
    assert (tmp_path / "opened" / wheel).exists()
