"""Keys and values of edits as text and bytes, exact to the last bit."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import fields
from math import isnan
from typing import Any

import numpy as np

from napari_sam2.core.geometry import Window
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.mask import MaskCrop, MaskOrigin, MaskStatus
from napari_sam2.masks.store import MaskKey, MaskRecord
from napari_sam2.prompts.prediction_states import PredictionKey, PredictionState
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt, PromptKey
from napari_sam2.session.history.edit_keys import EditKey, EditValue
from napari_sam2.session.objects import ObjectKey, SegmentedObject

_MASK, _PROMPTS, _PREDICTION, _OBJECT = "mask", "prompts", "prediction", "object"


def encode_key(key: EditKey) -> str:
    """Return a key as text; see :func:`decode_key`."""
    if isinstance(key, MaskKey):
        return json.dumps([_MASK, key.object_id, key.plane])
    if isinstance(key, ObjectKey):
        return json.dumps([_OBJECT, key.object_id])
    kind = _PROMPTS if isinstance(key, PromptKey) else _PREDICTION
    return json.dumps([kind, key.position, key.object_id, key.frame])


def decode_key(text: str) -> EditKey:
    """Return the key from the text of :func:`encode_key`."""
    kind, *parts = json.loads(text)
    if kind == _MASK:
        return MaskKey(parts[0], tuple(parts[1]))
    if kind == _OBJECT:
        return ObjectKey(parts[0])
    position: FixedPosition = tuple((axis, at) for axis, at in parts[0])
    if kind == _PROMPTS:
        return PromptKey(position, parts[1], parts[2])
    return PredictionKey(position, parts[1], parts[2])


def encode_value(value: EditValue) -> bytes | None:
    """Return a value as bytes, None for None; see :func:`decode_value`."""
    if value is None:
        return None
    if isinstance(value, MaskRecord):
        return _encode_mask(value)
    if isinstance(value, SegmentedObject):
        return json.dumps(value.to_json()).encode()
    if isinstance(value, PredictionState):
        crops = {"chosen": _crop(value.chosen), "corrected": _crop(value.corrected)}
        return json.dumps({**crops, "awaited": value.awaited}).encode()
    return json.dumps([_prompt(prompt) for prompt in value]).encode()


def decode_value(key: EditKey, data: bytes | None) -> EditValue:
    """Return the value of a key from the bytes of :func:`encode_value`."""
    if data is None:
        return None
    if isinstance(key, MaskKey):
        return _decode_mask(key, data)
    value = json.loads(data)
    if isinstance(key, ObjectKey):
        return SegmentedObject.from_json(value)
    if isinstance(key, PredictionKey):
        chosen, corrected = _read_crop(value["chosen"]), _read_crop(value["corrected"])
        return PredictionState(chosen, corrected, value["awaited"])
    return tuple(_read_prompt(key, item) for item in value)


def _encode_mask(record: MaskRecord) -> bytes:
    """Return all fields of a mask: a line of JSON, then the fields that are bytes."""
    names = [item.name for item in fields(record) if item.name not in _MASK_KEY]
    values = {name: getattr(record, name) for name in names}
    header = json.dumps({name: _plain(value) for name, value in values.items()})
    blobs = [value for value in values.values() if isinstance(value, bytes)]
    return b"".join([header.encode(), b"\n", *blobs])


def _plain(value: Any) -> Any:
    """Return a field of a mask as JSON; of bytes, the length."""
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, Window):
        return {"window": _bounds(value)}
    if isinstance(value, MaskOrigin):
        return {"origin": value.value}
    if isinstance(value, MaskStatus):
        return {"status": int(value)}
    return {"number": "nan"} if isinstance(value, float) and isnan(value) else value


def _decode_mask(key: MaskKey, data: bytes) -> MaskRecord:
    """Return the mask; fields that an earlier version did not have get their defaults."""
    line, rest = data.split(b"\n", 1)
    values: dict[str, Any] = {}
    for name, value in json.loads(line).items():
        kind, content = next(iter(value.items())) if isinstance(value, dict) else ("", value)
        if kind == "bytes":
            values[name], rest = rest[:content], rest[content:]
        else:
            values[name] = _READ[kind](content)
    return MaskRecord(object_id=key.object_id, index=key.plane, **values)


_MASK_KEY = ("object_id", "index")
_READ: dict[str, Callable[[Any], Any]] = {
    "": lambda value: value,
    "window": lambda bounds: Window(*bounds),
    "origin": MaskOrigin,
    "status": MaskStatus,
    "number": float,
}


def _bounds(window: Window) -> list[int]:
    return [window.y0, window.x0, window.y1, window.x1]


def _crop(crop: MaskCrop | None) -> Any:
    if crop is None:
        return None
    logits = np.ascontiguousarray(crop.logits, np.dtype("<f4"))
    return {"window": _bounds(crop.window), "logits": _text(logits.tobytes())}


def _read_crop(value: Any) -> MaskCrop | None:
    if value is None:
        return None
    window = Window(*value["window"])
    logits = np.frombuffer(_bytes(value["logits"]), np.dtype("<f4")).reshape(window.shape)
    return MaskCrop(window, logits.astype(np.float32))


def _prompt(prompt: Prompt) -> dict[str, Any]:
    if isinstance(prompt, PointPrompt):
        return {"point": list(prompt.yx), "label": prompt.label}
    if isinstance(prompt, BoxPrompt):
        return {"box": [list(prompt.yx0), list(prompt.yx1)]}
    mask = _text(np.packbits(prompt.mask).tobytes())
    return {"mask": mask, "shape": list(prompt.mask.shape), "offset": list(prompt.offset)}


def _read_prompt(key: PromptKey | PredictionKey, value: dict[str, Any]) -> Prompt:
    object_id, frame = key.object_id, key.frame
    if "point" in value:
        y, x = value["point"]
        return PointPrompt(object_id, frame, (y, x), value["label"])
    if "box" in value:
        (y0, x0), (y1, x1) = value["box"]
        return BoxPrompt(object_id, frame, (y0, x0), (y1, x1))
    height, width = value["shape"]
    bits = np.unpackbits(np.frombuffer(_bytes(value["mask"]), np.uint8), count=height * width)
    offset = (int(value["offset"][0]), int(value["offset"][1]))
    return MaskPrompt(object_id, frame, bits.reshape(height, width) != 0, offset)


def _text(data: bytes) -> str:
    return b64encode(zlib.compress(data)).decode()


def _bytes(text: str) -> bytes:
    return zlib.decompress(b64decode(text))
