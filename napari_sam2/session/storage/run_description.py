"""What decides the results of a run, and how two runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.inference.protocol import EXACT_DTYPE, MemoryPolicy, ModelInfo
from napari_sam2.prompts.store import PromptSnapshot, PromptStore
from napari_sam2.session.storage.fingerprint import Fingerprint

_MAX_LISTED_OBJECTS = 5
_FIRST_SETTINGS: Mapping[str, Any] = {"exclusion": False, "memory": MemoryPolicy.PLAIN.value}
"""Values of settings that the first runs were computed with and did not store."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The model of a run.

    Parameters
    ----------
    name : str
        E.g. ``"sam2.1_hiera_tiny"``.
    weights_hash : str
        Hash of the weights.
    trained : bool
        False for random weights.
    dtype : str
        Number format of the calculations; the first runs did not store it.
    input_size : int or None
        Side of the square input in pixels; None for the usual one of the network.
    """

    name: str
    weights_hash: str
    trained: bool = True
    dtype: str = EXACT_DTYPE
    input_size: int | None = None

    @classmethod
    def of(cls, info: ModelInfo) -> ModelIdentity:
        """Return the identity of a loaded model."""
        size = info.image_size if info.resized else None
        return cls(info.name, info.weights_hash, info.trained, info.dtype, size)

    def __str__(self) -> str:
        """Return the model for a message."""
        size = "" if self.input_size is None else f", {self.input_size} px"
        return f"{self.name} ({self.weights_hash[:12]}, {self.dtype}{size})"

    def to_json(self) -> dict[str, Any]:
        """Return a value that :mod:`json` can write; see :meth:`from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelIdentity:
        """Return the identity from the value of :meth:`to_json`."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class RunDescription:
    """Everything that decides the results of a run.

    Parameters
    ----------
    prompts : tuple of PromptSnapshot
        All prompts, one snapshot for each position on the axes that are not propagated.
    model : ModelIdentity
        The model.
    input : Fingerprint
        The images.
    settings : mapping
        Settings as JSON values: direction, range, view, contrast, group size and so on.
    shape : tuple of int
        Height and width of a plane, in pixels.
    """

    prompts: tuple[PromptSnapshot, ...]
    model: ModelIdentity
    input: Fingerprint
    settings: Mapping[str, Any]
    shape: tuple[int, int]

    @property
    def memory(self) -> MemoryPolicy:
        """Memory policy of the run; plain for runs of versions without memory policies.

        Raises
        ------
        UserError
            If the policy is not known.
        """
        name = self.settings.get("memory", _FIRST_SETTINGS["memory"])
        try:
            return MemoryPolicy(name)
        except ValueError:
            raise UserError(
                f"The run was made with the memory policy {name}, which this napari-sam2 does not "
                "know. Update napari-sam2."
            ) from None


class RunPart(Enum):
    """The parts of a run description that are compared."""

    PROMPTS = "prompts"
    MODEL = "model"
    INPUT = "input"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class RunDifference:
    """One difference between two runs, which prevents resuming.

    Parameters
    ----------
    part : RunPart
        The part that differs.
    detail : str
        The old and the new value, for a message.
    """

    part: RunPart
    detail: str

    @classmethod
    def of_models(cls, before: ModelIdentity, now: ModelIdentity) -> RunDifference:
        """Return the difference between two models."""
        return cls(RunPart.MODEL, f"was {before}, now {now}")

    def __str__(self) -> str:
        return f"{self.part.value}: {self.detail}"


def compare(before: RunDescription, now: RunDescription) -> tuple[RunDifference, ...]:
    """Return all differences between two runs; empty if ``now`` can resume ``before``."""
    found: list[RunDifference] = []
    if detail := _prompt_difference(before.prompts, now.prompts):
        found.append(RunDifference(RunPart.PROMPTS, detail))
    if before.model != now.model:
        found.append(RunDifference.of_models(before.model, now.model))
    found += [RunDifference(RunPart.INPUT, text) for text in before.input.differences(now.input)]
    found += _setting_differences(before.settings, now.settings)
    return tuple(found)


def _setting_differences(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[RunDifference]:
    for name in sorted({*before, *now}):
        old, new = (settings.get(name, _FIRST_SETTINGS.get(name)) for settings in (before, now))
        if _as_json(old) != _as_json(new):
            yield RunDifference(RunPart.SETTINGS, f"{name} was {old}, now {new}")


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _prompt_difference(before: Sequence[PromptSnapshot], now: Sequence[PromptSnapshot]) -> str:
    axes = [next((str(snapshot.axis) for snapshot in run), "unknown") for run in (before, now)]
    if axes[0] != axes[1]:
        return f"their axis was {axes[0]}, now {axes[1]}"
    old, new = ({s.position: PromptStore(s.prompts) for s in run} for run in (before, now))
    changed = {
        object_id
        for position in {*old, *new}
        for object_id in _changed(old.get(position), new.get(position))
    }
    if not changed:
        return ""
    more = ", ..." if len(changed) > _MAX_LISTED_OBJECTS else ""
    listed = ", ".join(map(str, sorted(changed)[:_MAX_LISTED_OBJECTS]))
    return f"the prompts of object {listed}{more} have changed"


def _changed(old: PromptStore | None, new: PromptStore | None) -> list[int]:
    """Return the objects whose prompts at one position differ."""
    before, now = old or PromptStore(), new or PromptStore()
    ids = {*before.objects(), *now.objects()}
    return [o for o in ids if _prompts_of(before, o) != _prompts_of(now, o)]


def _prompts_of(store: PromptStore, object_id: int) -> tuple[Any, ...]:
    return tuple(store.get(object_id, frame) for frame in store.frames(object_id))
