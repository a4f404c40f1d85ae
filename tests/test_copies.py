"""A notebook that is taken elsewhere says where its files are from, or fetches them."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import plain_notebooks
import pytest
from docutils import nodes
from nbformat.v4 import new_code_cell, new_notebook

CHAPTER = Path(__file__).parents[1] / "chapters" / "7_when_the_matrix_is_too_big.ipynb"
FILES = ["data/digits.csv.gz"]


def first_cell(address):
    builder = SimpleNamespace(get_target_uri=lambda page: f"{page}.html")
    env = SimpleNamespace(titles={"chapters/one": nodes.title("", "One")}, app=SimpleNamespace(builder=builder))
    book = SimpleNamespace(title="Book", edition="version 1", address=address, env=env)
    return plain_notebooks.origin(book, "chapters/one", "natgrad.whl", FILES).source


def test_the_files_that_cells_read_are_found():
    cells = [new_code_cell('np.loadtxt("data/digits.csv.gz")'), new_code_cell("data = 1"), new_code_cell("x = data/2")]
    assert plain_notebooks.files_read(new_notebook(cells=cells)) == FILES
    chapter = nbformat.read(CHAPTER, as_version=4)
    assert plain_notebooks.files_read(chapter) == FILES


def test_a_copy_of_the_published_book_fetches_what_it_reads(tmp_path, monkeypatch):
    offered = tmp_path / "book" / "_sources" / "chapters" / FILES[0]
    offered.parent.mkdir(parents=True)
    offered.write_bytes(b"0,1")
    monkeypatch.chdir(tmp_path)
    source = first_cell((tmp_path / "book").as_uri() + "/").replace("%pip", "pass  # ")
    exec(source, {})
    assert (tmp_path / FILES[0]).read_bytes() == b"0,1"
    offered.unlink()
    exec(source, {})  # nothing is fetched twice


def test_a_copy_without_natgrad_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    source = first_cell("").replace("%pip", "pass  # ")
    with pytest.raises(ModuleNotFoundError, match=r"`natgrad\.whl` must be there.* in notebooks\.zip"):
        exec(source, {})
    Path("natgrad.whl").touch()
    exec(source, {})


def test_without_an_address_a_copy_says_where_its_files_are():
    assert f"read {FILES[0]}, which is beside it in notebooks.zip" in first_cell("")
    assert "urlretrieve" not in first_cell("")
