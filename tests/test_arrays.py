"""The only validation: what passes, what it becomes, and what is said about the rest."""

from collections.abc import Callable

import numpy as np
import pytest
from tolerances import EXACT, assert_close

import natgrad as ng
from natgrad import arrays

VALUES = {
    "int": [1, 2],
    "tuple": (1.0, 2.0),
    "small integers": np.array([1, 2], dtype=np.uint8),
    "float32": np.array([1, 2], dtype=np.float32),
    "the other byte order": np.array([1, 2], dtype=np.dtype(float).newbyteorder("S")),
    "read-only": np.broadcast_to(1.5, (2,)),
    "not contiguous": np.arange(8.0)[::4],
    "subnormal": [5e-324, 0.0],
    "large": [1.7e308, -1.7e308],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_real_numbers_pass_unchanged(value):
    found = arrays.real(value, "x")
    assert (found == value).all()
    assert found.dtype == float


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, np.nan], "`x` must be finite, but it contains nan."),
        ([-np.inf, 1], "`x` must be finite, but it contains -inf."),
        ([1, -np.inf, np.nan], "`x` must be finite, but it contains -inf."),
        ([], "`x` must not be empty, but its shape is (0,)."),
        (np.ones((3, 0)), "`x` must not be empty, but its shape is (3, 0)."),
        ([[1, 2], [3]], "`x` must be a rectangular array, but its rows differ in length."),
        (np.ma.array([1, 2], mask=[0, 1]), "`x` must not be masked, but it is a masked array."),
    ],
)
def test_messages_about_entries(value, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole message is compared)
        arrays.real(value, "x")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("12", "it is str"),
        (None, "it is NoneType"),
        (1j, "it is complex"),
        (True, "it is bool"),
        ({1, 2}, "it is set"),
        ([True, False], "it is an array of bool"),
        ([1, 2j], "it is an array of complex128"),
        (["1", "2"], "it is an array of <U1"),
        ([1, None], "it is an array of object"),
        (np.ones(2, dtype=np.longdouble), f"it is an array of {np.dtype(np.longdouble)}"),
        ([10**400], "it is an array of object"),
    ],
)
def test_messages_about_types(value, found):
    with pytest.raises(ValueError, match=rf"^`x` must hold real numbers \(.+\), but {found}\.$"):
        arrays.real(value, "x")


SHAPES = {
    (..., "n"): ([(1,), (4, 2)], [()]),
    (..., 2): ([(2,), (4, 1, 2)], [(), (3,), (2, 1)]),
    (2,): ([(2,)], [(), (1,), (2, 2)]),
    ("N", "n"): ([(3, 2)], [(3,), (1, 3, 2)]),
    (..., "n", "n"): ([(2, 2), (5, 2, 2)], [(), (2,), (2, 3), (2, 2, 3)]),
    (): ([()], [(1,)]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape):
    good, bad = SHAPES[shape]
    for found in good:
        assert arrays.real(np.ones(found), "m", shape).shape == found
    wanted = "(" + ", ".join("..." if axis is ... else str(axis) for axis in shape) + ")"
    for found in bad:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole message is compared)
            arrays.real(np.ones(found), "m", shape)
        assert str(caught.value).replace(
            ",)", ")"
        ) == f"`m` must have the shape {wanted}, but its shape is {found}.".replace(",)", ")")


def test_positive():
    assert (arrays.positive([1, 1e-300], "d") == [1, 1e-300]).all()
    with pytest.raises(ValueError, match=r"^`d` must be positive, but its smallest entry is 0\.$"):
        arrays.positive([1, 0], "d")
    with pytest.raises(ValueError, match=r"smallest entry is -2\.5\.$"):
        arrays.positive([[1, 3], [-1, -2.5]], "d")


def test_positive_definite_gives_the_cholesky_factor():
    stack = np.array([[[5.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 9.0]]])
    matrix, factor = arrays.positive_definite(stack, "cov")
    assert (matrix == stack).all()
    assert_close(factor @ factor.mT, stack, EXACT)
    assert not np.triu(factor, 1).any()


