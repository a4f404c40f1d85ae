"""The page of measurements: gates, tables and figures, all made from `benchmarks/results.json`.

`benchmarks/bench.py` measures and writes that file; no number is typed here.
The first half of this file needs no Sphinx; the second half puts it on the page.
"""

import json
import operator
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from natgrad import figures

DATA = Path(__file__).parents[2] / "benchmarks" / "results.json"

TITLES = {
    "squared_norms": "Squared Mahalanobis norms",
    "natural_gradient": "Natural gradient, dense",
    "batched": "Natural gradients, many small ones",
    "low_rank": "Natural gradient, low rank plus damping",
    "empirical_fisher": "Empirical Fisher matrix",
    "kl": "Kullback-Leibler divergence",
    "quadrature": "Fisher matrix by quadrature",
    "cost_law": "Growth with the number of vectors",
    "import_time": "Import",
    "kl_digits": "Kullback-Leibler divergence of close distributions",
    "hard_cases": "Hard cases",
}
# The first word of a contender names its library; each has a colour and a shape.
LIBRARIES = {
    "numpy": ("ink", "s"),
    "scipy": ("ball", "D"),
    "torch": ("gradient", "o"),
    "scikit-learn": ("accent", "^"),
    "ngboost": ("wrong", "v"),
}


# Gates


class Gate(NamedTuple):
    """What one figure of one case has to be: the time of a peer over natgrad's, a key
    of FIGURES, or a key of the row itself."""

    job: str
    case: str
    figure: str
    sign: str
    bound: float


def gates(job, sign, figure, bounds):
    return [Gate(job, case, figure, sign, bound) for case, bound in bounds.items()]


FIGURES = {
    "best peer": lambda row: min(row["ratio"].values()),
    "time / floor": lambda row: row["seconds"]["natgrad"] / row["floor"],
    "memory beyond the result": lambda row: (
        row["memory"] - row["output"] if "memory" in row else row["memory beyond the result"]
    ),
    "error": lambda row: row["error"]["natgrad"],
    "worst error": lambda row: float(np.max(row["error"]["natgrad"])),
}
UNITS = {
    "time / floor": "",
    "error": "",
    "worst error": "",
    "memory beyond the result": " MiB",
    "beyond N² + 3d": " MiB",
    "milliseconds over numpy": " ms",
    "time per item, most over least": "",
}
FAMILIES = [
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "MultivariateGaussian",
    "Poisson",
    "Exponential",
    "Gamma",
    "Beta",
    "StudentT",
]
NORMS = {
    "10⁶ × 2": 4,
    "10⁶ × 5": 2.4,
    "10⁶ × 10": 2.4,
    "10⁵ × 100": 10,
    "10⁴ × 1000": 20,
}
BEST_NORMS = {**dict.fromkeys([*NORMS, "3·10⁵ × 32"], 1.8), "10⁴ × 1000": 1.1}
SOLVES = {"d = 10": 2.3, "d = 100": 2.3, "d = 1000": 1.7, "d = 3000": 2.5}
BATCHED = {f"10⁵ of {k} × {k}": 4 if k == 2 else 1.5 for k in (2, 5, 12, 20)}
SCORES = ["10⁶ × 2", "10⁶ × 10", "2·10⁵ × 50", "10⁵ × 200", "10⁴ × 2000"]
STREAM = "10⁶ observations"
PAIRS = ["10⁶ pairs, 0.3 apart", "10⁶ pairs, 0.01 apart"]
MULTIVARIATE = {"10⁵ pairs in 3 dimensions": 5, "10⁴ pairs in 20 dimensions": 1.4}
LOW_RANK = {"d = 10⁵, N = 500": 1.3}
DAMPED = [f"low rank, damping {x}" for x in ("1e-02", "1e-10", "1e-14")]
QUADS = ["Gaussian", "Exponential", "Gamma", "Beta", "StudentT"]
SUMS = ["Bernoulli", "Categorical", "Poisson"]
MEMORY = "memory beyond the result"

