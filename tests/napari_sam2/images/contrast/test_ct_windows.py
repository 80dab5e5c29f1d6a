from __future__ import annotations

import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.contrast.ct_windows import CT_WINDOWS, ct_window_limits


def test_limits_are_level_and_half_the_width():
    assert ct_window_limits(" CT-Lung ") == (-1350.0, 150.0)
    assert all(low < high for low, high in map(ct_window_limits, CT_WINDOWS))


def test_unknown_windows_are_refused():
    with pytest.raises(UserError, match=r"ct-abdomen.*MR has no standard window"):
        ct_window_limits("mr-brain")
