"""The file of a worklist: the open stack, and the files to which labels were saved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.session.storage.session_location import data_folder
from napari_sam2.session.worklist.items import ItemRecord, SavedOutput, Worklist, WorklistItem
from napari_sam2.session.worklist.sources import read_worklist
from napari_sam2.session.worklist.stack_files import WORKLIST_FILE

VERSION = 1


def open_worklist(path: Path) -> Worklist:
    """Return the worklist of a folder or report, as it was saved.

    Stacks that have been moved away stay in the list, as ones that cannot be opened.

    Raises
    ------
    UserError
        If there is no stack (see :func:`read_worklist`), or the saved list is damaged or of a newer
        version.
    """
    found = read_worklist(path)
    saved = next((file for file in _files(found.folder) if file.exists()), None)
    return found if saved is None else _with_saved(found, saved)


def save_worklist(worklist: Worklist) -> Path:
    """Save a worklist in its folder, or in the user's data folder if that cannot be written.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If neither can be written.
    """
    text = json.dumps(_to_json(worklist), indent=1)
    beside, elsewhere = _files(worklist.folder)
    try:
        write_text(beside, text)
    except OSError:
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        write_text(elsewhere, text)
        return elsewhere
    return beside


def _files(folder: Path) -> tuple[Path, Path]:
    """Return where the list of a folder is saved: beside the stacks, else in the data folder."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return folder / WORKLIST_FILE, data_folder().parent / "worklists" / f"{name}.json"


def _to_json(worklist: Worklist) -> dict[str, Any]:
    items = {
        item.name: {"image": item.image, **_record_to_json(worklist, item.name)}
        for item in worklist.items
    }
    return {"version": VERSION, "current": worklist.current, "items": items}


def _record_to_json(worklist: Worklist, name: str) -> dict[str, Any]:
    record, folder = worklist.record(name), worklist.folder
    saved = record.saved
    output = None
    if saved is not None:
        inside = saved.path.is_relative_to(folder)
        path = saved.path.relative_to(folder).as_posix() if inside else str(saved.path)
        output = {"path": path, "edits": saved.edits}
    return {"opened": record.opened, "failure": record.failure, "saved": output}


def _with_saved(found: Worklist, file: Path) -> Worklist:
    """Return a list with the records of its file, and the stacks of the file that are gone."""
    node = parse_json(read_text(file), file.name)
    version = node.value.get("version") if isinstance(node.value, dict) else None
    if version != VERSION:
        raise UserError(
            f"{file} has version {version}; this napari-sam2 reads version {VERSION}. Update "
            "napari-sam2, or delete the file to start a new list."
        )
    fields = node.fields(("version", "current", "items"))
    records: dict[str, ItemRecord] = {}
    images: dict[str, str] = {}
    if not isinstance(fields["items"].value, dict):
        raise fields["items"].fail("an object {...}")
    for name, item in fields["items"].fields(fields["items"].value).items():
        parts = item.fields(("image", "opened", "failure", "saved"))
        records[name] = _record(parts, found.folder)
        images[name] = parts["image"].text()
    names = {item.name for item in found.items}
    gone = (WorklistItem(name=n, image=image) for n, image in images.items() if n not in names)
    items = tuple(sorted((*found.items, *gone), key=lambda item: item.name))
    current = fields["current"].text()
    known = {item.name for item in items}
    return replace(found, items=items, records=records, current=current if current in known else "")


def _record(parts: dict[str, JsonNode], folder: Path) -> ItemRecord:
    saved = parts["saved"]
    output = None
    if saved.value is not None:
        fields = saved.fields(("path", "edits"))
        output = SavedOutput(folder / fields["path"].text(), fields["edits"].integer())
    return ItemRecord(
        opened=parts["opened"].boolean(), failure=parts["failure"].text(), saved=output
    )
