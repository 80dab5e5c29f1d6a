"""Minimal Nikon files (version 2.1) for tests: named chunks, and a map of them at the end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x0ABECEDA
_NAME_BYTES = 4072
_LOOP_TYPES = {"T": 1, "P": 2, "Z": 4}
_RUNTYPES = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}


def _xml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(_xml(key, item) for key, item in value.items())
        return f'<{name} runtype="CLxListVariant">{inner}</{name}>'
    text = str(value).lower() if isinstance(value, bool) else value
    return f'<{name} runtype="{_RUNTYPES[type(value)]}" value="{text}"/>'


def _document(name: str, value: dict[str, Any]) -> bytes:
    return f'<variant version="1.0">{_xml(name, value)}</variant>'.encode()


def _experiment(loops: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    (axis, parameters), inner = loops[0], loops[1:]
    record: dict[str, Any] = {"eType": _LOOP_TYPES[axis], "uLoopPars": parameters}
    if axis == "P":
        record["pItemValid"] = {f"i{i:010}": True for i in range(parameters["uiCount"])}
    if inner:
        record["ppNextLevelEx"] = {"i0000000000": _experiment(inner)}
    return record


def write_nd2(
    path: Path,
    pixels: NDArray[np.uint16],
    axes: str,
    *,
    missing: tuple[int, ...] = (),
    period_ms: float = 2000.0,
    z_step: float = 0.5,
    pixel_size: float = 0.25,
    calibrated: bool = True,
    probe: bool = True,
) -> Path:
    """Write pixels with ``axes`` such as TPZCYX; frames whose number is missing are left out."""
    sizes = dict(zip(axes, pixels.shape, strict=True))
    channels, height, width = sizes.get("C", 1), sizes["Y"], sizes["X"]
    positions = {
        f"i{i:010}": {"dPosX": 1.0, "dPosY": 1.0, "dPosZ": 0.0, "dPosName": f"well{i}"}
        for i in range(sizes.get("P", 0))
    }
    loops = {
        "T": {"dStart": 0.0, "dPeriod": period_ms, "dDuration": 0.0},
        "P": {"bUseZ": False, "Points": positions},
        "Z": {"dZStep": z_step, "dZLow": 0.0, "dZHigh": 1.0, "iType": 0, "wsZDevice": ""},
    }
    experiment = [(a, {"uiCount": sizes[a], **loops[a]}) for a in axes if a in loops]
    frames = pixels.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * channels * 2,
        "uiHeight": height,
        "uiComp": channels,
        "uiBpcInMemory": 16,
        "uiBpcSignificant": 12,
        "uiSequenceCount": len(frames),
        "eCompression": 2,
    }
    light = {"pFluorescentProbe": {"sName": "dye"}} if probe else {}
    planes = {
        f"a{i}": {"sDescription": f"Channel {i}", "uiCompCount": 1, **light}
        for i in range(channels)
    }
    metadata = {
        "bCalibrated": calibrated,
        "dCalibration": pixel_size,
        "sPicturePlanes": {"uiCount": channels, "sPlaneNew": planes},
    }
    chunks = [
        ("ImageAttributes!", _document("SLxImageAttributes", attributes)),
        ("ImageMetadataSeq|0!", _document("SLxPictureMetadata", metadata)),
    ]
    if experiment:
        chunks.append(("ImageMetadata!", _document("SLxExperiment", _experiment(experiment))))
    chunks += [
        (f"ImageDataSeq|{number}!", struct.pack("<d", 0) + np.ascontiguousarray(frame).tobytes())
        for number, frame in enumerate(frames)
        if number not in missing
    ]
    _write_chunks(path, chunks)
    return path


def _write_chunks(path: Path, chunks: list[tuple[str, bytes]]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IIQ", _MAGIC, 32, 64) + b"ND2 FILE SIGNATURE CHUNK NAME01!")
        file.write(b"Ver2.1".ljust(64, b"\0"))
        places = b""
        for name, data in chunks:
            places += name.encode() + struct.pack("<QQ", file.tell(), len(data))
            file.write(struct.pack("<IIQ", _MAGIC, _NAME_BYTES, len(data)))
            file.write(name.encode().ljust(_NAME_BYTES, b"\0") + data)
        location = file.tell()
        end = b"ND2 CHUNK MAP SIGNATURE 0000001!"
        name = b"ND2 FILEMAP SIGNATURE NAME 0001!"
        content = places + end + struct.pack("<Q", location)
        file.write(struct.pack("<IIQ", _MAGIC, len(name), len(content)) + name + content)
