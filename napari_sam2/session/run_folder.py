"""The bookkeeping of a run, beside its output: enough to go on after any interruption."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.json_reader import JsonNode, parse_json
from napari_sam2.masks.database import Database, MaskTable
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.prompts.json_format import read_prompts_json, write_prompts_json
from napari_sam2.prompts.store import PromptSnapshot, PromptStore
from napari_sam2.session.fingerprint import Fingerprint
from napari_sam2.session.journal import SqliteJournal

VERSION = 1
_RUN, _PROMPTS, _MASKS = "run.json", "prompts.json", "masks.sqlite"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model a run uses.

    Parameters
    ----------
    name : str
        E.g. ``"sam2.1_hiera_tiny"``.
    weights_hash : str
        Identifies the weights.
    trained : bool
        False for random weights.
    """

    name: str
    weights_hash: str
    trained: bool = True


@dataclass(frozen=True, slots=True)
class RunDescription:
    """All that decides the results of a run.

    Parameters
    ----------
    prompts : PromptSnapshot
        What is asked.
    model : ModelIdentity
        What answers.
    input : Fingerprint
        About which data.
    settings : mapping
        How, as JSON values: direction, range, view, contrast, group size and so on.
    shape : tuple of int
        Height and width of a plane.
    """

    prompts: PromptSnapshot
    model: ModelIdentity
    input: Fingerprint
    settings: Mapping[str, Any]
    shape: tuple[int, int]