GATES = [
    *gates("squared_norms", "≥", "scipy cdist", NORMS),
    *gates("squared_norms", "≥", "best peer", BEST_NORMS),
    *gates("squared_norms", "≤", MEMORY, dict.fromkeys(BEST_NORMS, 4)),
    *gates("natural_gradient", "≥", "numpy solve", SOLVES),
    *gates("batched", "≥", "best peer", BATCHED),
    *gates("low_rank", "≥", "torch", LOW_RANK),
    *gates("low_rank", "≤", "time / floor", dict.fromkeys(LOW_RANK, 2)),
    # A quarter of a MiB is as well as memory can be measured.
    *gates("low_rank", "≤", "beyond N² + 3d", dict.fromkeys(LOW_RANK, 0.25)),
    *gates("hard_cases", "≤", "error", dict.fromkeys(DAMPED, 1e-14)),
    *gates("empirical_fisher", "≥", "numpy SᵀS", dict.fromkeys(SCORES, 1 / 1.05)),
    Gate("empirical_fisher", STREAM, "torch.func", "≥", 10),
    Gate("empirical_fisher", STREAM, MEMORY, "≤", 1),
    *gates("kl", "≥", "torch", dict.fromkeys(PAIRS, 1 / 1.35) | MULTIVARIATE),
    *gates("kl_digits", "≤", "worst error", dict.fromkeys(FAMILIES, 1e-13)),
    *gates("quadrature", "≥", "scipy quad", dict.fromkeys(QUADS, 30)),
    *gates("quadrature", "≤", "error", dict.fromkeys([*QUADS, *SUMS], 1e-13)),
    *gates(
        "cost_law",
        "≤",
        "time per item, most over least",
        {"squared norms": 1.25, "streamed Fisher": 1.25},
    ),
    *gates("cost_law", "≤", MEMORY, {"squared norms": 4, "streamed Fisher": 1}),
    Gate("import_time", "import", "milliseconds over numpy", "≤", 10),
]


# Why gates that are missed are left at that, for a figure and cases, or for all.
REASONS = [
    (
        ("squared_norms", "scipy cdist", ["10⁶ × 2"]),
        "It lies about there: above in one run, below in the next.",
    ),
    (
        ("squared_norms", "scipy cdist", ["10⁶ × 10"]),
        "Most of the time is one product of matrices, "
        "which something faster below numpy would shorten, but nothing here.",
    ),
    (
        ("squared_norms", "scipy cdist", ["10⁵ × 100", "10⁴ × 1000"]),
        "The gate was set on a processor on which `cdist` takes about twice as long.",
    ),
    (
        ("squared_norms", MEMORY, ["10⁴ × 1000"]),
        "The factor of the matrix and its inverse take 8 MiB each.",
    ),
    (
        ("natural_gradient", "numpy solve", ["d = 10", "d = 100"]),
        "`solve` of numpy asks neither whether the matrix is symmetric nor whether "
        "it is positive definite; to ask costs more than the arithmetic.",
    ),
    (
        ("natural_gradient", "numpy solve", ["d = 1000", "d = 3000"]),
        "The Cholesky factor is most of the time. One in single precision, with "
        "corrections, was tried and gained a tenth: too little for a second algorithm.",
    ),
    (
        ("batched", "best peer", None),
        "Every matrix is checked, and its factor kept for the next question. A trial that did neither met the gate.",
    ),
    (
        ("kl", "torch", PAIRS),
        "To keep the digits that the peers lose takes more operations than their formulas have.",
    ),
    (
        ("kl", "torch", list(MULTIVARIATE)),
        "Both precisions are checked and factorised, and the quicker formula loses digits of close densities.",
    ),
    (
        ("quadrature", "scipy quad", None),
        "Two rules are compared, for an estimate of the error, and what is left "
        "are calls of numpy. Fewer nodes were tried, and missed other integrands.",
    ),
    (
        ("cost_law", "time per item, most over least", None),
        "The smallest case fits into the cache, and the largest doesn't.",
    ),
]


def reason(gate):
    for (job, figure, cases), text in REASONS:
        if (job, figure) == (gate.job, gate.figure) and gate.case in (cases or [gate.case]):
            return text
    return ""


class Verdict(NamedTuple):
    gate: Gate
    found: float | None
    met: bool


def verdicts(data):
    """Each gate with what was found; a gate without a measurement is not met."""
    return [Verdict(gate, *judge(gate, data)) for gate in GATES]


def judge(gate, data):
    rows = [r for r in data["jobs"].get(gate.job, []) if r["case"] == gate.case]
    try:
        (row,) = rows
        found = look_up(row, gate.figure)
        within = {"≥": operator.ge, "≤": operator.le}[gate.sign]
        return found, bool(within(found, gate.bound))  # False for NaN
    except (TypeError, KeyError, ValueError):
        return None, False


