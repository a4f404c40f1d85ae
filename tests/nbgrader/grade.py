"""The exercises go through the real nbgrader: handed out, answered in many ways, handed in, and graded.

`python grade.py` needs what requirements.txt beside it lists. `python grade.py 2` tries only two wrong answers of each
exercise, and so on.
"""

import copy
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "page" / "exercise"))

import copies  # noqa: E402
import nbformat  # noqa: E402
import yaml  # noqa: E402
from nbgrader.api import Gradebook  # noqa: E402

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by name
NAME = "exercises"
SOURCES = {path.stem: nbformat.read(path, as_version=4) for path in sorted((ROOT / "chapters" / NAME).glob("*.ipynb"))}
TRIED = {
    name: tried
    for stem in SOURCES
    for name, tried in yaml.safe_load((ROOT / "chapters" / NAME / f"{stem}.yml").read_text(encoding="utf-8")).items()
}


def nbgrader(command, folder):
    run = subprocess.run([sys.executable, "-m", "nbgrader", command, NAME], cwd=folder, capture_output=True, text=True)
    print(*(line for line in run.stderr.splitlines() if "ERROR" in line), sep="\n", end="")
    if run.returncode:
        sys.exit(f"nbgrader {command} failed:\n{run.stderr}")


def answered(released, answers):
    """A student's copy in which the cells of these exercises are filled in."""
    made = copy.deepcopy(released)
    for cell in made.cells:
        name = copies.grade_id(cell).removesuffix("-answer")
        if copies.tagged(cell, "answer") and name in answers:
            cell.source = answers[name]
    return made


def shaken(notebook):
    """What comes back from students: an answer twice, one in two cells, one below its check, and a check lost."""
    made = copy.deepcopy(notebook)
    places = {copies.grade_id(cell): k for k, cell in enumerate(made.cells)}
    names = [name.removesuffix("-answer") for name in places if name.endswith("-answer")]
    twice, apart, below, lost = names[:4]
    cells = {name: made.cells[k] for name, k in places.items() if name}
    # First a wrong one, which the right one comes after; both have the same grade id.
    wrong = copy.deepcopy(cells[f"{twice}-answer"])
    wrong.source = TRIED[twice]["wrong"][0]["answer"]
    made.cells.insert(made.cells.index(cells[f"{twice}-answer"]), wrong)
    extra = copy.deepcopy(cells[f"{apart}-answer"])
    extra.source, extra.metadata = "helper = 1", {}
    made.cells.insert(made.cells.index(cells[f"{apart}-answer"]), extra)
    moved = cells[f"{below}-answer"]
    made.cells.remove(moved)
    made.cells.append(moved)
    made.cells.remove(cells[f"{lost}-check"])
    return made


def hand_in(folder, student, notebooks):
    target = folder / "submitted" / student / NAME
    target.mkdir(parents=True)
    for stem, notebook in notebooks.items():
        nbformat.write(notebook, target / f"{stem}.ipynb")


def main(most):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'natgrad'\nc.ExecutePreprocessor.timeout = 300\n"
        )
        source = folder / "source" / NAME
        source.mkdir(parents=True)
        for stem, notebook in SOURCES.items():
            nbformat.write(notebook, source / f"{stem}.ipynb")
        nbgrader("generate_assignment", folder)
        released = {stem: nbformat.read(folder / "release" / NAME / f"{stem}.ipynb", as_version=4) for stem in SOURCES}
        for stem, notebook in released.items():
            own = [(cell.id, cell.source) for cell in copies.student(SOURCES[stem]).cells]
            assert own == [(cell.id, cell.source) for cell in notebook.cells], f"{stem}: nbgrader makes another copy"

        right = {name: tried["right"][0] for name, tried in TRIED.items()}
        students = {"blank": {}, "right": right, "other": {name: tried["right"][1] for name, tried in TRIED.items()}}
        for k in range(most):
            students[f"wrong-{k}"] = right | {
                name: tried["wrong"][k]["answer"] for name, tried in TRIED.items() if k < len(tried["wrong"])
            }
        for student, answers in students.items():
            hand_in(folder, student, {stem: answered(notebook, answers) for stem, notebook in released.items()})
        back = {stem: shaken(answered(notebook, right)) for stem, notebook in released.items()}
        mended = {stem: copies.mended(notebook, SOURCES[stem]) for stem, notebook in back.items()}
        hand_in(folder, "shaken", mended)
        nbgrader("autograde", folder)

        counts = {"refused": 0, "accepted": 0}
        with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
            for student in [*students, "shaken"]:
                for stem in SOURCES:
                    graded = {
                        grade.name.removesuffix("-check"): (grade.score, grade.max_score)
                        for grade in book.find_submission_notebook(stem, NAME, student).grades
                    }
                    assert graded.keys() == copies.exercises(SOURCES[stem]).keys(), (student, stem)
                    for name, (score, full) in graded.items():
                        kind, _, k = student.partition("-")
                        refused = kind == "blank" or (kind == "wrong" and int(k) < len(TRIED[name]["wrong"]))
                        assert score == (0 if refused else full), f"{student}, {name}: {score} of {full} points"
                        counts["refused" if refused else "accepted"] += 1
        points = sum(
            cells["check"].metadata.nbgrader.points for n in SOURCES.values() for cells in copies.exercises(n).values()
        )
        print(
            f"passed  nbgrader: {len(TRIED)} exercises, {points} points; {len(students) + 1} students, "
            f"{counts['refused']} answers refused and {counts['accepted']} accepted, as the page does"
        )


if __name__ == "__main__":
    # Every notebook is run for each of so many wrong answers, of which tests/test_exercises.py tries all.
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
