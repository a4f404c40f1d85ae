"""The package in other hands: what type checkers, PyPI and those who miss an extra are told."""

import importlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import live_cells
import publishing
import pytest
import yaml
from markdown_it import MarkdownIt
from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
URL, SOURCE = "https://example.org/book", "https://github.com/example/natgrad"
SCRIPT = """\
import natgrad as ng
import numpy as np

metric = ng.from_covariance([[2.0, 0.6], [0.6, 0.5]])
reveal_type(metric)
reveal_type(ng.steepest_direction([1.0, 2.0], metric))
reveal_type(metric.norm(np.ones(2)))
reveal_type(ng.Gaussian().kl([0, 1], [1, 2]))
ng.natural_gradient([1.0, 2.0], "Euclidean")
ng.no_such_name
"""


@pytest.fixture
def wheel(tmp_path):
    """The wheel that readers get, unpacked."""
    (tmp_path / "build").mkdir()
    with zipfile.ZipFile(live_cells.build_wheel(tmp_path / "build")) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def test_type_checkers_know_the_types_of_the_package_and_what_it_takes(tmp_path, wheel):
    (tmp_path / "script.py").write_text(SCRIPT)
    python = venv_with(wheel, tmp_path)  # where mypy believes nothing without py.typed
    command = [sys.executable, "-m", "mypy", "--python-executable", python, "script.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    told = [line.partition("script.py:")[2] for line in run.stdout.splitlines() if "script.py:" in line]
    assert told[0] == '5: note: Revealed type is "natgrad.metric.Metric"'
    assert all("ndarray" in line for line in told[1:4]), told
    assert told[4].startswith('9: error: Argument 2 to "natural_gradient" has incompatible type "str"')
    assert told[5].startswith('10: error: Module has no attribute "no_such_name"')
    assert len(told) == 6, told


def venv_with(site, folder):
    """The Python of an environment that has the package of this folder, and numpy from here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    shutil.copytree(site / "natgrad", packages / "natgrad")
    numpy = Path(importlib.import_module("numpy").__file__).parent
    (packages / "numpy").symlink_to(numpy)
    return folder / "venv" / "bin" / "python"


def metadata(site):
    (file,) = site.glob("*.dist-info/METADATA")
    return Metadata.from_email(file.read_bytes(), validate=True)


def test_the_metadata_are_valid_and_complete(wheel):
    found = metadata(wheel)
    assert (wheel / "natgrad" / "py.typed").exists()
    assert "Typing :: Typed" in found.classifiers
    assert found.license_expression == "BSD-3-Clause"
    assert found.description_content_type == "text/markdown"
    assert set(found.provides_extra) >= {"chapters", "book", "test"}
    assert not found.project_urls  # where the book is published is not known


def test_a_published_package_leads_to_the_book_and_no_link_of_its_description_is_dead(tmp_path, monkeypatch):
    details = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    details |= {"url": URL, "repository-code": SOURCE}
    monkeypatch.setattr(publishing, "citation", lambda root: details)
    (tmp_path / "build").mkdir()
    with zipfile.ZipFile(live_cells.build_wheel(tmp_path / "build")) as archive:
        archive.extractall(tmp_path / "site")
    found, version = metadata(tmp_path / "site"), f"v{details['version']}"
    assert found.project_urls["Homepage"] == f"{URL}/"
    assert found.project_urls["Source"] == SOURCE
    addresses = [
        token.attrs.get("href") or token.attrs.get("src")
        for block in MarkdownIt().parse(found.description)
        for token in block.children or []
        if token.type in ("link_open", "image")
    ]
    assert len(addresses) > 3
    assert all(address.startswith("https://") for address in addresses), addresses
    assert f"{URL}/{version}/_static/preview.png" in addresses
    assert f"{SOURCE}/blob/{version}/CONTRIBUTING.md" in addresses


def test_who_lacks_matplotlib_is_told_which_extra_has_it():
    program = "import sys; sys.modules['matplotlib'] = None; from natgrad_book import figures"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    wanted = '`natgrad_book.figures` needs matplotlib, which is not installed: pip install "natgrad[chapters]"'
    assert run.stderr.splitlines()[-1] == f"ModuleNotFoundError: {wanted}"
