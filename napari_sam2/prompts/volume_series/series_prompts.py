"""Prompts of a series of volumes, read from any source and checked against the images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import parse_axes
from napari_sam2.images.readers import local_path
from napari_sam2.masks.label_image import LabelImage, label_axes_of, open_label_image, place_notes
from napari_sam2.masks.label_layout import match_label_axes
from napari_sam2.prompts.csv_format import read_placed_csv
from napari_sam2.prompts.from_labels import LabelPromptKind, prompts_from_labels
from napari_sam2.prompts.io import check_points_inside, check_prompts
from napari_sam2.prompts.json_format import prompts_from_dict, read_prompts_json
from napari_sam2.prompts.store import PromptSnapshot, PromptStore

if TYPE_CHECKING:
    from napari_sam2.images.coordinates import FixedPosition
    from napari_sam2.images.stack import Stack

_TABLES = (".csv", ".tsv", ".txt")
_NEEDED = "a series of volumes needs the positions t and z of each prompt"


@dataclass(frozen=True)
class SeriesPrompts:
    """Prompts on planes of a series of volumes.

    Parameters
    ----------
    volumes : Mapping[int, PromptStore]
        The prompts in the volume of each prompted time point, with frames along z.
    notes : tuple of str
        Messages for the user about how the prompts were read.
    """

    volumes: Mapping[int, PromptStore]
    notes: tuple[str, ...] = ()

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, increasing."""
        return tuple(sorted({o for store in self.volumes.values() for o in store.objects()}))

    def times(self) -> dict[int, tuple[int, ...]]:
        """Return the prompted time points of each object, increasing."""
        return {
            object_id: tuple(t for t, store in self.volumes.items() if object_id in store.objects())
            for object_id in self.objects()
        }

    def at(self, time: int) -> PromptStore:
        """Return the prompts in the volume of a time point, with frames along z."""
        return self.volumes[time]

    def along_time(self) -> PromptStore:
        """Return the prompts of a series of one plane per time point, with frames along t."""
        prompts = [replace(p, frame=t) for t, store in self.volumes.items() for p in store]
        store = PromptStore(axis="t")
        store.add(*prompts)
        return store

    def snapshots(self) -> tuple[PromptSnapshot, ...]:
        """Return the prompts as immutable values, one for each prompted time point."""
        return tuple(store.snapshot() for store in self.volumes.values())


def load_series_prompts(
    source: Any,
    stack: Stack,
    *,
    labels_as: LabelPromptKind = LabelPromptKind.MASK,
    labels_axes: str | None = None,
) -> SeriesPrompts:
    """Return the prompts of a series of volumes from any source, after checking that they fit.

    Parameters
    ----------
    source : path, mapping, SeriesPrompts or array
        A .json file (or its content) or a .csv file in which each prompt has the positions t and
        z, or a label image of the whole series.
    stack : Stack
        The images, with axes t and z.
    labels_as : LabelPromptKind
        Kind of the prompts that labels are converted to.
    labels_axes : str or None
        Axes of a label image, e.g. ``"TZYX"``; None takes those that it states.

    Raises
    ------
    UserError
        If the source is missing, damaged or wrong, a prompt states no time point or no depth, or
        lies outside; the message names it.
    """
    lengths = dict(zip(stack.label_axes, stack.label_shape, strict=True))
    prompts = (
        source
        if isinstance(source, SeriesPrompts)
        else _read(source, stack, lengths, labels_as, labels_axes)
    )
    if not prompts.volumes:
        raise UserError("There are no objects: give at least one point, box or mask.")
    for time, store in prompts.volumes.items():
        _check(time, store, stack, lengths["T"])
    return prompts


def _check(time: int, store: PromptStore, stack: Stack, n_times: int) -> None:
    if not 0 <= time < n_times:
        raise UserError(
            f"Object {store.objects()[0]} is prompted at t={time}, but the time points are 0 to "
            f"{n_times - 1}."
        )
    try:
        check_prompts(store, stack.with_along("z", {"t": time}))
        check_points_inside(store)
    except UserError as error:
        raise UserError(f"At t={time}, where frames are counted along z: {error}") from error


