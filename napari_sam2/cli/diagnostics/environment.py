"""A frozen description of a computer and its installation, which tests can make up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution, with its name on PyPI and its version."""

    name: str
    version: str

    @property
    def release(self) -> tuple[int, ...]:
        """Numbers of the version, e.g. ``(6, 11, 3)``."""
        leading = self.version.split("+")[0].split(".")
        return tuple(int(part) for part in leading if part.isdigit())


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement of this package that is not met.

    Parameters
    ----------
    requirement : str
        In the syntax of pip, e.g. ``"napari>=0.9"``.
    installed : str
        The installed version; empty if there is none.
    """

    requirement: str
    installed: str


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device other than the CPU that torch can use.

    Parameters
    ----------
    device : str
        Name for the option ``--device``.
    name : str
        Name of the product.
    memory : int
        Total bytes; 0 if it shares the memory of the computer.
    dtype : str
        The number format that ``auto`` selects; empty if it is not known.
    """

    device: str
    name: str
    memory: int
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that the diagnosis is based on.

    Parameters
    ----------
    system : str
        Operating system, release and processor, as given by :func:`platform.platform`.
    python : str
        Version and path of Python.
    python_version : tuple of int
        Major and minor version.
    packages, bindings : tuple of Package
        The most important libraries, and the Qt bindings.
    unmet : tuple of Unmet
        Requirements of this package that are not met.
    qt_error : str
        Why Qt cannot start; empty if it can, or there is no binding.
    display : str
        The display for windows; empty if there is none.
    torch_error : str
        Why torch cannot be imported; empty if it can.
    gpu_build : bool
        Whether torch was built for CUDA (or ROCm).
    nvidia_gpus : tuple of str
        NVIDIA GPUs found by the driver.
    gpus : tuple of Gpu
        GPUs found by torch.
    cpu_dtype : str
        The number format that ``auto`` selects on the CPU; empty without torch.
    cores : int
        Number of CPU cores that this process may use.
    memory, disk_free : int
        Total bytes of memory, and free bytes on the disk of ``cache``.
    cache : str
        Folder of downloaded models.
    models : tuple of str
        Names of the models that can be used without a network.
    """

    system: str
    python: str
    python_version: tuple[int, int]
    packages: tuple[Package, ...]
    bindings: tuple[Package, ...]
    unmet: tuple[Unmet, ...]
    qt_error: str
    display: str
    torch_error: str
    gpu_build: bool
    nvidia_gpus: tuple[str, ...]
    gpus: tuple[Gpu, ...]
    cpu_dtype: str
    cores: int
    memory: int
    disk_free: int
    cache: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem and how to fix it.

    Parameters
    ----------
    description : str
        What is wrong, in one sentence.
    remedy : str
        The command or step that fixes it.
    """

    description: str
    remedy: str