def look_up(row, figure):
    if figure in row.get("ratio", {}):
        return row["ratio"][figure]
    return FIGURES[figure](row) if figure in FIGURES else row[figure]


# In words


def short(x):
    """Two or three significant digits, in the form that suits their size."""
    if x is None:
        return "–"
    if x != 0 and abs(x) < 1e-3:
        return f"{x:.0e}".replace("e-0", "e-")
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.2g}" if abs(x) < 10 else f"{x:.3g}"


def seconds(x):
    size, unit = (1, "s") if x >= 1 else (1e-3, "ms") if x >= 1e-3 else (1e-6, "µs")
    return f"{x / size:.3g} {unit}"


def describe(row):
    """A row as the terminal shows it."""
    text = f"  {row['case']}"
    for name, value in row.get("seconds", {}).items():
        ratio = row.get("ratio", {}).get(name)
        text += f"\n    {name:20} {seconds(value):>9}" + (f"  {ratio:7.2f} ×" if ratio else "")
    if row.get("floor"):
        text += f"\n    {'floor':20} {seconds(row['floor']):>9}"
    for name, value in row.items():
        if name == "error" and "distance" not in row:
            text += "\n    errors: " + ", ".join(f"{k} {short(v)}" for k, v in value.items())
        elif name == "error":
            worst = {k: None if None in errors else max(errors) for k, errors in value.items()}
            text += "\n    worst errors: " + ", ".join(f"{k} {short(v)}" for k, v in worst.items())
        elif isinstance(value, float) and name != "floor":
            text += f"\n    {name}: {short(value)}"
    return text


def requirement(gate):
    unit = UNITS.get(gate.figure)
    name = f"{gate.figure} / natgrad" if unit is None else gate.figure
    times = " ×" if unit is None else ""
    return f"{name} {gate.sign} {short(gate.bound)}{unit or ''}{times}"


def report(data):
    """The gates as the terminal shows them: those of the jobs that ran."""
    lines = []
    for gate, found, met in verdicts(data):
        if gate.job in data["jobs"]:
            word = "met   " if met else "MISSED" if found is not None else "NOT MEASURED"
            lines.append(f"{word}  {gate.job}, {gate.case}: {requirement(gate)}: {short(found)}")
    return "\n".join(lines)


# In pictures


def read(path=DATA):
    """The last full run, if there is one."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def timed(data):
    """The rows that hold natgrad against peers, with the job's name."""
    return [(job, row) for job, rows in data["jobs"].items() for row in rows if row.get("ratio")]


def library(contender):
    return next(name for name in LIBRARIES if contender.startswith(name))


def draw_speed(data):
    """One line for each case, one mark for each peer, one tick for each gate."""
    rows = timed(data)
    jobs = list(dict.fromkeys(job for job, _ in rows))
    count = len(rows) + 1.3 * len(jobs)
    figure, (ax,) = figures.panels(width=5.2, height=0.8 + 0.21 * count)
    colors, y, ticks = figures.colors, 0.0, {}
    for job in jobs:
        y += 1.3
        place = {"transform": ax.get_yaxis_transform(), "va": "center"}
        style = {"fontsize": 10, "fontweight": "bold", "backgroundcolor": "white"}
        ax.text(0, y - 0.1, TITLES[job], **place, **style)
        for _, row in (pair for pair in rows if pair[0] == job):
            y += 1
            ticks[y] = row["case"]
            ax.axhline(y, color=colors["grid"], linewidth=0.8, zorder=0)
            for peer, ratio in row["ratio"].items():
                color, shape = LIBRARIES[library(peer)]
                style = {"color": colors[color], "marker": shape, "linestyle": ""}
                ax.plot(ratio, y, label=library(peer), alpha=0.85, **style)
            for gate in GATES:
                if (gate.job, gate.case) == (job, row["case"]) and gate.sign == "≥":
                    peer = gate.figure in row["ratio"]
                    color = LIBRARIES[library(gate.figure)][0] if peer else "muted"
                    style = {"marker": "|", "markersize": 13, "markeredgewidth": 2}
                    ax.plot(gate.bound, y, color=colors[color], **style)
    ax.axvline(1, color=colors["natural"], linewidth=1.5, zorder=0)
    ax.set(xscale="log", ylim=(y + 0.8, 0.3), yticks=list(ticks))
    ax.set_yticklabels(ticks.values(), fontsize=9)
    ax.set_xlabel("peer's time / natgrad's time")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    handles, labels = ax.get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    figure.legend(
        [found[name] for name in LIBRARIES if name in found],
        [name for name in LIBRARIES if name in found],
        loc="outside upper center",
        ncols=5,
        fontsize=9,
        frameon=False,
        handletextpad=0.1,
        columnspacing=0.8,
    )
    return figures.show(figure)


