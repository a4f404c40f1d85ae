"""Why no check can or need notice some mutants: `equivalent_mutants.toml`.

python tests/mutation/ledger.py     strikes out the entries whose code is gone
"""

import functools
import io
import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = Path(__file__).with_name("equivalent_mutants.toml")


def read(text):
    """Each mutant that has a reason, with it, and with whether a sharper check could notice it."""
    groups = tomllib.loads(text)["equivalent"]
    return {
        mutant: (group["reason"], group.get("noticeable", False)) for group in groups for mutant in group["mutants"]
    }


@functools.cache
def cells_of(path):
    """The cells of a notebook, which is read once for all of them."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []


def source(where):
    """What a mutant is one of: a module of natgrad, or a cell of a notebook; nothing if that is gone."""
    module, *cell = where.split(": ")
    if not cell:
        path = ROOT / "natgrad" / module
        return path.read_text(encoding="utf-8") if path.exists() else ""
    cells = cells_of(ROOT / "chapters" / f"{module}.ipynb")
    return "".join(line for one in cells if one["id"] == cell[0] for line in one["source"])


def gone(mutants):
    """Those whose line is no longer in the code."""
    sources = {}
    for mutant in mutants:
        where, line = re.fullmatch(r"(\w+\.py|\w+: [\w-]+): (.*)", mutant).groups()
        if where not in sources:
            sources[where] = " ".join(source(where).split())
        if line.split(" → ")[0] not in sources[where] or not sources[where]:
            yield mutant


def without(text, mutants):
    """The ledger without some of its mutants, and without reasons that are left with none."""
    struck = {f"    {quote}{mutant}{quote},\n" for mutant in mutants for quote in ("'", '"')}
    text = "".join(line for line in io.StringIO(text) if line not in struck)
    return re.sub(r"\n\[\[equivalent\]\]\n(?:\w+ = .*\n)*mutants = \[\n\]\n", "", text)


if __name__ == "__main__":
    old = PATH.read_text(encoding="utf-8")
    struck = list(gone(read(old)))
    PATH.write_text(without(old, struck), encoding="utf-8")
    print(f"{len(struck)} of {len(read(old))} entries are struck out, because their code is gone")
    print(*list(gone(read(PATH.read_text(encoding="utf-8")))), sep="\n")
