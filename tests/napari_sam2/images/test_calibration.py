from __future__ import annotations

import pytest

from napari_sam2.images.calibration import SYMBOLS, AxisStep, Calibration, unit_name


@pytest.mark.parametrize("text", ["um", "µm", "μm", " micron ", "\\u00B5m", "micrometer"])
def test_spellings_of_a_micrometer(text):
    assert AxisStep(2.0, text) == AxisStep(2.0, "micrometer")
    assert AxisStep(2.0, text).symbol == "µm"


def test_names_and_symbols_are_inverse():
    assert {unit_name(symbol) for symbol in SYMBOLS.values()} == set(SYMBOLS)
    assert unit_name("furlong") == "furlong"
    assert AxisStep(1.0, "furlong").symbol is None


def test_unknown_axes_are_one_pixel():
    calibration = Calibration.of("ZX", (2.0, 0.5), ("mm", "mm"))
    assert calibration.scale("ZYX") == (2.0, 1.0, 0.5)
    assert calibration.units("ZYX") == ("millimeter", "pixel", "millimeter")
