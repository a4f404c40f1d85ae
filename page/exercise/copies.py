"""The copies of an exercise notebook: it is written with its solutions, read without, and comes back answered."""

import copy
import hashlib
import re

from nbformat.v4 import new_code_cell

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?### END SOLUTION", re.DOTALL | re.MULTILINE)
MARKER = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION\n?", re.MULTILINE)
BLANK = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"  # as nbgrader has it


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def blank(source):
    """An answer cell as its reader finds it."""
    return SOLUTION.sub(BLANK, source)


def solution(source):
    """An answer cell with its solution, and without the marks."""
    return MARKER.sub("", source).rstrip("\n")


def exercises(notebook):
    """The cells of each exercise: id -> kind of cell (text, answer, check, perhaps hints) -> cell."""
    found = {}
    for cell in notebook.cells:
        if tagged(cell, "exercise"):
            current = found[cell.id] = {"text": cell}
        for kind in ("answer", "check", "hints"):
            if tagged(cell, kind):
                current[kind] = cell
    return found


def student(notebook):
    """What is handed out: nothing answered, nothing run."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if tagged(cell, "answer"):
            cell.source = blank(cell.source)
    return made


def page(notebook):
    """What a page of the book is made from: the student's copy, and the solutions that are not for assessment."""
    made = student(notebook)
    for name, exercise in exercises(notebook).items():
        if not tagged(exercise["text"], "assessment"):
            code = new_code_cell(solution(exercise["answer"].source), id=f"{name}-solution")
            code.metadata["tags"] = ["solution"]
            last = list(exercise.values())[-1].id
            made.cells.insert([cell.id for cell in made.cells].index(last) + 1, code)
    return made


def teacher(notebook):
    """What only the teacher has: all solutions, as one would write them, with what the checks say."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if tagged(cell, "answer"):
            cell.source = solution(cell.source)
    return made


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def mended(submitted, notebook):
    """What was handed in, so that it can be graded, however its cells were duplicated, split, moved or lost.

    The checks find answers by their names. So all that was written comes first, in its order, and then every check.
    """
    made = student(notebook)
    given = {cell.source for cell in made.cells if cell.cell_type == "code" and not tagged(cell, "answer")}
    written, seen = [], set()
    for cell in submitted.cells:
        if cell.cell_type != "code" or cell.source in given or grade_id(cell).endswith("-check"):
            continue
        cell = copy.deepcopy(cell)
        if grade_id(cell) in seen:
            cell.metadata.pop("nbgrader", None)
        seen.add(grade_id(cell))
        cell.id = f"written-{len(written)}"
        written.append(cell)
    checks = [cells["check"] for cells in exercises(made).values()]
    first = [cell for cell in made.cells if cell.source in given and cell not in checks]
    made.cells = [*first, *written, *checks]
    return made


def code(submitted):
    """The code of a notebook that a page made: of what it claims to be right, its date, a nonce, and the answers."""
    claim = submitted.metadata["natgrad"]
    answers = {cell.id: cell.source for cell in submitted.cells if cell.id.endswith("-answer")}
    parts = [*claim["right"], claim["date"], claim["nonce"], *(answers[name] for name in sorted(answers))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]
