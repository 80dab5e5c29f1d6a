from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.contrast_limits.ct_windows import CT_WINDOWS, ct_window_limits, is_ct


def test_limits_are_level_and_half_the_width():
    assert ct_window_limits(" CT-Lung ") == (-1350.0, 150.0)
    assert all(low < high for low, high in map(ct_window_limits, CT_WINDOWS))


def test_unknown_windows_are_refused():
    with pytest.raises(UserError, match=r"ct-abdomen.*MR has no standard window"):
        ct_window_limits("mr-brain")


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_ct_is_recognized_also_after_resampling(dtype):
    rng = np.random.default_rng(0)
    tissue, air = rng.normal(40, 60, 8000), rng.normal(-1000, 10, 3000)
    values = np.concatenate([tissue, air]).astype(dtype)
    assert is_ct(values)
    assert not is_ct(values + values.dtype.type(1024))
    assert not is_ct(values / 100)