@pytest.mark.parametrize(
    ("matrix", "eigenvalue"),
    [
        ([[0, 1], [1, 0]], "-1"),
        ([[1, 2], [2, 1]], "-1"),
        ([[-3]], "-3"),
        ([[0]], "0"),
        ([[[1, 0], [0, 1]], [[2, 3], [3, 2]]], "-1"),
        ([[1, 0], [0, -1e-30]], "-1e-30"),
    ],
)
def test_the_smallest_eigenvalue_is_named(matrix, eigenvalue):
    message = rf"^`cov` must be positive definite, but its smallest eigenvalue is {eigenvalue}\.$"
    with pytest.raises(ValueError, match=message):
        arrays.positive_definite(matrix, "cov")


def test_singular_up_to_rounding_is_singular():
    # Rank two, though rounding makes its Cholesky factor exist.
    rows = np.array([[1.0, 0.3], [0.1, 0.7], [0.5, 0.9]])
    with pytest.raises(ValueError, match="^`cov` must be positive definite"):
        arrays.positive_definite(rows @ rows.T, "cov")


def test_the_entries_that_differ_are_named():
    matrix = np.eye(4)
    matrix[1, 3], matrix[3, 1] = 0.25, 0.5
    message = r"^`g` must be symmetric, but its entries \(1, 3\) and \(3, 1\) are 0\.25 and 0\.5\.$"
    with pytest.raises(ValueError, match=message):
        arrays.positive_definite(matrix, "g")
    with pytest.raises(ValueError, match=r"are 0\.25 and 0\.250000000001\.$"):
        arrays.positive_definite([[1, 0.25], [0.250000000001, 1]], "g")
    with pytest.raises(ValueError, match=r"\(1, 3\) and \(3, 1\) are 0\.25 and 0\.5\.$"):
        arrays.positive_definite(np.stack([np.eye(4), matrix]), "g")


def test_rounding_is_not_asymmetry():
    generator = np.random.default_rng(0)
    for _ in range(20):
        m = generator.standard_normal((6, 6))
        inverse = np.linalg.inv(m @ m.T + np.eye(6))
        arrays.positive_definite(inverse, "g")
    with pytest.raises(ValueError, match="^`g` must be symmetric"):
        arrays.positive_definite([[1.0, 1e-9], [0.0, 1.0]], "g")


@pytest.mark.parametrize("unit", [1e-60, 1e-12, 1e-3, 1e8])
def test_units_change_no_decision(unit):
    scale = np.diag([1.0, unit])
    # Its upper entry is one that rounding may have left.
    arrays.positive_definite(scale @ [[2.0, 1.0 + 1e-14], [1.0, 2.0]] @ scale, "g")
    for bad, property in ([[1, 1], [1, 1]], "positive definite"), ([[2, 1.1], [1, 2]], "symmetric"):
        with pytest.raises(ValueError, match=f"^`g` must be {property}"):
            arrays.positive_definite(scale @ bad @ scale, "g")


def test_the_triangle_of_a_frame_is_the_cholesky_factor_of_its_square():
    frames = np.random.default_rng(1).standard_normal((5, 3, 3))
    factor = ng.from_frame(frames)._metric._factor
    assert_close(factor, np.linalg.cholesky(frames @ frames.mT), EXACT)


@pytest.mark.parametrize("matrix", [[[0]], [[1, 0], [0, 0]], np.zeros((2, 2)), [[[1, 0], [0, 1]], [[0, 0], [0, 1]]]])
def test_singular_frames(matrix):
    with pytest.raises(ValueError, match=r"^`frame` must be invertible, but its smallest singular value is 0\.$"):
        ng.from_frame(matrix)


