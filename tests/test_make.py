"""What is tested is this folder, whatever folder its .venv came from, and pytest needs no browser."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path):
    """A copy of the project as far as make looks at it, with a .venv that is up to date."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "installed").write_text(f"{tmp_path}\n")
    return tmp_path


def make(folder, target):
    return subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True).stdout


def test_an_own_environment_is_kept(folder):
    assert "-m venv" not in make(folder, ".venv/installed")


@pytest.mark.parametrize("stamp", ["/another/folder\n", ""])
def test_an_environment_of_another_folder_is_made_anew(folder, stamp):
    (folder / ".venv" / "installed").write_text(stamp)
    commands = make(folder, ".venv/installed")
    assert commands.index("rm -rf .venv") < commands.index("-m venv .venv") < commands.index("--editable .")
    assert "rm -rf" not in make(folder, "help")


def test_pytest_refuses_to_test_the_package_of_another_folder(folder):
    (folder / "natgrad").mkdir()
    (folder / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "test_nothing.py"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 1
    assert f"with natgrad from {ROOT.as_uri()}, not with this folder's" in run.stdout + run.stderr


def test_pytest_comes_before_the_browser():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ntest: ")[1].split("\n\n")[0]
    assert "chromium" not in recipe.splitlines()[0]
    assert recipe.index("-m pytest") < recipe.index(" chromium") < recipe.index("QUICK")
