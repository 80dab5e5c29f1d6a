"""Prompts as JSON, version 1, with masks in label images next to the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.label_image import label_crops, open_label_image
from napari_sam2.prompts.mask_files import MaskFiles
from napari_sam2.prompts.store import PromptSnapshot, PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt

VERSION = 1
_AXES = ("t", "z", "y", "x")
_PLACE = ("frame", *_AXES)
_KEYS = ("frame", *_AXES, "yx", "label", "path", "value")


def prompts_axis(path: Path) -> str | None:
    """Return the propagated axis stated in a JSON file, or None if it states none.

    Raises
    ------
    UserError
        If the file is missing or not valid JSON.
    """
    document = parse_json(read_text(path), path.name)
    return _axis(document) if isinstance(document.value, dict) else None


def read_prompts_json(
    path: Path, shape: tuple[int, int], along: str | None = None, *, partial: bool = False
) -> dict[FixedPosition, PromptStore]:
    """Return the prompts of a file by their position on the axes that are not propagated.

    Parameters
    ----------
    path : Path
        The JSON file; mask paths in it are relative to it.
    shape : tuple of int
        Height and width of a plane, which masks must have.
    along : str or None
        The propagated axis, lower case; None is the axis that the file states.
    partial : bool
        Whether a file without objects is accepted.

    Returns
    -------
    dict of FixedPosition to PromptStore
        By increasing position, which is empty for prompts that state none; at least one store.

    Raises
    ------
    UserError
        If a field is missing, unknown or of the wrong type; the message names its position.
    """
    document = parse_json(read_text(path), path.name)
    return _Reader(path.parent, shape, along).stores(document, partial)


def prompts_from_dict(
    data: Mapping[str, Any], shape: tuple[int, int], along: str | None = None
) -> dict[FixedPosition, PromptStore]:
    """Return the prompts of a parsed JSON document; see :func:`read_prompts_json`."""
    return _Reader(Path(), shape, along).stores(JsonNode(dict(data), "prompts"), False)


def write_prompts_json(
    path: Path,
    prompts: PromptStore | Sequence[PromptSnapshot],
    shape: tuple[int, int],
    *,
    scores: Mapping[int, float] | None = None,
) -> None:
    """Write prompts atomically: after a crash the file holds either the old or the new ones.

    Parameters
    ----------
    path : Path
        The JSON file; masks are written to the folder ``NAME.masks`` next to it.
    prompts : PromptStore or sequence of PromptSnapshot
        The prompts, with frames along one axis; snapshots at different positions.
    shape : tuple of int
        Height and width of a plane.
    scores : mapping or None
        Score of each object id, for readers of the file; it is not used as a prompt.
    """
    snapshots = [prompts.snapshot()] if isinstance(prompts, PromptStore) else prompts
    files = MaskFiles(path.with_suffix(".masks"), shape)
    objects: dict[int, dict[str, Any]] = {}
    written: list[str] = []
    for snapshot in snapshots:
        places = files.write(p for p in snapshot.prompts if isinstance(p, MaskPrompt))
        written += places.values()
        for prompt in snapshot.prompts:
            item = objects.setdefault(prompt.object_id, {"id": prompt.object_id})
            kind, content = _prompt_out(prompt, places)
            item.setdefault(kind, []).append(dict(snapshot.position) | content)
    axis = snapshots[0].axis
    document = {
        "version": VERSION,
        **({} if axis is None else {"axis": axis}),
        "objects": [
            item | ({"score": scores[item["id"]]} if scores else {}) for item in objects.values()
        ],
    }
    write_text(path, json.dumps(document, indent=1))
    files.remove_others(written)


def _prompt_out(prompt: Prompt, places: Mapping[MaskPrompt, str]) -> tuple[str, dict[str, Any]]:
    """Return the list that a prompt belongs to, and its fields."""
    frame = {"frame": prompt.frame}
    if isinstance(prompt, PointPrompt):
        return "points", frame | {"yx": list(prompt.yx), "label": prompt.label}
    if isinstance(prompt, BoxPrompt):
        return "boxes", frame | {"yx": [list(prompt.yx0), list(prompt.yx1)]}
    return "masks", frame | {"path": places[prompt], "value": prompt.object_id}


def _axis(document: JsonNode) -> str | None:
    if "axis" not in document.value:
        return None
    node = JsonNode(document.value["axis"], f"{document.place}: axis")
    if node.text() not in _AXES:
        raise node.fail("one of t, z, y, x")
    return node.text()


Crops = dict[int, tuple[Window, NDArray[np.bool_]]]


@dataclass
class _Reader:
    """Reads one document, and each of its label images once."""

    folder: Path
    shape: tuple[int, int]
    along: str | None
    _stores: dict[FixedPosition, PromptStore] = field(default_factory=dict)
    _crops: dict[Path, Crops] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    def stores(self, document: JsonNode, partial: bool) -> dict[FixedPosition, PromptStore]:
        found = document.value.get("version") if isinstance(document.value, dict) else VERSION
        if found not in (None, VERSION) or isinstance(found, bool):
            raise UserError(
                f"{document.place}: schema version {found!r} is unknown; this napari-sam2 reads "
                f"version {VERSION}."
            )
        fields = document.fields(("version", "objects"), ("axis",))
        objects = fields["objects"].items()
        if not objects and not partial:
            raise UserError(f"{document.place}: there are no objects.")
        axis = _axis(document)
        ids: set[int] = set()
        for node in objects:
            ids.add(self._add(node, axis, ids))
        stores = dict(sorted(self._stores.items())) or {(): PromptStore(axis=axis)}
        next(iter(stores.values())).notes = tuple(self._notes)
        return stores

    def _add(self, node: JsonNode, axis: str | None, known: set[int]) -> int:
        """Add the prompts of an object and return its id."""
        fields = node.fields(("id",), ("points", "boxes", "masks", "score"))
        object_id = fields["id"].integer()
        if object_id < 1:
            raise UserError(
                f"{node.place}: id {object_id} is not allowed: ids start at 1, 0 is background."
            )
        if object_id in known:
            raise UserError(f"{node.place}: the id {object_id} is repeated.")
        prompts = tuple(self._prompts(object_id, fields, axis))
        if not prompts:
            raise UserError(f"{node.place}: object {object_id} has no points, boxes or masks.")
        along = axis if self.along is None else self.along
        with node.locating():
            for position in sorted({position for position, _ in prompts}):
                store = self._stores.setdefault(position, PromptStore((), along, position))
                store.add(*(prompt for at, prompt in prompts if at == position))
        return object_id

    def _prompts(
        self, object_id: int, fields: Mapping[str, JsonNode], axis: str | None
    ) -> Iterator[tuple[FixedPosition, Prompt]]:
        readers = {"points": self._point, "boxes": self._box, "masks": self._mask}
        for kind, read in readers.items():
            for node in fields[kind].items() if kind in fields else ():
                with node.locating():
                    frame, position = self._place(node, axis)
                    prompt = read(object_id, frame, node)
                yield position, prompt

    def _place(self, node: JsonNode, axis: str | None) -> tuple[int, FixedPosition]:
        """Return the frame of a prompt, and its position on the other axes that it states."""
        fields = node.fields((), _KEYS)
        stated = {a: fields[a].integer() for a in _AXES if a in fields}
        along = axis if self.along is None else self.along
        counted = along if axis is None else axis
        if "frame" in fields:
            frame = fields["frame"].integer()
            if counted is None:
                return frame, tuple(stated.items())
            if stated.setdefault(counted, frame) != frame:
                raise UserError(f"frame is {frame}, but {counted} is {stated[counted]}.")
        if along not in stated:
            raise UserError(
                "the key 'frame' is missing."
                if along is None or counted == along
                else f"the key {along!r} is missing: frames are counted along {counted}."
            )
        return stated.pop(along), tuple(stated.items())

    def _point(self, object_id: int, frame: int, node: JsonNode) -> Prompt:
        fields = node.fields(("yx", "label"), _PLACE)
        return PointPrompt(object_id, frame, fields["yx"].pair(), fields["label"].integer())

    def _box(self, object_id: int, frame: int, node: JsonNode) -> Prompt:
        fields = node.fields(("yx",), _PLACE)
        return BoxPrompt(object_id, frame, *fields["yx"].pairs())

    def _mask(self, object_id: int, frame: int, node: JsonNode) -> Prompt:
        fields = node.fields(("path",), ("value", *_PLACE))
        path = self.folder / fields["path"].text()
        crops = self._crops_of(path)
        if "value" not in fields:
            return self._any_value(object_id, frame, crops)
        value = fields["value"].integer()
        if value not in crops:
            there = ", ".join(map(str, list(crops)[:5])) or "nothing but 0"
            raise UserError(f"the value {value} is not in {path.name}, which holds {there}.")
        window, mask = crops[value]
        return MaskPrompt(object_id, frame, mask, window.offset)

    def _any_value(self, object_id: int, frame: int, crops: Crops) -> Prompt:
        canvas = np.zeros(self.shape, dtype=np.bool_)
        for window, mask in crops.values():
            canvas[window.slices] |= mask
        return MaskPrompt(object_id, frame, canvas)

    def _crops_of(self, path: Path) -> Crops:
        if path not in self._crops:
            image = open_label_image(path)
            if tuple(image.shape) != self.shape:
                raise UserError(
                    f"the mask {path.name} has shape {tuple(image.shape)} instead of the plane's "
                    f"{self.shape}."
                )
            found = label_crops(lambda window: np.asarray(image[window.slices]), self.shape)
            self._notes += (f"The mask {path.name}: {note}" for note in image.notes)
            self._crops[path] = {value: (window, mask) for value, window, mask in found}
        return self._crops[path]
