"""The folder of a run: what is needed to resume it after an interruption."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.inference.protocol import EXACT_DTYPE
from napari_sam2.masks.database import Database, MaskTable
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.prompts.json_format import read_prompts_json, write_prompts_json
from napari_sam2.prompts.store import PromptSnapshot, PromptStore
from napari_sam2.session.storage.fingerprint import Fingerprint
from napari_sam2.session.storage.journal import SqliteJournal
from napari_sam2.session.storage.run_description import ModelIdentity, RunDescription, compare

VERSION = 1
_RUN, _PROMPTS, _MASKS, _SEARCH = "run.json", "prompts.json", "masks.sqlite", "search.json"


class RunFolder:
    """A folder with the description, masks and journal of one run; schema version 1.

    Use :meth:`create` or :meth:`open`, and close it or use it in a ``with`` statement. ``masks``,
    ``drafts`` and ``journal`` may be used from any thread.

    Parameters
    ----------
    path : Path
        The folder.
    database : Database
        The open database in that folder.
    """

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self.masks = SqliteMaskStore(database)
        self.drafts = SqliteMaskStore(database, MaskTable.DRAFTS)
        self.journal = SqliteJournal(database)
        self._database = database

    @staticmethod
    def exists(path: Path) -> bool:
        """Return whether the folder holds a run."""
        return (path / _RUN).is_file()

    @classmethod
    def create(cls, path: Path, description: RunDescription) -> Self:
        """Create the folder of a new run.

        Raises
        ------
        UserError
            If the folder holds a run already.
        """
        if cls.exists(path):
            raise UserError(f"{path} already holds a run. Resume it or overwrite it.")
        path.mkdir(parents=True, exist_ok=True)
        for leftover in (*path.glob(f"{_MASKS}*"), *path.glob(_SEARCH)):
            leftover.unlink()
        folder = cls(path, Database(path / _MASKS))
        folder.save_prompts(description.prompts, description.shape)
        # Written last: a folder without this file does not count as a run.
        write_text(path / _RUN, json.dumps(_run_as_json(description), indent=1))
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder of an earlier run, to resume it.

        Raises
        ------
        UserError
            If there is no run, or it is in use, damaged or of another version.
        """
        _read_run(path)
        return cls(path, Database(path / _MASKS))

    @staticmethod
    def remove(path: Path) -> None:
        """Delete the folder of a run.

        Raises
        ------
        UserError
            If the folder holds files that no run wrote; nothing is deleted then.
        """
        if not path.exists():
            return
        own = (_RUN, _PROMPTS, _MASKS, _SEARCH, Path(_PROMPTS).with_suffix(".masks").name)
        for item in path.iterdir():
            if not item.name.lstrip(".").startswith(own):
                raise UserError(
                    f"{path} holds {item.name}, which is not part of a run. Remove it first."
                )
        shutil.rmtree(path)

    def describe(self) -> RunDescription:
        """Return the description of the run, with the prompts as last saved.

        Raises
        ------
        UserError
            If a file is missing, damaged or of another version.
        """
        return describe_run(self.path)

    def save_prompts(
        self, prompts: PromptStore | Sequence[PromptSnapshot], shape: tuple[int, int]
    ) -> None:
        """Save prompts atomically; ``shape`` is the height and width of a plane in pixels."""
        write_prompts_json(self.path / _PROMPTS, prompts, shape)

    def save_search(self, frame: int) -> None:
        """Save the last frame that was searched for objects, after the prompts found there."""
        write_text(self.path / _SEARCH, json.dumps({"frame": frame}))

    def last_search(self) -> int | None:
        """Return the last frame that was searched for objects; None if none was.

        Raises
        ------
        UserError
            If the file is damaged.
        """
        path = self.path / _SEARCH
        if not path.is_file():
            return None
        node = parse_json(read_text(path), f"{self.path.name}/{_SEARCH}")
        return node.fields(("frame",))["frame"].integer()

    def open_axis(self, axis: str) -> Database:
        """Open the database of a run along one of several axes; created if it does not exist.

        Parameters
        ----------
        axis : str
            The axis, lower case.

        Raises
        ------
        UserError
            If it is in use, damaged or of another version.
        """
        return Database(self.path / f"{_MASKS}.{axis}")

    def close(self) -> None:
        """Close the database; another process can open it then."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def stored_settings(path: Path) -> dict[str, Any]:
    """Return the settings of the run in a folder.

    Raises
    ------
    UserError
        If there is no run, or it is damaged or of another version.
    """
    return dict(_read_run(path)["settings"].value)


def check_same_run(path: Path, now: RunDescription) -> None:
    """Check that the run in a folder has the same description; nothing is written.

    Raises
    ------
    UserError
        If prompts, model, input or settings differ; the message lists the differences.
    """
    if differences := compare(describe_run(path), now):
        raise UserError(
            "Cannot resume: this run differs from the earlier one. "
            + "; ".join(map(str, differences))
            + ". Use the earlier values, overwrite the output, or choose another one."
        )


def describe_run(path: Path) -> RunDescription:
    """Return the description of the run in a folder; nothing is written.

    Raises
    ------
    UserError
        If there is no run, or a file is missing, damaged or of another version.
    """
    fields = _read_run(path)
    height, width = (node.integer() for node in fields["plane"].items())
    prompts = read_prompts_json(path / _PROMPTS, (height, width), partial=True)
    return RunDescription(
        prompts=tuple(store.snapshot() for store in prompts.values()),
        model=_read_model(fields["model"]),
        input=Fingerprint.from_json(fields["input"].value),
        settings=fields["settings"].value,
        shape=(height, width),
    )


def _read_model(node: JsonNode) -> ModelIdentity:
    found = node.fields(("name", "weights_hash", "trained"), ("dtype", "input_size"))
    dtype, size = found.get("dtype"), found.get("input_size")
    return ModelIdentity(
        found["name"].text(),
        found["weights_hash"].text(),
        bool(found["trained"].value),
        EXACT_DTYPE if dtype is None else dtype.text(),
        None if size is None or size.value is None else size.integer(),
    )


def _run_as_json(description: RunDescription) -> dict[str, Any]:
    return {
        "version": VERSION,
        "plane": list(description.shape),
        "model": asdict(description.model),
        "input": description.input.to_json(),
        "settings": dict(description.settings),
    }


def _read_run(path: Path) -> dict[str, JsonNode]:
    if not RunFolder.exists(path):
        raise UserError(f"There is no run in {path}. Choose the folder of an earlier run.")
    node = parse_json(read_text(path / _RUN), f"{path.name}/{_RUN}")
    version = node.value.get("version") if isinstance(node.value, dict) else None
    if version != VERSION:
        raise UserError(
            f"{path} has schema version {version}; this napari-sam2 reads version {VERSION}. "
            "Update napari-sam2."
        )
    return node.fields(("version", "plane", "model", "input", "settings"))
