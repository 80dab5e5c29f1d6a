"""Reading weights from files that may be damaged or unsafe, and writing weights."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sam2_model.errors import CheckpointError
from sam2_model.modeling.config import HieraConfig, SAM2Config, Version
from sam2_model.modeling.sam2 import SAM2

_FREQUENCIES = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"


@dataclass(frozen=True, slots=True)
class Weights:
    """What a file of weights holds.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Tensors by name.
    config : SAM2Config or None
        The configuration of the network, if the file has one.
    model_type : str
        The file's entry ``"model_type"``, as micro-sam writes it; empty if there is none.
    """

    tensors: dict[str, Tensor]
    config: SAM2Config | None = None
    model_type: str = ""


def read_weights(path: Path) -> Weights:
    """Return the weights in a .pt (bare or under ``"model"``) or .safetensors file.

    Code in a file is never run.

    Raises
    ------
    CheckpointError
        If the file does not exist, is empty, a folder or damaged, or has no weights.
    """
    start = _start(path)
    # A safetensors file starts with the length of its header, whose bytes can be those of other
    # formats.
    if start[8:9] == b"{":
        return _read_safetensors(path)
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return _read_pickle(path)
    if start.lstrip()[:1] == b"<":
        raise CheckpointError(
            f"{path} is a web page, not weights: the link was that of a page about the file. "
            "Use the link of the file itself, or load the model by its name."
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a pointer to weights in Git LFS, not weights: run git lfs pull."
        )
    return _read_safetensors(path)


def save_model(model: SAM2, path: Path, *, half: bool = True, notes: str = "") -> None:
    """Write weights as .safetensors, with the configuration and a checksum in the metadata.

    Parameters
    ----------
    model : SAM2
        Network on any device.
    path : Path
        File to write; an existing file is replaced only after everything is written.
    half : bool
        Store float16 instead of float32; the random Fourier frequencies stay float32.
    notes : str
        Text for the metadata, e.g. the training data.
    """
    from safetensors.torch import save_file

    kind = torch.float16 if half else torch.float32
    tensors = {k: v.detach().to("cpu", kind).contiguous() for k, v in model.state_dict().items()}
    tensors[_FREQUENCIES] = model.state_dict()[_FREQUENCIES].float().cpu()
    described = json.dumps(asdict(model.config) | {"version": model.config.version.value})
    metadata = {"config": described, "notes": notes, "sha256": _digest(tensors)}
    partial = path.with_name(f"{path.name}.partial")
    try:
        save_file(tensors, partial, metadata)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _start(path: Path) -> bytes:
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: give the .pt or .safetensors file in it.")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no file {path}.") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    if not start:
        raise CheckpointError(f"{path} is empty: download it again.")
    return start


def _read_pickle(path: Path) -> Weights:
    try:
        _check_archive(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "nsupported" not in str(error):
            raise _damaged(path, error) from error
        raise CheckpointError(
            f"{path} contains Python code or objects besides tensors; none of it was run. "
            "Use weights from a source that you trust, as .safetensors or a bare state dict."
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    state = loaded.get("model", loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(f'{path} has no state dict, neither bare nor under "model".')
    model_type = loaded.get("model_type") if state is not loaded else None
    tensors = {str(key): value for key, value in state.items()}
    return Weights(tensors, model_type=model_type if isinstance(model_type, str) else "")


def _check_archive(path: Path) -> None:
    """Check the archive's checksums, which torch.load ignores."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip()
    if broken is not None:
        raise zipfile.BadZipFile(f"wrong checksum of {broken}")


def _read_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        config = _config(metadata["config"]) if "config" in metadata else None
    except (SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _damaged(path, error) from error
    if metadata.get("sha256", "") not in ("", _digest(tensors)):
        raise _damaged(path, ValueError("its tensors do not have the checksum in its metadata"))
    return Weights(tensors, config)


def _config(text: str) -> SAM2Config:
    fields: dict[str, Any] = json.loads(text)
    trunk: dict[str, Any] = fields["trunk"]
    trunk = {key: tuple(v) if isinstance(v, list) else v for key, v in trunk.items()}
    known = {"trunk": HieraConfig(**trunk), "version": Version(fields["version"])}
    return SAM2Config(**(fields | known))


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode())
        digest.update(tensors[key].contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _damaged(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CheckpointError(
        f"{path} is truncated, damaged or not a weights file: download it again. ({reason})"
    )
