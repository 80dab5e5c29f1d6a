"""Standard display windows of computed tomography (CT), in Hounsfield units."""

from __future__ import annotations

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
            f"There is no window {name!r}: use one of {', '.join(CT_WINDOWS)}, or contrast "
            "limits. MR has no standard window; without one, percentiles are used."
        )
    level, width = CT_WINDOWS[key]
    return level - width / 2, level + width / 2
