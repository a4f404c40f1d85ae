"""Whether the PDF is whole: what LaTeX complained of, and whether its text has all that the book has."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).parents[2]
PDF = ROOT / "_build" / "latex" / "natural-gradients.pdf"
# What nobody sees: a third of a millimetre at the side, two at the foot of a page.
TOLERATED = {"h": 1.0, "v": 6.0}
WRONG = re.compile(
    r"^! .*|.*Missing character.*|.*undefined on input line.*|.*undefined references.*|.*multiply[- ]defined.*"
    r"|.*No hyperlink target.*|.*has been referenced but does not exist.*|.*Rerun to get.*",
    re.MULTILINE,
)
OVERFULL = re.compile(r"^Overfull \\([hv])box \(([0-9.]+)pt too .*", re.MULTILINE)
EQUATION = re.compile(r"\$\$.+?\$\$[ \t]*\(eq-", re.DOTALL)


def complaints(log):
    """What is wrong in the log of LaTeX."""
    yield from (match[0] for match in WRONG.finditer(log))
    for match in OVERFULL.finditer(log):
        if float(match[2]) > TOLERATED[match[1]]:
            yield match[0]


def titles(root=ROOT):
    """The title of each chapter, as it begins in the source. Slides are not printed here."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    files = (chapter["file"] for part in toc["parts"] for chapter in part["chapters"])
    for file in (file for file in files if "/slides/" not in file):
        (path,) = root.glob(f"{file}.[im]*")
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = nbformat.reads(text, as_version=4).cells[0].source
        yield re.search(r"^# (.+)$", text, re.MULTILINE)[1]


def numbers(root=ROOT):
    """The numbers of all equations and figures of the numbered chapters."""
    for path in sorted(root.glob("chapters/[0-9]_*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        equations = sum(len(EQUATION.findall(cell.source)) for cell in cells if cell.cell_type == "markdown")
        figures = sum("figure" in cell.metadata.get("mystnb", {}) for cell in cells)
        yield from (rf"\({path.name[0]}\.{k}\)$" for k in range(1, equations + 1))
        yield from (rf"Figure {path.name[0]}\.{k}:" for k in range(1, figures + 1))


def gaps(text, titles, numbers):
    """What the text of the PDF lacks, and what it should not have."""
    for title in titles:
        if not re.search(rf"^\f?\s*(\d\s+)?{re.escape(title)}$", text, re.MULTILINE):
            yield f"no chapter {title}"
    for number in numbers:
        if not re.search(number, text, re.MULTILINE):
            yield f"nothing has the number {number}"
    for match in re.finditer(r".*(\?\?|\[\?\]|</?(a|div|p|span)\b|\ufffd).*", text):
        yield f"not resolved: {match[0].strip()}"
    for page in text.split("\f"):
        lines = [line.strip() for line in page.splitlines() if line.strip()]
        *lines, last = lines or [""]  # the number of the page
        if lines and lines[-1].startswith("Check:"):
            yield f"on page {last} there is a heading at the foot: {lines[-1]}"
        if "Do you have it?" in lines and "Replies" not in lines[lines.index("Do you have it?") :]:
            yield f"on page {last} a self-test is torn from its replies"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    if not PDF.exists():
        print(f"There is no {PDF.name}:", file=sys.stderr)
    log = PDF.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    problems = list(complaints(log))
    if PDF.exists():
        text = run("pdftotext", "-layout", str(PDF), "-")
        problems += gaps(text, titles(), numbers())
        problems += [f"not a vector graphic: {line}" for line in run("pdfimages", "-list", str(PDF)).splitlines()[2:]]
    print(*(f"  {problem}" for problem in problems), sep="\n", end="\n" if problems else "", file=sys.stderr)
    if problems or not PDF.exists():
        sys.exit(f"FAILED  PDF: {len(problems)} problems, see {PDF.with_suffix('.log')}")
    print(f"passed  PDF: {text.count(chr(12))} pages with all chapters, equations and figures, and nothing cut off")


if __name__ == "__main__":
    main()
