"""The PDF is linked where it is, and nowhere if it isn't; its check finds what is wrong with it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import check_pdf
import printing
import pytest

ROOT = Path(__file__).parents[1]
CONF = """
extensions = ["myst_nb", "printing"]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
"""
INDEX = """# A book

```{printed}
```

```{toctree}
chapters/chapter
```
"""
GOOD = """\f1 Natural gradients
                f(x) = 0                (1.1)
Figure 1.1: A drawing
"""


def build(folder):
    """A book of two pages, as it would be beside whatever PDF is in the folder."""
    source = folder / "book"
    (source / "chapters").mkdir(parents=True)
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(INDEX)
    shutil.copy(ROOT / "CITATION.cff", source)
    shutil.copy(ROOT / "chapters" / "1_natural_gradients.ipynb", source / "chapters" / "chapter.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", source, folder / "html"]
    shelves = os.pathsep.join(str(ROOT / "page" / shelf) for shelf in ("frame", "cite", "print"))
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": shelves})
    return [(folder / "html" / page).read_text(encoding="utf-8") for page in ("index.html", "chapters/chapter.html")]


def test_without_a_pdf_no_page_links_to_one(tmp_path):
    for page in build(tmp_path):
        assert printing.PDF not in page
        assert "whole book" not in page


def test_with_a_pdf_it_is_beside_the_first_page_and_every_page_links_to_it(tmp_path):
    (tmp_path / "latex").mkdir()
    (tmp_path / "latex" / printing.PDF).write_bytes(b"%PDF")
    first, chapter = build(tmp_path)
    assert (tmp_path / "html" / printing.PDF).read_bytes() == b"%PDF"
    assert first.count(f'href="{printing.PDF}"') == 2  # in the text and in the menu
    assert chapter.count(f'href="../{printing.PDF}"') == 1


def test_the_pdf_has_one_name():
    assert check_pdf.PDF.name == printing.PDF
    assert f"_build/html/{printing.PDF}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "! Undefined control sequence.",
        "Missing character: There is no θ (U+03B8) in font [lmroman10-regular]!",
        "LaTeX Warning: Hyper reference `chapters/errata:none' on page 3 undefined on input line 7.",
        "LaTeX Warning: There were undefined references.",
        "LaTeX Warning: Label `equation:eq' multiply defined.",
        "Overfull \\hbox (12.5pt too wide) in paragraph at lines 1--2",
        "Overfull \\vbox (20.0pt too high) has occurred while \\output is active []",
    ],
)
def test_what_latex_complains_of_is_found(line):
    assert list(check_pdf.complaints(f"Chapter 1.\n{line}\n[1]\n")) == [line]


def test_what_nobody_sees_is_no_complaint():
    log = "Overfull \\hbox (0.9pt too wide) in paragraph\nUnderfull \\hbox (badness 10000)\n"
    assert not list(check_pdf.complaints(log))


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        (GOOD, None),
        (GOOD.replace("1 Natural", "1 natural"), "no chapter Natural gradients"),
        (GOOD.replace("(1.1)", "(1)"), r"nothing has the number \(1\.1\)$"),
        (GOOD.replace("Figure 1.1", "Figure 1"), "nothing has the number Figure 1\\.1:"),
        (GOOD + "as equation ?? says", "not resolved: as equation ?? says"),
        (GOOD + "\fCheck: derived\n7\n", "on page 7 there is a heading at the foot: Check: derived"),
        (GOOD + "\fDo you have it?\n(a) 1\n7\n\fReplies\n8\n", "on page 7 a self-test is torn from its replies"),
        (GOOD + "\fDo you have it?\n(a) 1\nReplies\n7\n", None),
        (GOOD + '<a href="notebooks.zip">', 'not resolved: <a href="notebooks.zip">'),
    ],
)
def test_what_the_pdf_lacks_is_found(text, gap):
    found = list(check_pdf.gaps(text, ["Natural gradients"], [r"\(1\.1\)$", r"Figure 1\.1:"]))
    assert found == ([gap] if gap else [])


def test_every_chapter_and_numbered_equation_is_looked_for():
    titles, numbers = list(check_pdf.titles()), list(check_pdf.numbers())
    assert titles[:3] == ["Natural gradients", "Mahalanobis distances", "Kullback-Leibler divergence"]
    assert {r"\(1\.1\)$", r"\(2\.4\)$", r"\(3\.36\)$", r"Figure 2\.4:"} <= set(numbers)
