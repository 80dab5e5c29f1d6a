"""Number formats of a network, and the fastest one of a device."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch

from sam2_model.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

_NATIVE_BFLOAT16_CUDA = (8, 0)
_CPU_FEATURES = ("amx_bf16", "avx512_bf16")


class Precision(Enum):
    """Number format that a network computes in.

    ``AUTO`` is :attr:`BFLOAT16` on GPUs of compute capability 8.0 and above and on CPUs with AMX
    or AVX512-BF16, and :attr:`FLOAT32` elsewhere. ``FLOAT32`` is exact: without gradients, GPUs
    compute in it without TF32, see :func:`exact_float32`. ``BFLOAT16`` and ``FLOAT16`` hold the
    weights of the image encoder and of the memory modules in that format.
    ``MIXED`` has float32 weights, and computes large attention calls in bfloat16.
    """

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    MIXED = "mixed"

    @classmethod
    def of(cls, wanted: Precision | torch.dtype | str) -> Precision:
        """Return the precision of a name, or of a dtype of weights.

        Raises
        ------
        InputError
            If there is no such precision.
        """
        if isinstance(wanted, cls):
            return wanted
        name = str(wanted).removeprefix("torch.")
        try:
            return cls(name)
        except ValueError as error:
            known = ", ".join(precision.value for precision in cls)
            raise InputError(f"There is no dtype {name!r}: use one of {known}.") from error

    @property
    def weights(self) -> torch.dtype:
        """Dtype of the weights of the image encoder and of the memory modules.

        Raises
        ------
        ValueError
            For :attr:`AUTO`, which depends on the device: see :func:`resolve_precision`.
        """
        if self is Precision.AUTO:
            raise ValueError("The dtype of AUTO depends on the device: call resolve_precision.")
        dtypes = {Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}
        return dtypes.get(self, torch.float32)


def resolve_precision(
    wanted: Precision | torch.dtype | str, device: torch.device | str
) -> Precision:
    """Return the precision to compute in on a device, which is never ``AUTO``.

    Parameters
    ----------
    wanted : Precision, torch.dtype or str
        A precision, its name, or the dtype of the weights.
    device : torch.device or str
        Device of the network, for example ``"cuda:1"``.

    Raises
    ------
    InputError
        If there is no such precision.
    """
    precision = Precision.of(wanted)
    if precision is not Precision.AUTO:
        return precision
    return Precision.BFLOAT16 if has_bfloat16(torch.device(device)) else Precision.FLOAT32


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _NATIVE_BFLOAT16_CUDA
    return device.type == "cpu" and any(map(cpu_features().__contains__, _CPU_FEATURES))


@contextmanager
def exact_float32() -> Iterator[None]:
    """Turn TF32 off for products and convolutions on CUDA GPUs, and restore it at the end.

    The settings belong to the process: work of other threads that is started in between is also
    computed without TF32.
    """
    settings = torch.backends.cuda.matmul, _convolutions()
    # Older versions of torch have only the switch.
    name, exact = ("fp32_precision", "ieee") if _has_formats() else ("allow_tf32", False)
    before = [getattr(setting, name) for setting in settings]
    try:
        for setting in settings:
            setattr(setting, name, exact)
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setattr(setting, name, value)


def without_tf32(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Return a network's method that computes exactly if its precision is ``FLOAT32``.

    Calls that record gradients, and those on other devices than CUDA, are left as they are.
    """

    @functools.wraps(method)
    def exact(network: Any, /, *args: P.args, **options: P.kwargs) -> R:
        on_gpu = network.device.type == "cuda" and not torch.is_grad_enabled()
        if not on_gpu or network.precision is not Precision.FLOAT32:
            return method(network, *args, **options)
        with exact_float32():
            return method(network, *args, **options)

    return exact


def _has_formats() -> bool:
    return hasattr(torch.backends.cudnn, "conv")


def _convolutions() -> Any:
    cudnn: Any = torch.backends.cudnn
    return cudnn.conv if _has_formats() else cudnn


def has_amx() -> bool:
    """Return whether the CPU multiplies bfloat16 matrices with AMX."""
    return "amx_bf16" in cpu_features()


@functools.cache
def cpu_features() -> frozenset[str]:
    """Return the names of the CPU's instruction sets; empty where they are not known."""
    # Older versions of torch cannot list them.
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        return frozenset(name for name, value in capabilities().items() if value is True)
    listed = Path("/proc/cpuinfo")
    if not listed.is_file():
        return frozenset()
    lines = listed.read_text(encoding="utf-8").splitlines()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
