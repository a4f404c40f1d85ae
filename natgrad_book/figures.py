"""Drawings in the book's style, from arrays that a cell has computed and asserted.

The only module that imports matplotlib, and never pyplot: no window, no global state.
A drawing becomes SVG, the same bytes on every run, so that a changed figure is a failed comparison.
"""

import hashlib
import io
import re

import numpy as np

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke
except ModuleNotFoundError as error:
    if error.name != "matplotlib":
        raise
    message = '`natgrad_book.figures` needs matplotlib, which is not installed: pip install "natgrad[chapters]"'
    raise ModuleNotFoundError(message, name="matplotlib") from None

# Okabe and Ito's palette, told apart by colour-blind readers; what each colour means is the same in every figure.
colors = {
    "ink": "#222222",
    "muted": "#8a8a8a",
    "grid": "#dddddd",
    "gradient": "#d55e00",
    "natural": "#0072b2",
    "wrong": "#cc79a7",
    "ball": "#009e73",
    "accent": "#b37700",
}
# The type of an output that says what figure the page should draw, and from which numbers, so that it can be dragged.
DRAGGABLE = "application/vnd.natgrad.figure+json"


class Drawing:
    """A finished figure, as vector graphics, with what the page needs if it can be dragged there."""

    def __init__(self, svg: str, panels: int, draggable: dict | None = None):
        self._svg, self._panels, self._draggable = svg, panels, draggable

    _repr_svg_ = lambda self: self._svg

    def __repr__(self) -> str:
        return f"A drawing with {self._panels} panel{'s' if self._panels > 1 else ''}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        bundle = {"image/svg+xml": self._svg, "text/plain": repr(self)}
        return bundle | {DRAGGABLE: self._draggable} if self._draggable else bundle


def show(figure: Figure, tag: str = "", **start) -> Drawing:
    """Finish a figure: the last expression of a cell that draws one.

    With a `tag`, the page puts the custom element of that name around the picture. It begins with the numbers `start`,
    the cell's own, and can be dragged (page/drag/).
    """
    buffer = io.StringIO()
    # The salt makes the names of clip paths, and the missing date everything else, independent of when this runs.
    with rc_context({"svg.hashsalt": "natgrad", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    # matplotlib names a clip path by all digits of its corners, of which the last depend on the machine's roundings.
    for name, printed in re.findall(r'<clipPath id="(p\w+)">(.*?)</clipPath>', svg, re.DOTALL):
        svg = svg.replace(name, "p" + hashlib.sha256(printed.encode()).hexdigest()[:10])
    numbers = {name: np.asarray(value).tolist() for name, value in start.items()}
    numbers |= {"size": [round(72 * side, 1) for side in figure.get_size_inches().tolist()], "tag": tag}
    return Drawing(svg, len(figure.axes), dict(sorted(numbers.items())) if tag else None)


def panels(count: int = 1, *, rows: int = 1, width: float = 5.6, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """A figure with `count` plots, sizes in inches: narrow, so that a phone can show it whole.

    They stand side by side, or in `rows` of equal height; the last one takes what is left of its row.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    columns = -(-count // rows)
    grid = figure.add_gridspec(rows, columns)
    places = [divmod(k, columns) for k in range(count)]
    axes = [figure.add_subplot(grid[row, column : column + 1]) for row, column in places[:-1]]
    axes.append(figure.add_subplot(grid[places[-1][0], places[-1][1] :]))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(colors["muted"])
        ax.tick_params(which="both", color=colors["muted"], labelcolor=colors["ink"], labelsize=11)
        ax.xaxis.label.set_size(12)
        ax.yaxis.label.set_size(12)
    return figure, axes


def plane(count: int = 1, *, extent: float = 3.0, **size: float) -> tuple[Figure, list[Axes]]:
    """A figure with `count` planes side by side, each showing `extent` on every side of an origin with thin axes."""
    figure, axes = panels(count, **size)
    for ax in axes:
        ax.set(aspect="equal", xlim=(-extent, extent), ylim=(-extent, extent), xticks=[], yticks=[])
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.axhline(0, color=colors["grid"], linewidth=1, zorder=0)
        ax.axvline(0, color=colors["grid"], linewidth=1, zorder=0)
    return figure, axes


def arrow(ax: Axes, tail, tip, color: str, label: str = "", *, offset=(4, 4), **line) -> None:
    """An arrow between two points; its label starts `offset` points away from the tip."""
    style = {"arrowstyle": "-|>", "mutation_scale": 15, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0, "color": color}
    ax.annotate("", xy=tuple(tip), xytext=tuple(tail), arrowprops=style | line)
    text = ax.annotate(label, xy=tuple(tip), xytext=offset, textcoords="offset points", color=color, fontsize=13)
    text.set_path_effects([withStroke(linewidth=3, foreground="white")])


def curve(ax: Axes, points: np.ndarray, color: str, **line) -> None:
    """A curve through `points`, shape (N, 2)."""
    x, y = np.transpose(points)
    ax.plot(x, y, color=color, **{"linewidth": 1.8, "solid_capstyle": "round"} | line)


def contours(ax: Axes, gradient: np.ndarray, levels: np.ndarray) -> None:
    """Contours of the linear function u ↦ uᵀ`gradient`, straight lines, at the given levels."""
    along = np.array([-gradient[1], gradient[0]])
    for level in levels:
        foot = level * gradient / (gradient @ gradient)
        ax.axline(foot, foot + along, color=colors["grid"], linewidth=0.9, zorder=0)
