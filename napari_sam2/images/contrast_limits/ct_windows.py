"""Standard display windows of computed tomography (CT), in Hounsfield units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError

CT_WINDOWS: dict[str, tuple[float, float]] = {
    "ct-abdomen": (50, 400),
    "ct-angio": (300, 600),
    "ct-bone": (400, 1800),
    "ct-brain": (40, 80),
    "ct-liver": (30, 150),
    "ct-lung": (-600, 1500),
    "ct-mediastinum": (50, 350),
    "ct-soft-tissue": (50, 400),
    "ct-spine": (50, 250),
    "ct-stroke": (40, 40),
    "ct-subdural": (75, 215),
    "ct-temporal-bone": (600, 2800),
}
"""Level (center) and width of each window, from Radiopaedia, "Windowing (CT)"."""


def ct_window_limits(name: str) -> tuple[float, float]:
    """Return the contrast limits (low, high) of a window, in Hounsfield units.

    Parameters
    ----------
    name : str
        A key of :data:`CT_WINDOWS`, in any case.

    Raises
    ------
    UserError
        If there is no such window.
    """
    key = name.strip().lower()
    if key not in CT_WINDOWS:
        raise UserError(
            f"There is no window {name!r}: use auto, one of {', '.join(CT_WINDOWS)}, or "
            "contrast limits. MR has no standard window; without one, percentiles are used."
        )
    level, width = CT_WINDOWS[key]
    return level - width / 2, level + width / 2


AUTOMATIC = "auto"
"""In place of a window name: the window that the file states, else the default for CT values."""
DEFAULT_WINDOW = "ct-soft-tissue"

_LOWEST, _AIR, _HIGHEST = -4096, -900, 4096
_AIR_VALUES = (-1100, -900)
_RARE_VALUES = (-700, -500)
"""Values between those of lung and fat."""
_TISSUE_VALUES = (-200, 300)
_MIN_TISSUE_SHARE = 0.02


def is_ct(values: NDArray[Any]) -> bool:
    """Return whether values look like Hounsfield units of a CT.

    They are values between -4096 and 4096, at least 0.1 % lie below -900 and some above 0,
    2 % are those of soft tissue, and there is more air than there are values between lung and fat.

    Parameters
    ----------
    values : NDArray
        Finite values without fill values, any shape.
    """
    if not values.size or values.dtype.kind not in "if":
        return False
    exact = values.astype(np.float64, copy=False)
    low, high = np.percentile(exact, (0.1, 99.9))
    spread = _LOWEST <= low < _AIR and 0 < high <= _HIGHEST
    return bool(
        spread
        and _share(exact, _TISSUE_VALUES) >= _MIN_TISSUE_SHARE
        and _share(exact, _AIR_VALUES) > 1.5 * _share(exact, _RARE_VALUES)
    )


def _share(values: NDArray[np.float64], bounds: tuple[int, int]) -> float:
    return float(np.mean((values >= bounds[0]) & (values <= bounds[1])))
