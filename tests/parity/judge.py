"""When a replayed case agrees with the reference.

The limits are those that the reference keeps against itself (other thread counts, attention
kernels, oneDNN on and off), with room for one order of magnitude.
"""

from __future__ import annotations

from typing import Any

TOLERANCE = {"encoder": 2e-5, "image": 1e-4, "video": 2e-2, "video_fp32": 1e-4, "amg": 5e-3}
SIGN_FLIPS = {"video": 5e-3}
Row = tuple[str, float | None, float | None, float | None, str]


def failures(rows: list[Row], case: dict[str, Any]) -> list[Row]:
    """Return the rows of a comparison that disagree by more than rounding."""
    options = case.get("options") or {}
    kind = case["kind"]
    if kind == "video" and options.get("memory_dtype") == "float32":
        kind = "video_fp32"
    return [row for row in rows if _differs(row, kind, bool(options.get("non_overlap_masks")))]


def _differs(row: Row, kind: str, exclusive: bool) -> bool:
    name, difference, scale, flips, note = row
    if note or difference is None or scale is None or flips is None:
        return True
    limit = TOLERANCE[kind] * (10 if name.endswith("/stats") else 1) * max(1.0, scale)
    # Where pixels belong to one object only, a near tie may swap owners: judge by sign.
    by_sign_only = exclusive and name.endswith(("/full", "/full/stats"))
    is_mask = name.endswith(("low_res", "full"))
    too_far = difference > limit and not by_sign_only
    return too_far or (is_mask and flips > SIGN_FLIPS.get(kind, 1e-3))