def _read(
    source: Any,
    stack: Stack,
    lengths: Mapping[str, int],
    labels_as: LabelPromptKind,
    labels_axes: str | None,
) -> SeriesPrompts:
    path = local_path(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else None
    document = isinstance(source, Mapping) or (
        path is not None and path.suffix.lower() in (".json", *_TABLES)
    )
    if document:
        if labels_axes is not None:
            raise UserError(
                f"The prompts are not a label image: leave out its axes ({labels_axes})."
            )
        along = "t" if lengths["Z"] == 1 else "z"
        volume = stack.with_along(along)
        return _by_time(_placed(source, path, volume), along, lengths)
    image = _label_image(source, path, labels_axes)
    if image is None:
        raise UserError(f"Prompts of type {type(source).__name__} cannot be used: {_NEEDED}.")
    return SeriesPrompts(
        dict(_from_labels(image, stack, lengths, labels_as)),
        (*image.notes, *place_notes(image, stack)),
    )


def _placed(source: Any, path: Path | None, volume: Stack) -> dict[FixedPosition, PromptStore]:
    if path is None:
        return prompts_from_dict(source, volume.shape, volume.along)
    if not path.is_file():
        raise UserError(f"There is no prompt file {path}. Check the path.")
    if path.suffix.lower() == ".json":
        return read_prompts_json(path, volume.shape, volume.along)
    return read_placed_csv(path, volume)


def _by_time(
    placed: Mapping[FixedPosition, PromptStore], along: str, lengths: Mapping[str, int]
) -> SeriesPrompts:
    """Return prompts by time point, from stores with frames along z or t."""
    other = "z" if along == "t" else "t"
    volumes: dict[int, PromptStore] = {}
    for position, found in placed.items():
        stated = dict(position)
        if odd := sorted(stated.keys() - {"t", "z"}):
            raise UserError(f"{odd[0]} is an axis of the plane: give its position in yx.")
        if lengths[other.upper()] > 1 and other not in stated:
            first = found.objects()[0]
            raise UserError(
                f"A prompt of object {first} states no {other}: {_NEEDED}. Add {other} to it."
            )
        for prompt in found:
            place = {other: stated.get(other, 0), along: prompt.frame}
            time, z = place["t"], place["z"]
            store = volumes.setdefault(time, PromptStore((), "z", (("t", time),)))
            store.add(replace(prompt, frame=z))
    notes = tuple(note for store in placed.values() for note in store.notes)
    return SeriesPrompts(dict(sorted(volumes.items())), notes)


def _label_image(source: Any, path: Path | None, axes: str | None) -> LabelImage | None:
    if path is not None:
        return open_label_image(path, axes)
    if not (hasattr(source, "shape") and hasattr(source, "dtype")):
        return None
    named = None if axes is None else parse_axes(axes, tuple(source.shape))
    return LabelImage(source, named or label_axes_of(source))


def _from_labels(
    image: LabelImage, stack: Stack, lengths: Mapping[str, int], labels_as: LabelPromptKind
) -> Iterator[tuple[int, PromptStore]]:
    """Yield the time points with labels, and the prompts made of them."""
    axes = match_label_axes(image.shape, image.axes, stack)
    for axis in "TZ":
        if axis not in axes and lengths[axis] > 1:
            raise UserError(
                f"The label image has no axis {axis.lower()}: {_NEEDED}. Give labels of the whole "
                "series, or a file of prompts."
            )
    for time in range(lengths["T"]):
        volume = stack.with_along("z", {"t": time})
        store = PromptStore((), "z", (("t", time),))
        store.add(*prompts_from_labels(image, volume, labels_as))
        if len(store):
            yield time, store
