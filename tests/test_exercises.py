"""Every check of an exercise is itself checked: by wrong answers that people give, by right ones, and by the blank."""

import ast
import contextlib
import io
import linecache
import re
from pathlib import Path

import copies
import nbformat
import numpy as np
import pytest
import teacher
import yaml

from natgrad_book import exercise
from natgrad_book.exercise import NotRight

FOLDER = Path(__file__).parents[1] / "chapters" / "exercises"
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in sorted(FOLDER.glob("*.ipynb"))}
ANSWERS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))}
EXERCISES = {name: cells for notebook in NOTEBOOKS.values() for name, cells in copies.exercises(notebook).items()}
TRIED = {name: tried for answers in ANSWERS.values() for name, tried in answers.items()}
BLANKS = {copies.blank(cells["answer"].source) for cells in EXERCISES.values()}
WRONG = [(name, k) for name, tried in TRIED.items() for k in range(len(tried["wrong"]))]
RIGHT = [(name, k) for name, tried in TRIED.items() for k in range(len(tried["right"]))]


def run(source, namespace, name):
    """As a notebook runs a cell: its source can be had."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(compile(source, name, "exec"), namespace)


@pytest.fixture(scope="module")
def opened():
    """What the first cells of a notebook define."""
    found = {}
    with np.printoptions():
        for notebook in NOTEBOOKS.values():
            namespace = {}
            for cell in notebook.cells:
                if cell.cell_type == "code" and cell.id.startswith("setup"):
                    run(cell.source, namespace, cell.id)
            found |= dict.fromkeys(copies.exercises(notebook), namespace)
    return found


def checked(name, answer, opened):
    """What the check prints about an answer; it raises what it finds wrong."""
    namespace = dict(opened[name])
    if answer is not None:
        run(answer, namespace, f"<{name}>")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(EXERCISES[name]["check"].source, namespace, f"<check of {name}>")
    return printed.getvalue()


@pytest.mark.parametrize(("name", "k"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, k, opened, monkeypatch):
    tried = TRIED[name]["wrong"][k]
    answer = tried["answer"]
    if "while True" in answer:
        monkeypatch.setitem(exercise.check.__kwdefaults__, "seconds", 1)  # ten are waited for in the browser
    with pytest.raises(NotRight) as told, contextlib.redirect_stdout(io.StringIO()):
        checked(name, answer, opened)
    assert tried["told"].lower() in str(told.value).lower()


@pytest.mark.parametrize(("name", "k"), RIGHT)
def test_a_right_answer_is_right_however_it_is_written(name, k, opened):
    assert re.match(r"Right( on \d+ fresh instances)?: `", checked(name, TRIED[name]["right"][k], opened))


@pytest.mark.parametrize("name", EXERCISES)
def test_a_blank_is_not_answered_yet(name, opened):
    blank = copies.blank(EXERCISES[name]["answer"].source)
    assert "raise NotImplementedError" in blank
    try:
        checked(name, blank, opened)
    except NotImplementedError:  # what a blank that is no function ends in, before the check
        blank = None
    except NotRight:
        pass
    with pytest.raises(NotRight, match=r"^Not answered yet: .*`\.?"):
        checked(name, blank, opened)


@pytest.mark.parametrize("name", EXERCISES)
def test_enough_is_tried(name):
    wrong, right = TRIED[name]["wrong"], TRIED[name]["right"]
    assert len(wrong) >= 2
    assert len(right) >= 2
    own = copies.solution(EXERCISES[name]["answer"].source)
    assert len({"".join(answer.split()) for answer in [own, *right]}) == len(right) + 1
    assert TRIED.keys() == EXERCISES.keys()


def asked(check):
    """The names of the answers that a check looks up."""
    return re.findall(r'"(\w+)"', re.match(r"@check\((.*?)(?:, \w+=|\))", check)[1])


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_a_notebook_of_exercises_keeps_its_form(stem):
    found = copies.exercises(NOTEBOOKS[stem])
    assert len(found) >= 6
    assessed = [copies.tagged(cells["text"], "assessment") for cells in found.values()]
    assert 0.2 <= sum(assessed) / len(found) <= 0.4  # the solutions of about two thirds are published
    for letter, (name, cells) in zip("abcdefghijklmno", found.items(), strict=False):
        assert name.startswith(f"ex-{stem[0]}-")
        text = cells["text"].source
        assert text.startswith(f"({name})=\n## {stem[0]}{letter} "), name
        line = re.search(r"^(★{1,3}) · \d+ minutes · \{numref\}`sec-\d-\d+`( · for assessment)?$", text, re.MULTILINE)
        assert line, name
        assert bool(line[2]) == copies.tagged(cells["text"], "assessment")
        for kind in ("answer", "check"):
            assert cells[kind].id == cells[kind].metadata.nbgrader.grade_id == f"{name}-{kind}"
        assert cells["check"].metadata.nbgrader.locked
        assert cells["check"].metadata.nbgrader.points == len(line[1])
        assert cells["answer"].metadata.nbgrader.solution
        assert all(f"`{answer}" in text for answer in asked(cells["check"].source)), f"{name}: the text names it"
        assert cells["hints"].source.count("<details>") <= 3


def test_the_copies_hide_what_they_should():
    for notebook in NOTEBOOKS.values():
        shown = nbformat.writes(copies.page(notebook))
        assert "SOLUTION" not in shown
        for name, cells in copies.exercises(notebook).items():
            is_shown = f'"{name}-solution"' in shown
            assert is_shown != copies.tagged(cells["text"], "assessment")
        assert "-solution" not in nbformat.writes(copies.student(notebook))
        assert not any(cell.get("outputs") for cell in copies.student(notebook).cells)


def handed_in(notebook, answers):
    made = copies.student(notebook)
    for name, cells in copies.exercises(made).items():
        cells["answer"].source = answers.get(name, cells["answer"].source)
    return made


def points(notebook):
    """Which exercises a run of the whole notebook finds right."""
    namespace, right = {}, set()
    with contextlib.redirect_stdout(io.StringIO()), np.printoptions():
        for cell in notebook.cells:
            if cell.cell_type == "code":
                try:
                    run(cell.source, namespace, cell.id)
                except Exception:
                    continue
                if cell.id.endswith("-check"):
                    right.add(cell.id.removesuffix("-check"))
    return right


def programs(notebook):
    """What its code cells do, with their ids."""
    return [(cell.id, ast.dump(ast.parse(cell.source))) for cell in notebook.cells if cell.cell_type == "code"]


def test_what_comes_back_in_disorder_can_be_graded():
    notebook = NOTEBOOKS["1_natural_gradients"]
    answers = {name: TRIED[name]["right"][0] for name in ("ex-1-slope", "ex-1-prices", "ex-1-steepest")}
    back = handed_in(notebook, answers)
    cells = copies.exercises(back)
    wrong = copies.copy.deepcopy(cells["ex-1-slope"]["answer"])  # twice, the wrong one first
    wrong.source = TRIED["ex-1-slope"]["wrong"][0]["answer"]
    back.cells.insert(3, wrong)
    back.cells.remove(cells["ex-1-prices"]["check"])
    back.cells.remove(cells["ex-1-steepest"]["answer"])
    back.cells.append(cells["ex-1-steepest"]["answer"])
    assert points(back) < answers.keys()
    mended = copies.mended(back, notebook)
    nbformat.validate(mended)
    assert points(mended) == answers.keys()
    for once in (copies.grade_id, lambda cell: cell.source):
        values = [once(cell) for cell in mended.cells if once(cell) and cell.source not in BLANKS]
        assert len(set(values)) == len(values)


def test_an_answer_cannot_replace_its_check():
    notebook = NOTEBOOKS["1_natural_gradients"]
    back = handed_in(notebook, {})
    copies.exercises(back)["ex-1-slope"]["check"].source = "pass"
    assert "ex-1-slope" in points(back)
    assert points(copies.mended(back, notebook)) == set()


def test_the_teacher_gets_every_solution_and_knows_who_changed_what(tmp_path, capsys):
    teacher.write(tmp_path)
    for path in FOLDER.glob("*.ipynb"):
        given = nbformat.read(tmp_path / path.name, as_version=4)
        assert "SOLUTION" not in nbformat.writes(given)
        # But for comments these are the cells that are stored; what is stored of a check is run beside this.
        assert programs(given) == programs(NOTEBOOKS[path.stem])
        for cells in copies.exercises(given).values():
            assert re.match(r"Right( on \d+ fresh instances)?: `", cells["check"].outputs[0].text)
    given = nbformat.read(tmp_path / "1_natural_gradients.ipynb", as_version=4)
    assert points(given) == copies.exercises(given).keys()
    assert all(f"`{name}`" in (tmp_path / "rubric.md").read_text(encoding="utf-8") for name in EXERCISES)

    back = handed_in(NOTEBOOKS["1_natural_gradients"], {"ex-1-prices": 'guess = "c"'})
    back.metadata["natgrad"] = {"right": ["ex-1-prices"], "date": "2026-01-01", "nonce": "0", "code": ""}
    files = [tmp_path / name for name in ("none.ipynb", "own.ipynb", "other.ipynb")]
    nbformat.write(back, files[0])
    back.metadata["natgrad"]["code"] = copies.code(back)
    nbformat.write(back, files[1])
    copies.exercises(back)["ex-1-prices"]["answer"].source = 'guess = "a"'
    nbformat.write(back, files[2])
    teacher.receive(tmp_path / "received", files)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("none.ipynb has no code.")
    assert said[1] == "own.ipynb has its code. It was right there: ex-1-prices."
    assert said[2].startswith("other.ipynb was changed after its code was made.")
    assert points(nbformat.read(tmp_path / "received" / "own.ipynb", as_version=4)) == {"ex-1-prices"}


def test_the_names_of_answers_are_told_apart():
    # Checks find answers by name, wherever they stand in a notebook.
    for notebook in NOTEBOOKS.values():
        names = [name for cells in copies.exercises(notebook).values() for name in asked(cells["check"].source)]
        assert len(set(names)) == len(names)


def test_every_page_of_exercises_is_in_the_book_and_its_chapter_leads_there():
    toc = yaml.safe_load((FOLDER.parents[1] / "_toc.yml").read_text())
    listed = [page["file"] for part in toc["parts"] for page in part["chapters"]]
    for stem in NOTEBOOKS:
        assert f"chapters/exercises/{stem}" in listed
        chapter = nbformat.read(FOLDER.parent / f"{stem}.ipynb", as_version=4)
        assert f"{{doc}}`exercises/{stem}`" in chapter.cells[-1].source


def in_namespace(**names):
    """A check made of a trial, as a cell makes it."""

    def apply(decorator, body):
        namespace = {"same": exercise.same, **names}
        exec(f"def trial(rng, answer):\n    {body}", namespace)
        return decorator(namespace["trial"])

    return apply


def test_an_answer_of_one_instance_is_told_apart():
    def answer(x):
        return 4

    with pytest.raises(NotRight, match=r"`answer` doesn't use `x`"):
        in_namespace(answer=answer)(exercise.check("answer"), "same(answer(3), 6)")


def test_an_endless_loop_is_stopped_even_if_it_catches_errors():
    namespace = {}
    loop = "while True:\n        try:\n            sum(range(9))\n        except Exception:\n            pass"
    exec(f"def answer():\n    {loop}\ndef trial(rng, answer):\n    answer()", namespace)
    with pytest.raises(NotRight, match=r"Stopped after 0\.2 seconds of computing"):
        exercise.check("answer", seconds=0.2)(namespace["trial"])


def test_jupyter_shows_the_sentence_alone():
    assert NotRight("Not yet.")._render_traceback_() == ["Not yet."]


@pytest.mark.parametrize(
    ("got", "right", "told"),
    [
        (None, 1, "is there a `return`"),
        ("a", 1, "not a number"),
        ([1, 2], 1, r"has the shape \(2,\), but a number is asked for"),
        (float("nan"), 1, "gives nan, but 1 is right"),
        ([[1], [2]], [1, 2], "shape"),
        (1 + 1e-5, 1, "is right"),
        (1e-4, 0, "is right"),
    ],
)
def test_what_is_not_the_same_is_refused(got, right, told):
    with pytest.raises(AssertionError, match=told):
        exercise.same(got, right)


def test_what_is_the_same_is_accepted():
    for got, right in [(1, 1.0), ([1, 2], np.array([1, 2])), (1 + 1e-9, 1), (True, True), (1e-12, 0)]:
        exercise.same(got, right)
