"""The page of measurements: gates, tables and figures, all made from `benchmarks/results.json`.

`benchmarks/bench.py` measures and writes that file; no number is typed here.
The first half of this file needs no Sphinx; the second half puts it on the page.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from natgrad_book import figures

DATA = Path(__file__).parents[2] / "benchmarks" / "results.json"

TITLES = {
    "squared_norms": "Squared Mahalanobis norms",
    "natural_gradient": "Natural gradient, dense",
    "batched": "Natural gradients, many small ones",
    "low_rank": "Natural gradient, low rank plus damping",
    "empirical_fisher": "Empirical Fisher matrix",
    "streamed_fisher": "Empirical Fisher matrix, from observations",
    "kl": "Kullback-Leibler divergence",
}
# The first word of a contender names its library; each has a colour and a shape.
LIBRARIES = {
    "numpy": ("ink", "s"),
    "scipy": ("ball", "D"),
    "torch": ("gradient", "o"),
}


# Gates: what the package demands of itself.


class Gate(NamedTuple):
    """Of one case of a job: that natgrad is as fast as numpy, or as exact as promised."""

    job: str
    case: str


# Never slower than what a user would write in numpy by more than the larger of these.
SECONDS, PART = 10e-6, 0.1
ERROR = 1e-13
# Not small matrices, one or many, of which numpy doesn't ask whether they are symmetric and positive definite; nor
# divergences, whose usual formulas lose the digits; nor a product of a few columns, where asking costs as much.
GATED = {
    "squared_norms": ["10⁶ × 2", "10⁶ × 10", "10⁵ × 100", "10⁴ × 1000"],
    "natural_gradient": ["d = 1000", "d = 3000"],
    "low_rank": ["d = 10⁵, N = 500"],
    "empirical_fisher": ["10⁵ × 200"],
    "kl_digits": ["Bernoulli", "Categorical", "Gaussian", "Poisson"],
}
GATES = [Gate(job, case) for job, cases in GATED.items() for case in cases]


class Verdict(NamedTuple):
    gate: Gate
    found: str
    met: bool


def verdicts(data):
    """Each gate with what was found; a gate without a measurement is not met."""
    return [Verdict(gate, *judge(gate, data)) for gate in GATES]


def judge(gate, data):
    rows = [r for r in data["jobs"].get(gate.job, []) if r["case"] == gate.case]
    if len(rows) != 1:
        return "not measured", False
    (row,) = rows
    if "distance" in row:
        errors = row["error"]["natgrad"]
        worst = np.nan if None in errors else max(errors)
        return f"error {short(worst)}", bool(worst <= ERROR)
    own, numpy = row["seconds"]["natgrad"], row["seconds"].get(by_numpy(row), np.nan)
    met = own <= numpy + max(SECONDS, PART * numpy)
    return f"{seconds(own)}, numpy {seconds(numpy)}", bool(met)  # False for NaN


def by_numpy(row):
    return next((name for name in row["seconds"] if name.startswith("numpy")), None)


def best_peer(row):
    """The fastest of the peers that are not numpy alone, if there is one."""
    others = {name: ratio for name, ratio in row["ratio"].items() if name != by_numpy(row)}
    return min(others, key=others.get, default=None)


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
        ratio = row["ratio"].get(name)
        text += f"\n    {name:20} {seconds(value):>9}" + (f"  {ratio:7.2f} ×" if ratio else "")
    for name, errors in row.get("error", {}).items():
        errors = np.atleast_1d(np.array(errors, dtype=float))
        text += f"\n    {name:20} error {short(errors.max())}"
    return text


def report(data):
    """The gates as the terminal shows them: those of the jobs that ran."""
    ran = [v for v in verdicts(data) if v.gate.job in data["jobs"]]
    return "\n".join(f"{'met   ' if v.met else 'MISSED'}  {', '.join(v.gate)}: {v.found}" for v in ran)


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
        f"Measured on {data['date']} at commit `{data['commit']}` with one thread on {data['cpu']}, "
        f"{data['cores']} cores, {data['system']}, Python {data['python']}, {data['blas']} below numpy.\n"
        f"Versions: {versions}.\n"
    )


def speed(data):
    ratios = [min(row["ratio"].values()) for _, row in timed(data)]
    ahead = sum(ratio > 1 for ratio in ratios)
    alt = (
        f"In {ahead} of {len(ratios)} cases natgrad is faster than the fastest peer, "
        f"by a factor of {short(np.median(ratios))} in the median case and of {short(min(ratios))} in the worst."
    )
    return figure_of("fig-benchmarks-speed", draw_speed(data), alt, "Speed beside the peers")


def accuracy(data):
    rows = data["jobs"]["kl_digits"]
    worst = max(max(row["error"]["natgrad"]) for row in rows)
    first = [row["error"]["torch"][0] for row in rows]
    lost = sum(error is None or error >= 0.1 for error in first)
    alt = (
        f"natgrad's relative error is at most {short(worst)} in every family at every "
        f"distance; at distance {short(rows[0]['distance'][0])} torch has no digit "
        f"right in {lost} of its {len(first)} families."
    )
    return figure_of("fig-benchmarks-digits", draw_digits(data), alt, "Digits of close divergences")


def figure_of(name, drawing, alt, caption):
    return drawing, f":name: {name}\n:alt: {alt}\n\n{caption}\n"


def gate_list(data):
    found = verdicts(data)
    missed = [f"- {TITLES.get(v.gate.job, 'Digits')}, {v.gate.case}: {v.found}.\n" for v in found if not v.met]
    return f"{len(found) - len(missed)} of {len(found)} gates are met.\n\n{''.join(missed)}\n"


def losses(data):
    """Every case in which some peer is faster."""
    slower = [
        f"- {TITLES[job]}, {row['case']}: {peer}, {short(ratio)} of natgrad's time.\n"
        for job, row in timed(data)
        for peer, ratio in row["ratio"].items()
        if ratio < 1
    ]
    return "".join(slower) or "Nowhere in this run.\n"


def times(data):
    """What one would choose between: this package, numpy, the best of the others."""
    text = ""
    for job in dict.fromkeys(job for job, _ in timed(data)):
        lines = []
        for row in (row for name, row in timed(data) if name == job):
            taken = lambda name, row=row: f"{seconds(row['seconds'][name])} ({short(row['ratio'][name])}\u00a0×)"
            numpy, other = by_numpy(row), best_peer(row)
            mine = seconds(row["seconds"]["natgrad"])
            lines.append((row["case"], mine, taken(numpy), f"{other} {taken(other)}" if other else "–"))
        text += f"### {TITLES[job]}\n\n" + table(("case", "natgrad", "numpy", "best other"), lines, "l")
    return text


def digits(data):
    lines = [
        (row["case"], *(short(row["error"][name]) for name in ("natgrad", "numpy inverse", "torch")))
        for row in data["jobs"]["hard_cases"]
    ]
    return table(("case", "natgrad", "numpy", "torch"), lines, "l")


PARTS = {
    "conditions": conditions,
    "speed": speed,
    "accuracy": accuracy,
    "gates": gate_list,
    "losses": losses,
    "times": times,
    "digits": digits,
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
