"""What is made of the pages: nothing from other hosts, formulas that are set, words that describe a page."""

import frame
import pytest
from docutils import nodes

FOREIGN = [
    '<script src="https://example.org/a.js"></script>',
    "<script src='//example.org/a.js'></script>",
    '<link rel="stylesheet" href="https://example.org/a.css">',
    '<link rel="preconnect" href="https://example.org">',
    '<link href="https://example.org/a.css">',
    '<img src="HTTP://example.org/a.png">',
    '<img srcset="a.png, https://example.org/b.png 2x">',
    '<iframe src="https://example.org"></iframe>',
    '<form action="https://example.org/search"></form>',
    '<svg><image href="https://example.org/a.svg"/></svg>',
    '<p style="background: url(https://example.org/a.png)">',
    "<style>@import '//example.org/a.css';</style>",
    "<style>p { background: url( 'https://example.org/a.png' ) }</style>",
]
OWN = [
    '<script src="_static/a.js"></script>',
    '<a href="https://example.org">a link that somebody follows</a>',
    '<link rel="canonical" href="https://example.org/a.html">',
    '<img src="data:image/png;base64,//8=">',
    "<style>p { background: url(a.png) }</style>",
    "<pre>&lt;script src='https://example.org/a.js'&gt;</pre>",
]


@pytest.mark.parametrize("tag", FOREIGN)
def test_what_would_be_loaded_from_another_host_is_found(tag):
    assert frame.Tags(f"<p>text</p>{tag}<p>text</p>").found


@pytest.mark.parametrize("tag", OWN)
def test_what_is_not_loaded_from_another_host_is_left_alone(tag):
    assert not frame.Tags(tag).found


def test_formulas_are_set_with_what_screen_readers_read():
    html = frame.typeset(r"\sigma_{\min} \le \frac{1}{2}", True)
    assert 'class="katex-display"' in html
    assert "<mfrac>" in html
    assert r"\sigma_{\min}" in html  # what is copied
    assert "<mo>\u2061</mo></msub>" not in html  # which is no valid MathML


def test_a_wrong_formula_is_reported():
    assert "error" in frame.typeset(r"\frac{1", False)
    assert "error" in frame.typeset(r"\unknown", False)


def test_a_page_is_described_by_its_first_paragraph_of_words():
    document = nodes.section("", nodes.title("", "Title"), nodes.paragraph("", "Too short."))
    document += nodes.paragraph("", "", nodes.Text("A formula " * 10), nodes.math("", "x"))
    document += nodes.paragraph("", "One sentence says what this page is about, in so many words. " * 3)
    text = frame.description(document)
    assert text.startswith("One sentence")
    assert text.endswith("words. …")
    assert len(text) <= 160


def test_a_formula_keeps_its_comma_and_no_other_loses_its_own():
    paragraph = nodes.paragraph()
    for text in ("a", ".", "a", ".", "a + b", ".", "a", " and so on."):
        paragraph += nodes.Text(text) if text[0] in ". " else nodes.math(text, text)
    paragraph += [nodes.reference("", "", nodes.math("a", "a")), nodes.Text(", linked")]
    before = paragraph.astext()
    frame.keep_together(None, paragraph, "")
    assert paragraph.astext() == before
    assert [node.astext() for node in paragraph.findall(nodes.inline)] == ["a.", "a.", "a,"]
