"""Drawings are the same bytes on every run, and show the data that they are given."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from natgrad_book import figures

ROOT = Path(__file__).parents[1]

# Everything that draws, in one program.
PROGRAM = """
import sys
import numpy as np
from natgrad_book import figures

figure, (left, right) = figures.plane(2, extent=2)
angles = np.linspace(0, 2 * np.pi, 60)
figures.curve(left, np.stack([np.cos(angles), np.sin(angles)], axis=-1), figures.colors["ball"])
figures.arrow(left, (0, 0), (1, 0.5), figures.colors["gradient"], r"$\\nabla f$")
figures.arrow(right, (0, 0), (-1, 1), figures.colors["natural"])
first = figures.show(figure)
figure, (ax,) = figures.panels()
figures.curve(ax, [[0, 1], [1, 3], [2, -1]], figures.colors["wrong"], linestyle="--")
second = figures.show(figure)
assert "matplotlib.pyplot" not in sys.modules
print(repr(first), first._repr_svg_(), repr(second), second._repr_svg_())
"""


def run(program, **environment):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return result.stdout


def test_drawings_are_the_same_bytes_on_every_run():
    # Two processes in which sets and dictionaries of strings are ordered differently.
    first, second = (run(PROGRAM, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert b"</svg>" in first
    assert first == second


def drawing(tip=(1.0, 2.0), label="f", points=((0, 0), (1, 1))):
    figure, (ax,) = figures.plane()
    figures.arrow(ax, (0, 0), tip, figures.colors["gradient"], label)
    figures.curve(ax, points, figures.colors["ball"])
    return figures.show(figure)


@pytest.mark.parametrize("change", [{"tip": (1.0, 2.01)}, {"label": "g"}, {"points": ((0, 0), (1, 1.01))}])
def test_drawings_change_with_their_data(change):
    assert drawing()._repr_svg_() == drawing()._repr_svg_()
    assert drawing(**change)._repr_svg_() != drawing()._repr_svg_()


def test_drawings_are_valid_and_undated():
    svg = drawing()._repr_svg_()
    root = ElementTree.fromstring(svg.encode())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox")
    # Letters are drawn, so that no font has to be there.
    assert "<text" not in svg
    assert not [e for e in root.iter() if e.tag.endswith("}date")]


def test_drawings_say_what_they_are():
    assert repr(drawing()) == "A drawing with 1 panel"
    assert repr(figures.show(figures.panels(3)[0])) == "A drawing with 3 panels"


def test_drawings_that_can_be_dragged_carry_their_numbers():
    figure, _ = figures.panels()
    bundle = figures.show(figure, "natgrad-ball", gradient=np.array([0, 3]), frame=np.eye(2))._repr_mimebundle_()
    start = bundle.pop(figures.DRAGGABLE)
    # In the order in which a notebook stores them, and plain enough for it.
    numbers = {"frame": [[1.0, 0.0], [0.0, 1.0]], "gradient": [0, 3], "size": [403.2, 244.8], "tag": "natgrad-ball"}
    assert json.dumps(start) == json.dumps(numbers)
    still = figures.show(figure)
    assert bundle == still._repr_mimebundle_() == {"image/svg+xml": still._repr_svg_(), "text/plain": repr(still)}


def test_panels_fill_their_rows():
    figure, axes = figures.panels(3, rows=2)
    figure.draw_without_rendering()
    left, right, below = (ax.get_position() for ax in axes)
    assert left.y0 == right.y0 > below.y1
    assert left.x1 < right.x0
    assert below.width > left.width + right.width


def test_planes_have_equal_units_and_the_origin_in_the_middle():
    figure, axes = figures.plane(2, extent=2.5)
    assert len(axes) == 2
    for ax in axes:
        assert ax.get_aspect() == 1
        assert ax.get_xlim() == ax.get_ylim() == (-2.5, 2.5)
    assert [ax.figure for ax in axes] == [figure, figure]


def test_arrows_go_from_tail_to_tip():
    _, (ax,) = figures.plane()
    figures.arrow(ax, (0.5, -1), (2, 1), figures.colors["natural"], "u")
    shaft, label = ax.texts
    assert shaft.xyann == (0.5, -1)
    assert shaft.xy == label.xy == (2, 1)
    assert label.get_text() == "u"


def test_curves_go_through_their_points():
    _, (ax,) = figures.panels()
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, -1.0]])
    figures.curve(ax, points, figures.colors["ball"])
    assert (ax.lines[0].get_xydata() == points).all()


def test_contours_are_where_the_function_has_its_levels():
    _, (ax,) = figures.plane()
    gradient, levels = np.array([1.0, -2.0]), np.array([-1.0, 0.5, 3.0])
    # The two lines through the origin come first.
    before = len(ax.lines)
    figures.contours(ax, gradient, levels)
    for line, level in zip(ax.lines[before:], levels, strict=True):
        for point in (line.get_xy1(), line.get_xy2()):
            assert np.dot(point, gradient) == pytest.approx(level)


def luminance(color):
    """Relative luminance of an sRGB colour, as accessibility guidelines define it."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("name", ["gradient", "natural", "wrong", "ball"])
def test_colours_stand_out_on_white(name):
    assert 1.05 / (luminance(figures.colors[name]) + 0.05) >= 3


def test_colours_differ():
    assert len(set(figures.colors.values())) == len(figures.colors)
