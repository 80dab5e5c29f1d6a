from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.images.calibration import SYMBOLS, AxisStep, Calibration, unit_name


@pytest.mark.parametrize("text", ["um", "µm", "μm", " micron ", "\\u00B5m", "micrometer"])
def test_spellings_of_a_micrometer(text):
    assert AxisStep(2.0, text) == AxisStep(2.0, "micrometer")
    assert AxisStep(2.0, text).symbol == "µm"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("seconds", "second"),
        ("Micrometers", "micrometer"),
        ("millimetre", "millimeter"),
        ("nanometres", "nanometer"),
        ("mins", "minute"),
        ("Å", "angstrom"),
        ("\u212b", "angstrom"),
        ("us", "microsecond"),
        ("inches", "inch"),
        ("parsec", "parsec"),
    ],
)
def test_plurals_and_other_spellings(text, name):
    assert unit_name(text) == name


def test_names_and_symbols_are_inverse():
    assert {unit_name(symbol) for symbol in SYMBOLS.values()} == set(SYMBOLS)
    assert unit_name("furlong") == "furlong"
    assert AxisStep(1.0, "furlong").symbol is None


def test_sizes_follow_their_axes_when_these_are_renamed():
    affine = np.arange(16.0).reshape(4, 4)
    before = Calibration.of("TZYX", (9, 3, 2, 1), ("s", "mm", "mm", "mm"), affine, (1, 2, 3, 4))
    after = before.renamed("TZYX", "TXYZ")
    assert after.scale("TZYX") == (9, 1, 2, 3)
    assert after.origin("TZYX") == (1, 4, 3, 2)
    np.testing.assert_array_equal(after.affine, affine[:, [2, 1, 0, 3]])
    movie = before.renamed("TZYX", "CTYX")
    assert movie.step("T") == AxisStep()
    assert movie.affine is None


def test_the_affine_of_a_plane_keeps_the_missing_axis():
    affine = np.arange(16.0).reshape(4, 4)
    turned = Calibration(affine=affine).renamed("XY", "YX")
    np.testing.assert_array_equal(turned.affine, affine[:, [0, 2, 1, 3]])


def test_unknown_axes_are_one_pixel():
    calibration = Calibration.of("ZX", (2.0, 0.5), ("mm", "mm"))
    assert calibration.scale("ZYX") == (2.0, 1.0, 0.5)
    assert calibration.units("ZYX") == ("millimeter", "pixel", "millimeter")
