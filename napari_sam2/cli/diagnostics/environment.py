"""A computer as the doctor sees it: a frozen snapshot, so that any computer can be made up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution, by the name that pip knows it by."""

    name: str
    version: str

    @property
    def release(self) -> tuple[int, ...]:
        """The version's leading numbers, e.g. ``(6, 11, 3)``."""
        leading = self.version.split("+")[0].split(".")
        return tuple(int(part) for part in leading if part.isdigit())


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement of this package that is not met.

    Parameters
    ----------
    requirement : str
        As pip takes it, e.g. ``"napari>=0.9"``.
    installed : str
        The version that is there instead; empty if none is.
    """

    requirement: str
    installed: str


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device besides the processor that torch can use.

    Parameters
    ----------
    device : str
        As ``--device`` takes it.
    name : str
        As its maker calls it.
    memory : int
        Bytes in all; 0 where it shares the computer's.
    """

    device: str
    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that the diagnosis looks at.

    Parameters
    ----------
    system : str
        Operating system, release and processor, as :func:`platform.platform` says it.
    python : str
        Version, and where it lies.
    python_version : tuple of int
        Major and minor version.
    packages, bindings : tuple of Package
        The libraries that matter, and the Qt bindings.
    unmet : tuple of Unmet
        Requirements of this package that the installed libraries do not meet.
    qt_fault : str
        Why Qt cannot start; empty if it can, or if there is no binding.
    display : str
        What windows open on; empty where there is none.
    torch_fault : str
        Why torch cannot be imported; empty if it can.
    gpu_build : bool
        Whether torch was built for CUDA (or ROCm).
    nvidia_gpus : tuple of str
        NVIDIA GPUs that the driver, not torch, says are there.
    gpus : tuple of Gpu
        What torch finds.
    cores : int
        Of the processor, as far as this process may use them.
    memory, disk_free : int
        Bytes of memory in all, and free on the disk where models are kept.
    cache : str
        Folder where downloaded models are kept.
    models : tuple of str
        Weights that are here already.
    """

    system: str
    python: str
    python_version: tuple[int, int]
    packages: tuple[Package, ...]
    bindings: tuple[Package, ...]
    unmet: tuple[Unmet, ...]
    qt_fault: str
    display: str
    torch_fault: str
    gpu_build: bool
    nvidia_gpus: tuple[str, ...]
    gpus: tuple[Gpu, ...]
    cores: int
    memory: int
    disk_free: int
    cache: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in plain words, and the command or step that mends it."""

    what: str
    remedy: str
