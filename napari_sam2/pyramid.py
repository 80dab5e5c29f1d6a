"""Which levels of a pyramid can stand in for the full plane."""

from __future__ import annotations

from napari_sam2.layout import Layout
from napari_sam2.readers import LazyArray


def usable_levels(
    arrays: tuple[LazyArray, ...], layout: Layout
) -> tuple[tuple[LazyArray, ...], tuple[int, ...], tuple[str, ...]]:
    """Keep the levels that shrink the plane alone, by one whole number.

    Parameters
    ----------
    arrays : tuple of LazyArray
        Finest first.
    layout : Layout
        Which axes the plane has.

    Returns
    -------
    arrays : tuple of LazyArray
    factors : tuple of int
        1 for the first.
    notes : tuple of str
        Which levels are left out.
    """
    factors = [_factor(array, layout) for array in arrays]
    factors[0] = 1
    kept = [(a, f) for a, f in zip(arrays, factors, strict=True) if f is not None]
    skipped = [str(i) for i, f in enumerate(factors) if f is None]
    note = f"Pyramid levels {', '.join(skipped)} are not used: they shrink more than the plane."
    return tuple(a for a, _ in kept), tuple(f for _, f in kept), (note,) if skipped else ()


def _factor(array: LazyArray, layout: Layout) -> int | None:
    if len(array.shape) != len(layout.axes):
        return None
    same = all(
        array.shape[i] == layout.lengths[i]
        for i, axis in enumerate(layout.axes)
        if axis not in layout.plane
    )
    sizes = [(layout.length(a), array.shape[layout.axes.index(a)]) for a in layout.plane]
    candidates = [round(full / small) for full, small in sizes if small]
    if not same or not candidates:
        return None
    factor = max(candidates)
    fits = all(full // factor <= small <= -(-full // factor) for full, small in sizes)
    return factor if factor >= 1 and fits else None
