"""Actions as bytes, exact to the last bit."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.images.intensity import Intensity
from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.session.actions.actions import (
    Action,
    CandidateChosen,
    EarlierEdits,
    InputUsed,
    MaskPredicted,
    MaskRefined,
    MasksDeleted,
    MasksMerged,
    MasksMoved,
    RunAdvanced,
    RunStarted,
    StatusChanged,
    StepRedone,
    StepUndone,
    ValueSet,
)
from napari_sam2.session.storage.edit_codec import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from napari_sam2.session.storage.run_description import ModelIdentity
from napari_sam2.session.storage.session_description import intensity_from_json, intensity_to_json
from napari_sam2.tracking.plan import Plan, Sweep

_KINDS: dict[str, type[Action]] = {
    "input": InputUsed,
    "value": ValueSet,
    "predict": MaskPredicted,
    "choose": CandidateChosen,
    "refine": MaskRefined,
    "status": StatusChanged,
    "delete": MasksDeleted,
    "merge": MasksMerged,
    "move": MasksMoved,
    "run": RunStarted,
    "advance": RunAdvanced,
    "undo": StepUndone,
    "redo": StepRedone,
    "earlier": EarlierEdits,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def kind_of(action: Action) -> str:
    """Return the name of the kind of an action."""
    return _NAMES[type(action)]


def encode_action(action: Action) -> bytes:
    """Return an action as bytes; see :func:`decode_action`."""
    if isinstance(action, ValueSet):
        data = encode_value(action.value)
        value = None if data is None else b64encode(data).decode()
        return json.dumps({"key": encode_key(action.key), "value": value}).encode()
    values = {item.name: _plain(getattr(action, item.name)) for item in fields(action)}
    return json.dumps(values).encode()


def decode_action(kind: str, data: bytes) -> Action:
    """Return the action from its kind and the bytes of :func:`encode_action`."""
    values = json.loads(data)
    if kind == "value":
        key, text = decode_key(values["key"]), values["value"]
        value = decode_value(key, None if text is None else b64decode(text))
        return ValueSet(key, value)  # type: ignore[arg-type]
    read = {name: _READ.get(name, _same)(value) for name, value in values.items()}
    return _KINDS[kind](**read)


def _plain(value: Any) -> Any:
    if isinstance(value, FrameRanges):
        return [list(item) for item in value.ranges]
    if isinstance(value, Plan):
        return [_sweep_to_json(sweep) for sweep in value.sweeps]
    if isinstance(value, Intensity):
        return intensity_to_json(value)
    if isinstance(value, ModelIdentity):
        return value.to_json()
    if isinstance(value, frozenset):
        return sorted(int(item) for item in value)
    return int(value) if isinstance(value, MaskStatus) else value


def _position(value: Any) -> FixedPosition:
    return tuple((str(axis), int(at)) for axis, at in value)


def _ranges(value: Any) -> FrameRanges | None:
    return None if value is None else FrameRanges(tuple((a, b) for a, b in value))


def _sweep_to_json(sweep: Sweep) -> dict[str, Any]:
    frames = sweep.frames
    return {
        "direction": sweep.direction.value,
        "conditioning": [[o, list(frames)] for o, frames in sweep.conditioning.items()],
        "written": [[o, _plain(ranges)] for o, ranges in sweep.written.items()],
        "frames": [frames.start, frames.stop, frames.step],
        "both": sweep.both,
        "ends": sweep.ends,
    }


def _sweep(value: Any) -> Sweep:
    return Sweep(
        MaskOrigin(value["direction"]),
        {o: tuple(frames) for o, frames in value["conditioning"]},
        {o: FrameRanges(tuple((a, b) for a, b in ranges)) for o, ranges in value["written"]},
        range(*value["frames"]),
        value["both"],
        value.get("ends", False),
    )


def _same(value: Any) -> Any:
    return value


_READ: dict[str, Callable[[Any], Any]] = {
    "position": _position,
    "frames": _ranges,
    "rivals": tuple,
    "status": MaskStatus,
    "of": lambda values: frozenset(map(MaskStatus, values)),
    "plan": lambda values: Plan(tuple(map(_sweep, values))),
    "intensity": intensity_from_json,
    "model": ModelIdentity.from_json,
}
