"""The teacher's folder, and what was handed in.

`python teacher.py FOLDER` writes the notebooks with all solutions, and a rubric.
`python teacher.py FOLDER NOTEBOOK ...` says of notebooks that came back whether their code belongs to them, and puts
them into the folder so that nbgrader can grade them: every check is there, and finds the answers by their names.
"""

import re
import sys
from pathlib import Path

import copies
import nbformat
import yaml

EXERCISES = Path(__file__).parents[2] / "chapters" / "exercises"

RUBRIC = """\
# Rubric

All points go to an answer that its check accepts. What people get wrong, and what they are told, is listed below.
"""


def rubric():
    parts = [RUBRIC]
    for path in sorted(EXERCISES.glob("*.ipynb")):
        tried = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
        for name, cells in copies.exercises(nbformat.read(path, as_version=4)).items():
            title = re.search("^## (.+)$", cells["text"].source, re.MULTILINE)[1]
            minutes = re.search(r"· (\d+) minutes", cells["text"].source)[1]
            points = cells["check"].metadata.nbgrader.points
            assessed = ", for assessment" if copies.tagged(cells["text"], "assessment") else ""
            parts.append(f"## {title}\n\n`{name}`: points {points}, minutes {minutes}{assessed}.\n")
            for wrong in tried[name]["wrong"]:
                parts.append(f"*{wrong['told']}:*\n\n```python\n{wrong['answer'].strip()}\n```\n")
    return "\n".join(parts)


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(EXERCISES.glob("*.ipynb")):
        nbformat.write(copies.teacher(nbformat.read(path, as_version=4)), folder / path.name)
    (folder / "rubric.md").write_text(rubric(), encoding="utf-8")


def receive(folder, paths):
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        submitted = nbformat.read(path, as_version=4)
        claim = submitted.metadata.get("natgrad")
        if claim is None or not claim["code"]:
            said = "has no code"
        else:
            said = "has its code" if copies.code(submitted) == claim["code"] else "was changed after its code was made"
        stem = next(
            stem for stem in (p.stem for p in EXERCISES.glob("*.ipynb")) if f"-{stem[0]}-" in answer_of(submitted)
        )
        whole = nbformat.read(EXERCISES / f"{stem}.ipynb", as_version=4)
        nbformat.write(copies.mended(submitted, whole), folder / path.name)
        right = ", ".join(claim["right"]) if claim else ""
        print(f"{path.name} {said}." + (f" It was right there: {right}." if right else ""))


def answer_of(notebook):
    """The name of one exercise of a notebook."""
    return next(copies.grade_id(cell) for cell in notebook.cells if copies.grade_id(cell).startswith("ex-"))


if __name__ == "__main__":
    folder, *handed_in = map(Path, sys.argv[1:])
    receive(folder, handed_in) if handed_in else write(folder)
