"""From a name or a file to a network that is ready to use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from sam2_model.checkpoint.download import Progress, cached_file, fetch
from sam2_model.checkpoint.files import read_weights
from sam2_model.checkpoint.keys import original_state
from sam2_model.checkpoint.recognise import check_fit, empty_network, recognise
from sam2_model.checkpoint.registry import RELEASES, Registry, Release
from sam2_model.config import SAM2Config, Version
from sam2_model.device import resolve_device
from sam2_model.errors import CheckpointError, InputError
from sam2_model.sam2 import SAM2

_SUFFIXES = {".pt", ".pth", ".safetensors"}
_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What people want to know before they choose a model.

    Parameters
    ----------
    name : str
        For :func:`load_model`.
    parameters : int
        Number of weights.
    licence : str
        SPDX identifier.
    download_bytes : int
        Size of the download; 0 where the model comes with the package.
    good_for : str
        One line.
    is_here : bool
        Whether it can be loaded without a network.
    """

    name: str
    parameters: int
    licence: str
    download_bytes: int
    good_for: str
    is_here: bool


def load_model(
    name_or_path: str | Path,
    *,
    device: str | torch.device = "auto",
    dtype: torch.dtype = torch.float32,
    image_size: int | None = None,
    progress: Progress | None = None,
    config: SAM2Config | None = None,
    registry: Registry = RELEASES,
) -> SAM2:
    """Load a network in eval mode.

    Parameters
    ----------
    name_or_path : str or Path
        ``"auto"``, a name of :func:`available_models`, or a .pt or .safetensors file with the
        public checkpoints' key names or transformers'.
    device : str or torch.device
        As :func:`~sam2_model.device.resolve_device` takes it.
    dtype : torch.dtype
        Of the weights; half-precision files are cast up.
    image_size : int, optional
        Side of the square input, a multiple of 32; else that of the model.
    progress : callable, optional
        Called with the bytes that are here and the bytes of the whole download.
    config : SAM2Config, optional
        Sizes of a network that neither its file nor its shapes tell.
    registry : Registry
        What names mean.

    Raises
    ------
    CheckpointError
        If the weights cannot be had, are damaged or unsafe, or fit no known network.
    DeviceError
        If the device is not there.
    InputError
        If `image_size` cannot be used.
    """
    target = resolve_device(device)
    release = _release(name_or_path, registry)
    path = Path(name_or_path) if release is None else locate(release, registry, progress)
    weights = read_weights(path)
    state = original_state(weights.tensors)
    sizes = config or weights.config or (release and release.config) or recognise(state)
    check_fit(state, sizes, path)
    try:
        model = empty_network(sizes.resized(image_size or sizes.image_size))
    except ValueError as error:
        raise InputError(str(error)) from error
    model.load_state_dict(state, strict=True, assign=True)
    return model.float().cast(dtype).to(target).eval()


def locate(
    release: Release, registry: Registry = RELEASES, progress: Progress | None = None
) -> Path:
    """Return the file of a named model, downloading it unless it is here."""
    if not isinstance(release.source, Path):
        return fetch(registry, release.source, progress)
    if not release.source.is_file():
        raise CheckpointError(f"The model {release.name} does not come with this installation.")
    return release.source


def available_models(registry: Registry = RELEASES) -> tuple[ModelEntry, ...]:
    """List the models that have a name, without asking the network."""
    return tuple(
        ModelEntry(
            known.name,
            known.parameters,
            known.licence,
            known.download_bytes,
            known.good_for,
            _is_here(known, registry),
        )
        for known in registry.releases
    )


def auto_model_name(registry: Registry = RELEASES) -> str:
    """Return the fastest SAM 2.1 that was downloaded (tiny first, large last), else ``"micro"``."""
    for known in registry.releases:
        fetched = not isinstance(known.source, Path) and _is_here(known, registry)
        if fetched and known.config.version is Version.V2_1:
            return known.name
    return "micro"


def weights_hash(model: SAM2) -> str:
    """Return a sha256 over names, shapes and a few values of every tensor; equal on all devices."""
    state = model.state_dict()
    samples = [v.flatten()[:: max(1, v.numel() // _SAMPLES)][:_SAMPLES] for v in state.values()]
    digest = hashlib.sha256("".join(f"{k}{tuple(v.shape)}" for k, v in state.items()).encode())
    digest.update(torch.cat([sample.float() for sample in samples]).cpu().numpy().tobytes())
    return digest.hexdigest()


def _is_here(release: Release, registry: Registry) -> bool:
    if isinstance(release.source, Path):
        return release.source.is_file()
    return cached_file(registry, release.source) is not None


def _release(name_or_path: str | Path, registry: Registry) -> Release | None:
    """Return the release that is named; None for a path."""
    if isinstance(name_or_path, Path):
        return None
    name = auto_model_name(registry) if name_or_path == "auto" else name_or_path
    path = Path(name)
    if registry.find(name) is None and (path.suffix in _SUFFIXES or path.exists()):
        return None
    return registry.get(name)