def draw_digits(data):
    """The error of each contender against the distance, one plot for each family."""
    rows = data["jobs"]["kl_digits"]
    colors, lines = figures.colors, -(-len(rows) // 2)
    figure, axes = figures.panels(len(rows), rows=lines, width=5.2, height=0.7 + 1.6 * lines)
    for ax, row in zip(axes, rows, strict=True):
        distance = np.array(row["distance"])
        ax.axhline(1e-13, color=colors["muted"], linewidth=1, linestyle=":")
        for name, errors in row["error"].items():
            color, shape = LIBRARIES.get(name, ("natural", "o"))
            # Below one rounding nothing can be told; no number counts as all wrong.
            errors = [1.0 if e is None else min(max(e, 1e-17), 1.0) for e in errors]
            points = np.stack([distance, errors], axis=-1)
            style = {"marker": shape, "markersize": 3.5, "label": name}
            figures.curve(ax, points, colors[color], linewidth=1.3, **style)
        ax.set_title(row["case"], fontsize=10)
        ax.set(xscale="log", yscale="log", ylim=(5e-18, 5))
        ax.set(xticks=[1e-8, 1e-4, 1], yticks=[1e-16, 1e-8, 1])
        ax.tick_params(labelsize=9)
    figure.supxlabel("distance of the parameters", fontsize=10)
    figure.supylabel("relative error of KL", fontsize=10)
    found = {}
    for ax in axes:
        found |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(
        found.values(),
        found,
        loc="outside upper center",
        ncols=len(found),
        fontsize=9,
        frameon=False,
    )
    return figures.show(figure)


# On the page. Each part is written in MyST, so that its tables are the book's own.


def table(head, rows, align="", printed=""):
    """`printed` are the columns for LaTeX, if not as wide as what is in them."""
    marks = {"l": ":--", "r": "--:"}
    align = align.ljust(len(head), "r")
    line = lambda cells: "| " + " | ".join(cells) + " |\n"
    columns = f"```{{tabularcolumns}} {printed or align}\n```\n\n"
    rule = line(marks[a] for a in align)
    return columns + line(head) + rule + "".join(map(line, rows)) + "\n"


def conditions(data):
    versions = ", ".join(f"{name} {v}" for name, v in data["versions"].items())
    return (
        f"Measured on {data['date']} with one thread on {data['cpu']}, "
        f"{data['cores']} cores, {data['system']}, Python {data['python']}, "
        f"{data['blas']} below numpy.\n"
        f"In the same process, matrix products ran at {short(data['gigaflops'])} "
        f"billion operations and memory was read at {short(data['gigabytes'])} "
        f"billion bytes in a second.\n"
        f"Versions: {versions}.\n"
    )


def speed(data):
    ratios = [FIGURES["best peer"](row) for _, row in timed(data)]
    ahead = sum(ratio > 1 for ratio in ratios)
    held = [v for v in verdicts(data) if v.gate.sign == "≥" and v.found is not None]
    alt = (
        f"In {ahead} of {len(ratios)} cases natgrad is faster than the fastest peer, "
        f"by a factor of {short(np.median(ratios))} in the median case "
        f"and of {short(min(ratios))} in the worst; "
        f"{sum(v.met for v in held)} of {len(held)} speed gates are met."
    )
    caption = "Speed beside the peers"
    return figure_of("fig-benchmarks-speed", draw_speed(data), alt, caption)


def accuracy(data):
    rows = data["jobs"]["kl_digits"]
    worst = max(FIGURES["worst error"](row) for row in rows)
    first = [r["error"]["torch"][0] for r in rows if "torch" in r["error"]]
    lost = sum(error is None or error >= 0.1 for error in first)
    alt = (
        f"natgrad's relative error is at most {short(worst)} in every family at every "
        f"distance; at distance {short(rows[0]['distance'][0])} torch has no digit "
        f"right in {lost} of its {len(first)} families."
    )
    caption = "Digits of close divergences"
    return figure_of("fig-benchmarks-digits", draw_digits(data), alt, caption)


def figure_of(name, drawing, alt, caption):
    return drawing, f":name: {name}\n:alt: {alt}\n\n{caption}\n"


def gate_table(data):
    found = verdicts(data)
    text = f"{sum(v.met for v in found)} of {len(found)} gates are met.\n\n"
    for job in dict.fromkeys(gate.job for gate in GATES):
        rows = [
            (g.case, requirement(g), short(f), "met" if met else "**missed**") for g, f, met in found if g.job == job
        ]
        text += f"### {TITLES[job]}\n\n"
        text += table(("case", "gate", "found", "verdict"), rows, "llrl")
    return text


def losses(data):
    """Every case in which some peer is faster, and every gate that is missed."""
    slower = [
        f"- {TITLES[job]}, {row['case']}: {peer}, {short(ratio)} of natgrad's time.\n"
        for job, row in timed(data)
        for peer, ratio in row["ratio"].items()
        if ratio < 1
    ]
    missed = [
        f"- {TITLES[gate.job]}, {gate.case}: {requirement(gate)}, "
        + ("not measured." if found is None else f"but it is {short(found)}.")
        + f" {reason(gate)}".rstrip()
        + "\n"
        for gate, found, met in verdicts(data)
        if not met
    ]
    text = "Cases in which a peer is faster:\n\n" if slower else "No peer is faster.\n\n"
    text += "".join(slower)
    text += "\nGates that are missed, and why:\n\n" if missed else "\nNo gate is missed.\n\n"
    return text + "".join(missed) + "\n"


def times(data):
    text = ""
    for job in dict.fromkeys(job for job, _ in timed(data)):
        rows = [row for name, row in timed(data) if name == job]
        peers = list(dict.fromkeys(peer for row in rows for peer in row["ratio"]))
        head = ("case", "natgrad", "floor", "memory", *peers)
        lines = [
            (
                row["case"],
                seconds(row["seconds"]["natgrad"]),
                seconds(row["floor"]) if row["floor"] else "–",
                "–" if row["memory"] is None else f"{row['memory']:.1f} MiB",
                *(short(row["ratio"].get(peer)) for peer in peers),
            )
            for row in rows
        ]
        text += f"### {TITLES[job]}\n\n" + table(head, lines, "l")
    return text


def digits(data):
    rows = data["jobs"]["hard_cases"]
    found = [r for r in data["jobs"]["quadrature"] if r.get("error")]
    named = [(r["case"], r) for r in rows]
    named += [(f"Fisher matrix by quadrature, {r['case']}", r) for r in found]
    lines = [
        (
            case,
            short(row["error"]["natgrad"]),
            ", ".join(
                f"{peer} {'fails' if error is None else short(error)}"
                for peer, error in row["error"].items()
                if peer != "natgrad"
            ),
        )
        for case, row in named
    ]
    return table(("case", "natgrad", "peers"), lines, "lrl", r"\X{5}{12}r\X{5}{12}")


def growth(data):
    rows = data["jobs"]["cost_law"]
    sizes = list(rows[0]["seconds"])
    lines = [
        (
            row["case"],
            *map(seconds, row["seconds"].values()),
            f"{short(row['memory beyond the result'])} MiB",
        )
        for row in rows
    ]
    text = table(("job", *sizes, "memory beyond the result"), lines, "l")
    (row,) = data["jobs"]["import_time"]
    text += "Importing, where numpy is there already: "
    text += ", ".join(f"{k} {seconds(v)}" for k, v in row["seconds"].items())
    return text + ".\n"


PARTS = {
    "conditions": conditions,
    "speed": speed,
    "accuracy": accuracy,
    "gates": gate_table,
    "losses": losses,
    "times": times,
    "digits": digits,
    "growth": growth,
}


class Benchmarks(SphinxDirective):
    required_arguments = 1

    def run(self):
        self.env.note_dependency(str(DATA))
        data = read()
        if data is None:
            return [nodes.paragraph("", "It has not been run for this edition yet.")]
        (part,) = self.arguments
        text = PARTS[part](data)
        if isinstance(text, tuple):
            drawing, options = text
            path = Path(self.env.app.doctreedir) / f"benchmarks-{part}.svg"
            path.write_text(drawing._repr_svg_(), encoding="utf-8")
            source = Path(self.env.doc2path(self.env.docname)).parent
            text = f"```{{figure}} {os.path.relpath(path, source)}\n{options}```\n"
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app):
    app.add_directive("benchmarks", Benchmarks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
