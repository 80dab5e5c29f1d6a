"""Parse the values of options that have a syntax of their own."""

from __future__ import annotations

from napari_sam2.core.errors import UserError


def parse_range(text: str) -> tuple[int, int | None]:
    """Return the half-open range (first, stop) of ``A:B``.

    A is 0 if left out; B is None, the end of the stack, if left out.

    Raises
    ------
    UserError
        If the text has another form.
    """
    first, colon, stop = (part.strip() for part in text.partition(":"))
    if not colon or not all(part.isdecimal() or not part for part in (first, stop)):
        raise UserError(f"Cannot read the range {text!r}. Use A:B, e.g. 10:50 for frames 10 to 49.")
    return int(first or 0), int(stop) if stop else None


def parse_contrast(text: str) -> tuple[float, float]:
    """Return the limits (low, high) of ``LOW,HIGH``.

    Raises
    ------
    UserError
        If the text is not two numbers.
    """
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"Cannot read the contrast {text!r}. Use LOW,HIGH, e.g. 0,4095.") from error
    return low, high
