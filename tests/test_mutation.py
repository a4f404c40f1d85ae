"""The ledger of mutants that nothing can notice, and the results that pages show, speak of code that is there."""

import json

import ledger

TEXT = ledger.PATH.read_text(encoding="utf-8")


def test_no_entry_of_the_ledger_speaks_of_code_that_is_gone():
    assert not list(ledger.gone(ledger.read(TEXT))), "python tests/mutation/ledger.py strikes these out"


def test_results_are_of_modules_and_chapters_that_exist():
    results = json.loads(ledger.PATH.with_name("results.json").read_text(encoding="utf-8"))
    for part, pattern in {"package": "natgrad/{}.py", "cells": "chapters/{}.ipynb"}.items():
        assert not [name for name in results[part] if not (ledger.ROOT / pattern.format(name)).exists()]


def test_entries_whose_code_is_gone_are_found():
    cell = next(entry.split(": ")[1] for entry in ledger.read(TEXT) if entry.startswith("errata: "))
    right = {"steepest.py: import numpy as np → import numpy", "steepest.py: import numpy as np"}
    wrong = {
        "steepest.py: import sympy as np → 1",
        "no_such.py: x → y",
        "errata: no-such: x → y",
        f"errata: {cell}: ☃ → 1",
    }
    assert set(ledger.gone(right | wrong)) == wrong


def test_struck_entries_leave_the_others_and_no_empty_reason():
    entries = list(ledger.read(TEXT))
    gone = entries[::2]
    left = ledger.read(ledger.without(TEXT, gone))
    assert left == {entry: reason for entry, reason in ledger.read(TEXT).items() if entry not in gone}
    assert not ledger.without(TEXT, entries).count("reason =")
