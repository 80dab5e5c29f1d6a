"""Worklists of folders of stacks, and of the reports of batches."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.session.worklist.items import Worklist, WorklistItem
from napari_sam2.session.worklist.stack_files import StackFiles, find_stack_files

_REPORTS = "report*.csv"
_COLUMNS = ("name", "state", "input", "output", "message")
"""Columns of a batch's report that are read."""
_LEFT_OUT = "left out"


def read_worklist(path: Path) -> Worklist:
    """Return the stacks of a folder, of the output folder of a batch, or of a batch's report.

    Parameters
    ----------
    path : Path
        A folder of stacks, a folder with ``report.csv`` of a batch, or such a report.

    Raises
    ------
    UserError
        If there is no stack, or the report was written by another program or version.
    """
    path = path.absolute()
    if path.is_dir():
        reports = [report for report in sorted(path.glob(_REPORTS)) if _is_report(report)]
        return _of_reports(path, reports) if reports else _of_folder(path)
    if path.suffix.lower() != ".csv" or not path.is_file():
        raise UserError(
            f"{path} is neither a folder nor the report.csv of a batch. Give one of them."
        )
    return _of_reports(path.parent, [path])


def _of_folder(folder: Path) -> Worklist:
    found = find_stack_files(folder)
    if not found.images:
        raise UserError(f"{folder} has no stack. Choose a folder of images or of a batch's output.")
    items = tuple(_item(image, found) for image in found.images)
    return Worklist(folder=folder, items=items, left_out=dict(_left_out(found)))


def _item(image: Path, files: StackFiles) -> WorklistItem:
    """Return a stack of a folder with its prompts or labels, if they can only be its own."""
    prompts = [found for found in files.prompts_of(image) if not found.is_session]
    labels = [found.path for found in prompts if found.is_labels]
    clicks = [found.path for found in prompts if not found.is_labels]
    names = ", ".join(found.path.name for found in prompts)
    same = [other for other in files.images if other != image]
    shared = prompts and any(
        found in files.prompts_of(other) for other in same for found in prompts
    )
    if shared:
        note = f"Not used, as several stacks have this name: {names}."
    elif len(labels) > 1 or len(clicks) > 1:
        note = f"Not used, as there are several: {names}."
    else:
        note = ""
    return WorklistItem(
        name=image.name,
        image=str(image),
        prompts=clicks[0] if clicks and not note else None,
        labels=labels[0] if labels and not note else None,
        note=note,
    )


def _left_out(files: StackFiles) -> Iterator[tuple[str, str]]:
    for path in files.others:
        yield path.name, "not an image"
    for path in files.saved_labels:
        yield path.name, "labels that were saved"
    used = {found for image in files.images for found in files.prompts_of(image)}
    for found in files.prompts:
        if found not in used:
            yield found.path.name, "no stack of this name"


def _is_report(path: Path) -> bool:
    try:
        return {"name", "state"} <= set(_header(path))
    except (OSError, UnicodeDecodeError):
        return False


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _of_reports(folder: Path, reports: Iterable[Path]) -> Worklist:
    items: dict[str, WorklistItem] = {}
    left_out: dict[str, str] = {}
    for report in sorted(reports, key=lambda path: path.stat().st_mtime):
        for row in _rows(report):
            if row["state"] == _LEFT_OUT:
                left_out[row["name"]] = row["message"]
            else:
                items[row["name"]] = _reported_item(row, folder)
    if not items:
        raise UserError(f"The report of the batch in {folder} has no stack. Nothing to correct.")
    ordered = tuple(items[name] for name in sorted(items))
    return Worklist(folder=folder, items=ordered, left_out=left_out)


def _rows(report: Path) -> list[dict[str, str]]:
    """Return the rows of a report.

    Raises
    ------
    UserError
        If the report is missing, is no table, lacks a column or is cut off.
    """
    try:
        with report.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            missing = [name for name in _COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise UserError(
                    f"{report} has no column {', '.join(missing)}: it was written by another "
                    "program, or by another version of napari-sam2. Run the batch again with "
                    "--resume, or open the folder of the images."
                )
            rows = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{report} cannot be read: {error}. Check the file.") from error
    if any(row[name] is None for row in rows for name in _COLUMNS):
        raise UserError(f"{report} is cut off. Run the batch again with --resume.")
    return rows


def _reported_item(row: Mapping[str, str], folder: Path) -> WorklistItem:
    source, output = row["input"], row["output"]
    image = source if "://" in source else str((folder / source).absolute())
    labels = (folder / output).absolute() if output else None
    note = f"The batch: {row['state']}. {row['message']}" if row["message"] else ""
    if labels is not None and not labels.exists():
        note, labels = f"The labels {labels} of the batch are not there. {note}".strip(), None
    prompts = labels is None and "://" not in image and _prompts_beside(Path(image))
    return WorklistItem(
        name=row["name"], image=image, labels=labels, prompts=prompts or None, note=note
    )


def _prompts_beside(image: Path) -> Path | None:
    """Return the prompt file of an image, if there is one."""
    if not image.exists():
        return None
    return _item(image, find_stack_files(image.parent)).prompts
