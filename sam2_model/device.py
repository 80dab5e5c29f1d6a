"""Selection of the device, and advice when its memory is too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sam2_model.errors import DeviceError


def resolve_device(wanted: str | torch.device = "auto") -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    wanted : str or torch.device
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Raises
    ------
    DeviceError
        If the device is unknown or does not exist; the message states what to install or use.
    """
    if wanted == "auto":
        mps = "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device("cuda" if torch.cuda.is_available() else mps)
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise DeviceError(
            f"Unknown device {wanted!r}: use auto, cpu, cuda, cuda:1 or mps."
        ) from error
    if device.type == "cuda":
        _check_cuda(device)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("MPS needs a Mac with Apple silicon and macOS 12.3 or later: use cpu.")
    return device


@contextmanager
def out_of_memory_advice() -> Iterator[None]:
    """Turn an out-of-memory error of a GPU into a :class:`DeviceError` that states what to try."""
    try:
        yield
    except RuntimeError as error:
        # MPS has no exception class for this.
        on_mps = str(error).startswith("MPS backend out of memory")
        if not (on_mps or isinstance(error, torch.cuda.OutOfMemoryError)):
            raise
        raise DeviceError(f"{_memory()} {_ADVICE}") from error


_ADVICE = (
    "These need less memory: bfloat16 weights (half), fewer objects at once, a smaller "
    "image_size (512 takes about a quarter of 1024), a smaller model (sam2.1_hiera_tiny), keeping "
    "memories on the CPU, closing other programs that use the GPU, or device cpu."
)


def _check_cuda(device: torch.device) -> None:
    if torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(
            "This torch was built without CUDA: install one with CUDA (napari-sam2 doctor prints "
            "the command), or use cpu."
        )
    count = torch.cuda.device_count()
    if not count:
        raise DeviceError("No CUDA GPU was found: check its driver with nvidia-smi, or use cpu.")
    if (device.index or 0) >= count:
        raise DeviceError(f"There is no {device}: {count} GPU(s), the last is cuda:{count - 1}.")


def _memory() -> str:
    if not torch.cuda.is_available():
        return "The GPU is out of memory."
    free, total = torch.cuda.mem_get_info()
    return f"The GPU is out of memory: {free / 2**30:.1f} of {total / 2**30:.1f} GiB are free."
