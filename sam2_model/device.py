"""Where to compute, and what to do when it does not fit."""

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
        If it is unknown or not there; the message says what to install or do.
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
    """Turn a GPU's lack of memory into a :class:`DeviceError` that says what would fit."""
    try:
        yield
    except RuntimeError as error:
        # MPS has no exception of its own for this.
        on_mps = str(error).startswith("MPS backend out of memory")
        if not (on_mps or isinstance(error, torch.cuda.OutOfMemoryError)):
            raise
        raise DeviceError(f"{_memory()} {_ADVICE}") from error


_ADVICE = (
    "What takes less: bfloat16 weights (half the memory), fewer objects at once, a smaller "
    "image_size (512 takes about a quarter of 1024), a smaller model (sam2.1_hiera_tiny), keeping "
    "memories on the CPU, closing other programs that use the GPU, or device cpu."
)


def _check_cuda(device: torch.device) -> None:
    if torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(
            "This torch was built without CUDA: install one that has it (napari-sam2 doctor "
            "prints the command), or use cpu."
        )
    count = torch.cuda.device_count()
    if not count:
        raise DeviceError("No CUDA GPU is seen: check its driver with nvidia-smi, or use cpu.")
    if (device.index or 0) >= count:
        raise DeviceError(f"There is no {device}: {count} GPU(s), the last is cuda:{count - 1}.")


def _memory() -> str:
    if not torch.cuda.is_available():
        return "The GPU is out of memory."
    free, total = torch.cuda.mem_get_info()
    return f"The GPU is out of memory: {free / 2**30:.1f} of {total / 2**30:.1f} GiB are free."
