"""The copies of an exercise notebook: it is written with its solutions, and read without."""

import copy
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
