from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import axes_from_names, complete_axes, parse_at, parse_axes


@pytest.mark.parametrize(
    ("shape", "dtype", "along", "expected"),
    [
        ((8, 9), "u2", None, "YX"),
        ((5, 8, 9), "u2", None, "TYX"),
        ((5, 8, 9), "u2", "z", "ZYX"),
        ((5, 8, 9, 3), "u1", None, "TYXS"),
        ((8, 9, 3), "u1", None, "YXS"),
        ((5, 8, 3), "u2", None, "TYX"),
        ((5, 2, 8, 9), "u2", None, "TCYX"),
        ((5, 2, 8, 9), "u2", "z", "CZYX"),
        ((5, 20, 8, 9), "u2", None, "TZYX"),
        ((5, 2, 20, 8, 9), "u2", None, "TCZYX"),
    ],
)
def test_unnamed_axes_are_guessed_with_a_note(shape, dtype, along, expected):
    axes, notes = complete_axes(None, shape, np.dtype(dtype), along)
    if expected == "CZYX":
        assert set(axes[:2]) == {"Z", "C"}
    else:
        assert axes == expected
    assert axes in notes[0]
    assert str(shape) in notes[0]


def test_named_axes_are_no_guess():
    assert complete_axes("ZCYX", (3, 2, 8, 9), np.dtype("u1"), None) == ("ZCYX", ())


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ("TYX ", "named|name"),
        ("QYX", "unknown"),
        ("TTX", "repeated"),
        ("TZX", "lack Y"),
        ("TYXZ", "4 dimensions, but the data have 3"),
        ("CYXS", "both channels"),
        ("", "0 dimensions"),
    ],
)
def test_wrong_axes_are_refused(axes, words):
    shape = (4,) * 4 if axes == "CYXS" else (4, 5, 6)
    if axes == "TYX ":
        assert parse_axes(axes, shape) == "TYX"
        return
    with pytest.raises(UserError, match=words):
        parse_axes(axes, shape)


def test_dimension_names_of_other_libraries():
    assert axes_from_names(["time", "Channel", "z", "lat", "x"]) == "TCZ?X"


def test_positions_are_parsed():
    assert parse_at(["z=3", " T=0 "]) == {"z": 3, "t": 0}
    for bad in ("z", "z=", "z=-1", "=3", "zz=3", "z=1.5"):
        with pytest.raises(UserError, match="write for example"):
            parse_at([bad])


def test_two_positions_on_one_axis_are_refused() -> None:
    with pytest.raises(UserError, match="axis t is given twice"):
        parse_at(["t=0", "z=2", "T=1"])
