"""Values of options that are more than a word or a number."""

from __future__ import annotations

from napari_sam2.core.errors import UserError


def parse_range(text: str | None, frames: int) -> tuple[int, int] | None:
    """Read ``A:B``, A up to but not with B; either may be left out.

    Raises
    ------
    UserError
        If it is no range, empty, or reaches beyond the ``frames`` of the stack.
    """
    if text is None:
        return None
    first, colon, stop = text.partition(":")
    parts = [part.strip() for part in (first, stop)]
    if not colon or not all(part.isdecimal() or not part for part in parts):
        raise UserError(
            f"Cannot read the range {text!r}: give A:B, e.g. 10:50 for frames 10 to 49."
        )
    start, end = int(parts[0] or 0), int(parts[1] or frames)
    if start >= end:
        raise UserError(f"The range {text} is empty: A:B means A up to, not with, B.")
    if end > frames:
        raise UserError(f"The range {text} reaches beyond the stack: it has {frames} frames.")
    return start, end


def parse_contrast(text: str | None) -> tuple[float, float] | None:
    """Read ``LOW,HIGH``.

    Raises
    ------
    UserError
        If it is not two numbers.
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(
            f"Cannot read the contrast {text!r}: give LOW,HIGH, e.g. 0,4095."
        ) from error
    return low, high
