"""Prompts as JSON, version 1, with masks in label images next to the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.masks.label_image import label_crops, open_label_image
from napari_sam2.prompts.mask_files import MaskFiles
from napari_sam2.prompts.store import PromptSnapshot, PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt

VERSION = 1
_AXES = ("t", "z", "y", "x")


def prompts_axis(path: Path) -> str | None:
    """Return the propagated axis stated in a JSON file, or None if it states none.

    Raises
    ------
    UserError
        If the file is missing or not valid JSON.
    """
    document = parse_json(read_text(path), path.name)
    return _axis(document) if isinstance(document.value, dict) else None


def read_prompts_json(path: Path, shape: tuple[int, int], *, partial: bool = False) -> PromptStore:
    """Return the prompts of a file.

    Parameters
    ----------
    path : Path
        The JSON file; mask paths in it are relative to it.
    shape : tuple of int
        Height and width of a plane, which masks must have.
    partial : bool
        Whether a file without objects is accepted.

    Raises
    ------
    UserError
        If a field is missing, unknown or of the wrong type; the message names its position.
    """
    document = parse_json(read_text(path), path.name)
    return _Reader(path.parent, shape).store(document, partial)


def prompts_from_dict(
    data: Mapping[str, Any], shape: tuple[int, int], folder: Path = Path()
) -> PromptStore:
    """Return the prompts of a parsed JSON document; see :func:`read_prompts_json`."""
    return _Reader(folder, shape).store(JsonNode(dict(data), "prompts"), False)


def write_prompts_json(
    path: Path,
    prompts: PromptStore | PromptSnapshot,
    shape: tuple[int, int],
    *,
    scores: Mapping[int, float] | None = None,
) -> None:
    """Write prompts atomically: after a crash the file holds either the old or the new ones.

    Parameters
    ----------
    path : Path
        The JSON file; masks are written to the folder ``NAME.masks`` next to it.
    prompts : PromptStore or PromptSnapshot
        The prompts.
    shape : tuple of int
        Height and width of a plane.
    scores : mapping or None
        Score of each object id, for readers of the file; it is not used as a prompt.
    """
    snapshot = prompts.snapshot() if isinstance(prompts, PromptStore) else prompts
    files = MaskFiles(path.with_suffix(".masks"), shape)
    places = files.write(p for p in snapshot.prompts if isinstance(p, MaskPrompt))
    document = {
        "version": VERSION,
        **({} if snapshot.axis is None else {"axis": snapshot.axis}),
        "objects": [
            item | ({"score": scores[item["id"]]} if scores else {})
            for item in _objects_out(snapshot, places)
        ],
    }
    write_text(path, json.dumps(document, indent=1))
    files.remove_others(places.values())


def _objects_out(
    snapshot: PromptSnapshot, places: Mapping[MaskPrompt, str]
) -> list[dict[str, Any]]:
    objects: dict[int, dict[str, Any]] = {}
    for prompt in snapshot.prompts:
        item = objects.setdefault(prompt.object_id, {"id": prompt.object_id})
        if isinstance(prompt, PointPrompt):
            point = {"frame": prompt.frame, "yx": list(prompt.yx), "label": prompt.label}
            item.setdefault("points", []).append(point)
        elif isinstance(prompt, BoxPrompt):
            box = {"frame": prompt.frame, "yx": [list(prompt.yx0), list(prompt.yx1)]}
            item.setdefault("boxes", []).append(box)
        else:
            mask = {"frame": prompt.frame, "path": places[prompt], "value": prompt.object_id}
            item.setdefault("masks", []).append(mask)
    return list(objects.values())


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
    _crops: dict[Path, Crops] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    def store(self, document: JsonNode, partial: bool) -> PromptStore:
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
        store = PromptStore(axis=_axis(document))
        for node in objects:
            self._add(node, store)
        store.notes = tuple(self._notes)
        return store

    def _add(self, node: JsonNode, store: PromptStore) -> None:
        fields = node.fields(("id",), ("points", "boxes", "masks", "score"))
        object_id = fields["id"].integer()
        if object_id < 1:
            raise UserError(
                f"{node.place}: id {object_id} is not allowed: ids start at 1, 0 is background."
            )
        if object_id in store.objects():
            raise UserError(f"{node.place}: the id {object_id} is repeated.")
        prompts = tuple(self._prompts(object_id, fields))
        if not prompts:
            raise UserError(f"{node.place}: object {object_id} has no points, boxes or masks.")
        with node.locating():
            store.add(*prompts)

    def _prompts(self, object_id: int, fields: Mapping[str, JsonNode]) -> Iterator[Prompt]:
        readers = {"points": self._point, "boxes": self._box, "masks": self._mask}
        for kind, read in readers.items():
            for node in fields[kind].items() if kind in fields else ():
                with node.locating():
                    prompt = read(object_id, node)
                yield prompt

    def _point(self, object_id: int, node: JsonNode) -> Prompt:
        fields = node.fields(("frame", "yx", "label"))
        frame, label = fields["frame"].integer(), fields["label"].integer()
        return PointPrompt(object_id, frame, fields["yx"].pair(), label)

    def _box(self, object_id: int, node: JsonNode) -> Prompt:
        fields = node.fields(("frame", "yx"))
        return BoxPrompt(object_id, fields["frame"].integer(), *fields["yx"].pairs())

    def _mask(self, object_id: int, node: JsonNode) -> Prompt:
        fields = node.fields(("frame", "path"), ("value",))
        path = self.folder / fields["path"].text()
        crops = self._crops_of(path)
        if "value" not in fields:
            return self._any_value(object_id, fields["frame"].integer(), crops)
        value = fields["value"].integer()
        if value not in crops:
            there = ", ".join(map(str, list(crops)[:5])) or "nothing but 0"
            raise UserError(f"the value {value} is not in {path.name}, which holds {there}.")
        window, mask = crops[value]
        return MaskPrompt(object_id, fields["frame"].integer(), mask, window.offset)

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
