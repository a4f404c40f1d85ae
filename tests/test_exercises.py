"""Every check of an exercise is itself checked: by wrong answers that people give, by right ones, and by the blank."""

import contextlib
import io
import linecache
import re
from pathlib import Path

import copies
import nbformat
import numpy as np
import pytest
import yaml

from natgrad import exercise
from natgrad.exercise import NotRight

FOLDER = Path(__file__).parents[1] / "chapters" / "exercises"
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in sorted(FOLDER.glob("*.ipynb"))}
ANSWERS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))}
EXERCISES = {name: cells for notebook in NOTEBOOKS.values() for name, cells in copies.exercises(notebook).items()}
TRIED = {name: tried for answers in ANSWERS.values() for name, tried in answers.items()}
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
def test_a_wrong_answer_is_told_what_is_wrong(name, k, opened):
    tried = TRIED[name]["wrong"][k]
    answer = tried["answer"]
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
        answered = set(re.findall(r'"(\w+)"', re.match(r"@check\((.*?)(?:, \w+=|\))", cells["check"].source)[1]))
        assert all(f"`{answer}" in text for answer in answered), f"{name}: the text names what to write"
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
    with pytest.raises(NotRight, match=r"Stopped after 0\.2 seconds"):
        exercise.check("answer", seconds=0.2)(namespace["trial"])


def test_jupyter_shows_the_sentence_alone():
    assert NotRight("Not yet.")._render_traceback_() == ["Not yet."]


@pytest.mark.parametrize(
    ("got", "right", "told"),
    [
        (None, 1, "is there a `return`"),
        ("a", 1, "not a number"),
        ([1, 2], 1, r"has the shape \(2,\), but \(\) is asked for"),
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