def test_what_is_measured_of_a_frame_is_said_of_it():
    # Rows of any length, of which one is nearly a multiple of the other: what refuses them isn't that one is short.
    told = r"^`frame` must be invertible beyond rounding, but scaled to rows of length one its condition number is "
    for gap in 1e-12, 1e-13, 0:
        with pytest.raises(ValueError, match=told) as refused:
            ng.from_frame([[[2, 1], [1, 1]], [[1e-6, 2e-6], [3e6 * (1 + gap), 6e6]]])
        most = float(str(refused.value).removesuffix(".").split()[-1])
        assert abs(most * gap / 5 - 1) < 0.1 if gap else most > 1e15


def test_broadcast():
    assert arrays.broadcast(u=(4, 1), v=(3,), metric=()) == (4, 3)
    message = r"^`u` and `metric` must have leading axes .+, but these are \(2,\) and \(3,\)\.$"
    with pytest.raises(ValueError, match=message):
        arrays.broadcast(u=(2,), metric=(3,))


def test_count():
    assert arrays.count(np.int64(3), "n") == 3
    assert type(arrays.count(np.int8(3), "n")) is int
    for value, kind in (True, "bool"), (2.0, "float"), ("2", "str"), (None, "NoneType"):
        with pytest.raises(TypeError, match=f"^`n` must be an integer, but it is a {kind}.$"):
            arrays.count(value, "n")
    with pytest.raises(ValueError, match=r"^`n` must be at least 2, but it is 1\.$"):
        arrays.count(1, "n", 2)


def test_instances_and_functions():
    assert arrays.instance(3, "n", int) == 3
    with pytest.raises(TypeError, match=r"^`n` must be a dict, but it is a list\.$"):
        arrays.instance([], "n", dict)
    assert arrays.instance(len, "f", Callable) is len
    with pytest.raises(TypeError, match=r"^`f` must be a Callable, but it is a int\.$"):
        arrays.instance(3, "f", Callable)


def test_frozen_arrays_cannot_be_written_to():
    array = np.ones(3)
    frozen = arrays.frozen(array)
    array[0] = 7
    assert frozen[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        frozen[0] = 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_is_finite(bad):
    with pytest.raises(ValueError, match=f"^`v` must be finite, but it contains {bad}"):
        arrays.real([1, bad], "v")


def test_an_error_of_the_value_itself_is_not_hidden():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise ValueError("its own mistake")

    with pytest.raises(ValueError, match="^its own mistake$"):
        arrays.real(Broken(), "x")


def test_what_leaves_the_range_is_refused_in_one_place():
    nothing = lambda: False
    assert (arrays.in_range(np.array([0.0, 1e-300]), "v", source=nothing) == [0, 1e-300]).all()
    assert arrays.in_range(np.array([[0.0, 1.0]]), "v", source=lambda: True, axes=1).shape == (1, 2)
    for result, axes, fate in [
        ([0.0, 1.0], 0, "underflows"),
        ([[0.0, 1e-300], [0.0, 1.0]], 1, "underflows"),
        ([1.0, np.inf], 0, "overflows"),
        ([[1.0, np.nan]], 1, "is not a number"),
    ]:
        with pytest.raises(ValueError, match=f"^`u` and `v` must have a result within .* float64, but it {fate}"):
            arrays.in_range(np.array(result), "u", "v", source=lambda: True, axes=axes)
    assert (arrays.in_range(np.array([0.0]), "v") == 0).all()


@pytest.mark.parametrize("leading", [(), (1000,), (1, 1000), (1000, 1)])
def test_company_changes_no_decision(leading):
    # Two matrices on either side of the limit of what has digits; how many there are doesn't move it.
    for gap, make in [(1e-11, ng.Dense), (1e-11, ng.from_covariance), (1e-11, ng.from_frame), (1e-11, ng.from_scores)]:
        good, bad = np.array([[1.0, 1.0], [1.0, 1.0 + gap]]), np.array([[1.0, 1.0], [1.0, 1.0 + gap / 100]])
        make(np.broadcast_to(good, (*leading, 2, 2)))
        with pytest.raises(ValueError, match="^`.+` must"):
            make(np.broadcast_to(bad, (*leading, 2, 2)))
