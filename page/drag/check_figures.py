"""What natgrad says about the states in which check_figures.mjs found the figures: reads them from standard input.

What is right says `shown` in the file beside each figure: figures/ball.py for natgrad-ball.
Each shown number must be the right one, rounded to the digits shown. Prints one line per disagreement.
"""

import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np

NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e-?\d+)?|inf)")
FIGURES = Path(__file__).parent / "figures"


def disagreements(text, exact):
    """Compare the numbers in a text with others, each within half a unit of its last digit."""
    shown, exact = NUMBER.findall(text), np.ravel(exact)
    if len(shown) != len(exact):
        return [f"{text!r} should hold {exact.tolist()}"]
    wrong = []
    for one, right in zip(shown, exact, strict=True):
        mantissa, _, power = one.partition("e")
        unit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
        if not abs(float(one) - right) <= 0.5 * unit * (1 + 1e-6):
            wrong.append(f"{one} in {text!r} should be {right:.8g}")
    return wrong


oracles = {f"natgrad-{path.stem}": runpy.run_path(path)["shown"] for path in FIGURES.glob("*.py")}

for found in json.load(sys.stdin):
    inputs = {name: handle["value"] for name, handle in found["inputs"].items()}
    for handle in found["inputs"].values():
        for wrong in disagreements(handle["text"], handle["value"]):
            print(f"{found['tag']}, {found['what']}: {wrong}")
    for name, wanted in found.get("expected", {}).items():
        if not np.allclose(inputs[name], wanted, rtol=0, atol=1e-9):
            print(f"{found['tag']}, {found['what']}: {name} is at {inputs[name]}, not at {wanted}")
    try:
        for text, exact in oracles[found["tag"]](
            found["start"], found["state"], inputs, found["rows"], found["message"]
        ):
            for wrong in disagreements(text, exact):
                print(f"{found['tag']}, {found['what']}: {wrong}")
    except AssertionError as error:
        print(f"{found['tag']}, {found['what']}: {error}")