class Part(Enum):
    """What of a run may differ from an earlier one."""

    PROMPTS = "prompts"
    MODEL = "model"
    INPUT = "input"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a run cannot go on from an earlier one.

    Parameters
    ----------
    part : Part
        What differs.
    detail : str
        How, in words.
    """

    part: Part
    detail: str

    def __str__(self) -> str:
        return f"{self.part.value}: {self.detail}"


def compare(before: RunDescription, now: RunDescription) -> tuple[Difference, ...]:
    """Return what differs between two runs, in words; empty where one can go on from the other."""
    found: list[Difference] = []
    if detail := _prompt_difference(before.prompts, now.prompts):
        found.append(Difference(Part.PROMPTS, detail))
    if before.model != now.model:
        detail = f"was {_model_words(before.model)}, now {_model_words(now.model)}"
        found.append(Difference(Part.MODEL, detail))
    found += [Difference(Part.INPUT, words) for words in before.input.differences(now.input)]
    for name in sorted({*before.settings, *now.settings}):
        old, new = before.settings.get(name), now.settings.get(name)
        if _plain(old) != _plain(new):
            found.append(Difference(Part.SETTINGS, f"{name} was {old}, now {new}"))
    return tuple(found)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _model_words(model: ModelIdentity) -> str:
    return f"{model.name} ({model.weights_hash[:12]})"


def _prompt_difference(before: PromptSnapshot, now: PromptSnapshot) -> str:
    if before.axis != now.axis:
        return f"their axis was {before.axis}, now {now.axis}"
    old, new = PromptStore(before.prompts), PromptStore(now.prompts)
    changed = [
        object_id
        for object_id in sorted({*old.objects(), *new.objects()})
        if _of(old, object_id) != _of(new, object_id)
    ]
    if not changed:
        return ""
    more = ", ..." if len(changed) > 5 else ""
    return f"those of object {', '.join(map(str, changed[:5]))}{more} are not as before"


def _of(store: PromptStore, object_id: int) -> tuple[Any, ...]:
    return tuple(store.get(object_id, frame) for frame in store.frames(object_id))


class RunFolder:
    """Prompts, settings, model, input, masks and journal of one run; schema version 1.

    Open or create one with the class methods, and close it, or use it in a ``with`` statement.
    ``masks``, ``drafts`` and ``journal`` may be used from any thread.

    Parameters
    ----------
    path : Path
        The folder.
    database : Database
        Its open database.
    """

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self.masks = SqliteMaskStore(database)
        self.drafts = SqliteMaskStore(database, MaskTable.DRAFTS)
        self.journal = SqliteJournal(database)
        self._database = database

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether a run has been begun in this folder."""
        return (path / _RUN).is_file()

    @classmethod
    def create(cls, path: Path, description: RunDescription) -> Self:
        """Begin a run.

        Raises
        ------
        UserError
            If a run exists there already.
        """
        if cls.exists(path):
            raise UserError(f"{path} holds a run already: resume it or overwrite it.")
        path.mkdir(parents=True, exist_ok=True)
        for leftover in path.glob(f"{_MASKS}*"):
            leftover.unlink()
        folder = cls(path, Database(path / _MASKS))
        folder.save_prompts(description.prompts, description.shape)
        # Written last: a folder without it was never begun.
        write_text(path / _RUN, json.dumps(_run_out(description), indent=1))
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run to go on with.

        Raises
        ------
        UserError
            If there is none, it is in use, damaged or of a newer version.
        """
        _run_in(path)
        return cls(path, Database(path / _MASKS))

    @staticmethod
    def remove(path: Path) -> None:
        """Delete the folder of a run, and nothing that is no such folder.

        Raises
        ------
        UserError
            If the folder holds anything else.
        """
        if not path.exists():
            return
        ours = (_RUN, _PROMPTS, _MASKS, Path(_PROMPTS).with_suffix(".masks").name)
        for item in path.iterdir():
            if not item.name.lstrip(".").startswith(ours):
                raise UserError(f"{path} holds {item.name}, which no run wrote: remove it first.")
        shutil.rmtree(path)

    def describe(self) -> RunDescription:
        """Return what the run was begun with, and the prompts as they were last saved.

        Raises
        ------
        UserError
            If a file is missing, damaged or of a newer version.
        """
        return _describe(self.path)

    def compare_for_resume(self, now: RunDescription) -> tuple[Difference, ...]:
        """Return what differs from the run as it was begun; empty where it can go on."""
        return compare(self.describe(), now)

    def check_resume(self, now: RunDescription) -> None:
        """Refuse to go on with another run; see :func:`check_same_run`."""
        check_same_run(self.path, now)

    def save_prompts(self, prompts: PromptStore | PromptSnapshot, shape: tuple[int, int]) -> None:
        """Save prompts, atomically; masks among them are of a plane of ``shape``."""
        write_prompts_json(self.path / _PROMPTS, prompts, shape)

    def close(self) -> None:
        """Close the database, so that another process can open it."""
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


def check_same_run(path: Path, now: RunDescription) -> None:
    """Refuse to go on with anything but what the run in a folder was begun with.

    The folder is not written to.

    Raises
    ------
    UserError
        Naming each difference: prompts, model, input or settings.
    """
    if differences := compare(_describe(path), now):
        raise UserError(
            "Cannot resume, because this is another run than before. "
            + "; ".join(map(str, differences))
            + ". Use the same as before, overwrite, or choose another output."
        )


def _describe(path: Path) -> RunDescription:
    fields = _run_in(path)
    height, width = (node.integer() for node in fields["plane"].items())
    prompts = read_prompts_json(path / _PROMPTS, (height, width), partial=True)
    model = fields["model"].fields(("name", "weights_hash", "trained"))
    return RunDescription(
        prompts=prompts.snapshot(),
        model=ModelIdentity(
            model["name"].text(), model["weights_hash"].text(), bool(model["trained"].value)
        ),
        input=Fingerprint.from_json(fields["input"].value),
        settings=fields["settings"].value,
        shape=(height, width),
    )


def _run_out(description: RunDescription) -> dict[str, Any]:
    model = description.model
    return {
        "version": VERSION,
        "plane": list(description.shape),
        "model": {
            "name": model.name,
            "weights_hash": model.weights_hash,
            "trained": model.trained,
        },
        "input": description.input.to_json(),
        "settings": dict(description.settings),
    }


def _run_in(path: Path) -> dict[str, JsonNode]:
    if not RunFolder.exists(path):
        raise UserError(f"There is no run in {path}.")
    node = parse_json(read_text(path / _RUN), f"{path.name}/{_RUN}")
    version = node.value.get("version") if isinstance(node.value, dict) else None
    if version != VERSION:
        raise UserError(
            f"{path} has schema version {version}; this napari-sam2 reads version {VERSION}. "
            "Update napari-sam2."
        )
    return node.fields(("version", "plane", "model", "input", "settings"))
