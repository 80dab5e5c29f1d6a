"""Loading of networks by name or from a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from sam2_model.checkpoint.contents import Checkpoint, check_contents, hash_weights
from sam2_model.checkpoint.download import Progress, cached_file, discard_damaged, fetch
from sam2_model.checkpoint.files import Weights, read_weights
from sam2_model.checkpoint.registry import RELEASES, Registry, Release
from sam2_model.checkpoint.transformers_keys import original_state
from sam2_model.device import out_of_memory_advice, resolve_device
from sam2_model.errors import CheckpointError
from sam2_model.modeling.config import SAM2Config, Version
from sam2_model.modeling.sam2 import SAM2
from sam2_model.precision import Precision, resolve_precision

_SUFFIXES = {".pt", ".pth", ".safetensors"}


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """Description of a model that can be loaded by its name.

    Parameters
    ----------
    name : str
        Name for :func:`load_model`.
    parameters : int
        Number of weights.
    license : str
        SPDX identifier of the weights' license.
    download_bytes : int
        Size of the download; 0 if the model comes with the package.
    good_for : str
        Recommended use, one line.
    is_here : bool
        Whether it can be loaded without a network.
    """

    name: str
    parameters: int
    license: str
    download_bytes: int
    good_for: str
    is_here: bool


def load_model(
    name_or_path: str | Path,
    *,
    device: str | torch.device = "auto",
    dtype: Precision | torch.dtype | str = Precision.FLOAT32,
    image_size: int | None = None,
    progress: Progress | None = None,
    offline: bool = False,
    config: SAM2Config | None = None,
    registry: Registry = RELEASES,
) -> SAM2:
    """Return a network in eval mode, downloading its weights if necessary.

    Parameters
    ----------
    name_or_path : str or Path
        ``"auto"``, a name of :func:`available_models`, or a .pt or .safetensors file with the
        keys of the public checkpoints or of transformers.
    device : str or torch.device
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    dtype : Precision, torch.dtype or str
        Number format of the image encoder and the memory modules, see :class:`Precision`.
    image_size : int, optional
        Side of the square input in pixels, a multiple of 32; by default that of the model.
    progress : callable, optional
        Called during a download with the numbers of downloaded and of all bytes.
    offline : bool
        Never connect to the hub, like ``HF_HUB_OFFLINE``.
    config : SAM2Config, optional
        Configuration of a network that is not one of :func:`available_models`.
    registry : Registry
        The models that have names.

    Raises
    ------
    CheckpointError
        If the weights cannot be found, are damaged or unsafe, or fit no known network.
    DeviceError
        If the device does not exist, or its memory is too small.
    InputError
        If ``image_size`` is not a multiple of 32, or there is no such ``dtype``.
    """
    target = resolve_device(device)
    precision = resolve_precision(dtype, target)
    registry = replace(registry, offline=offline or registry.offline)
    checkpoint = open_checkpoint(name_or_path, config=config, registry=registry, progress=progress)
    return load_checkpoint(checkpoint, device=target, dtype=precision, image_size=image_size)


def load_checkpoint(
    checkpoint: Checkpoint,
    *,
    device: str | torch.device = "auto",
    dtype: Precision | torch.dtype | str = Precision.FLOAT32,
    image_size: int | None = None,
) -> SAM2:
    """Return the network of a checkpoint in eval mode.

    Parameters and errors are those of :func:`load_model`.
    """
    target = resolve_device(device)
    precision = resolve_precision(dtype, target)
    model = checkpoint.network(image_size)
    with out_of_memory_advice():
        return model.cast(precision).to(target).eval()


def open_checkpoint(
    name_or_path: str | Path,
    *,
    config: SAM2Config | None = None,
    registry: Registry = RELEASES,
    progress: Progress | None = None,
) -> Checkpoint:
    """Return weights and their network before it is made, downloading them if necessary.

    Parameters and errors are those of :func:`load_model`.
    """
    release = _release(name_or_path, registry)
    if release is None:
        path, weights = Path(name_or_path), read_weights(Path(name_or_path))
    else:
        path, weights = _release_weights(release, registry, progress)
    listed = None if release is None else release.config
    known = config or weights.config or listed
    return check_contents(weights, path, known)


def locate(
    release: Release, registry: Registry = RELEASES, progress: Progress | None = None
) -> Path:
    """Return the file of a named model, downloading it if necessary."""
    if not isinstance(release.source, Path):
        return fetch(registry, release.source, progress)
    if not release.source.is_file():
        raise CheckpointError(f"The model {release.name} does not come with this installation.")
    return release.source


def available_models(registry: Registry = RELEASES) -> tuple[ModelEntry, ...]:
    """Return the models that have a name, without connecting to the hub."""
    return tuple(
        ModelEntry(
            known.name,
            known.parameters,
            known.license,
            known.download_bytes,
            known.good_for,
            _is_here(known, registry),
        )
        for known in registry.releases
    )


def auto_model_name(registry: Registry = RELEASES) -> str:
    """Return the smallest SAM 2.1 that was downloaded, or ``"micro"`` if there is none."""
    for known in registry.releases:
        fetched = not isinstance(known.source, Path) and _is_here(known, registry)
        if fetched and known.config.version is Version.V2_1:
            return known.name
    return "micro"


def weights_hash(weights: SAM2 | str | Path) -> str:
    """Return a sha256 hash of names, shapes and eight values of each tensor.

    Parameters
    ----------
    weights : SAM2, str or Path
        A network on any device, or a file. A file has the hash of its network if that has float32
        weights.

    Raises
    ------
    CheckpointError
        If the file cannot be read.
    """
    if isinstance(weights, SAM2):
        return hash_weights(weights.state_dict())
    return hash_weights(original_state(read_weights(Path(weights)).tensors))


def _release_weights(
    release: Release, registry: Registry, progress: Progress | None
) -> tuple[Path, Weights]:
    """Return the file and weights of a named model; a damaged cached file is downloaded again."""
    path = locate(release, registry, progress)
    try:
        return path, read_weights(path)
    except CheckpointError:
        if isinstance(release.source, Path) or not discard_damaged(path):
            raise
    path = locate(release, registry, progress)
    return path, read_weights(path)


def _is_here(release: Release, registry: Registry) -> bool:
    if isinstance(release.source, Path):
        return release.source.is_file()
    return cached_file(registry, release.source) is not None


def _release(name_or_path: str | Path, registry: Registry) -> Release | None:
    """Return the release with a name, or None for a path."""
    if isinstance(name_or_path, Path):
        return None
    name = auto_model_name(registry) if name_or_path == "auto" else name_or_path
    path = Path(name)
    if registry.find(name) is None and (path.suffix in _SUFFIXES or path.exists()):
        return None
    return registry.get(name)
