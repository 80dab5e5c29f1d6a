"""What is installed, what it runs on, and what is wrong with it in plain words."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from napari_sam2 import __version__

_PACKAGES = ("torch", "napari", "npe2", "numpy", "zarr", "dask", "tifffile", "nibabel", "qtpy")
_BINDINGS = ("PySide6", "PyQt6", "PyQt5", "PySide2")
_GIB = 1024**3
_INSTALL_QT = 'pip install "napari-sam2[all]"'
_INSTALL_CUDA_TORCH = (
    "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu126"
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that torch can use.

    Parameters
    ----------
    name : str
        As ``--device`` takes it, with the maker's name.
    memory : int
        Bytes in all; 0 where it shares the computer's.
    """

    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class Environment:
    """A snapshot of everything that the diagnosis looks at.

    Parameters
    ----------
    system, python : str
        Operating system and Python version.
    python_version : tuple of int
        Major and minor version.
    packages : tuple of (str, str)
        Name and version of what is installed.
    bindings : tuple of (str, str)
        Qt bindings, likewise.
    qt_fault : str
        Why Qt cannot be imported; empty if it can, or if there is none.
    torch_fault : str
        Why torch cannot be imported.
    cuda_build : bool
        Whether torch was built for NVIDIA GPUs.
    nvidia_gpu : bool
        Whether the computer has an NVIDIA GPU with a driver.
    gpus : tuple of Gpu
        What torch finds.
    cores : int
        Of the processor, as far as this process may use them.
    memory, disk_free : int
        Bytes of memory in all, and free where models are kept.
    models : tuple of str
        Weights that are here already.
    """

    system: str
    python: str
    python_version: tuple[int, int]
    packages: tuple[tuple[str, str], ...]
    bindings: tuple[tuple[str, str], ...]
    qt_fault: str
    torch_fault: str
    cuda_build: bool
    nvidia_gpu: bool
    gpus: tuple[Gpu, ...]
    cores: int
    memory: int
    disk_free: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, and the command or step that mends it."""

    what: str
    remedy: str


def diagnose(environment: Environment) -> list[Problem]:
    """Find what is wrong, the gravest first.

    Parameters
    ----------
    environment : Environment
        From :func:`inspect`, or made up.
    """
    return [*_torch_problems(environment), *_qt_problems(environment), *_room_problems(environment)]


def _torch_problems(environment: Environment) -> Iterator[Problem]:
    if environment.torch_fault:
        yield Problem(
            f"torch cannot be imported: {environment.torch_fault}",
            "pip install --force-reinstall torch",
        )
    elif environment.nvidia_gpu and not environment.cuda_build:
        yield Problem(
            "This computer has an NVIDIA GPU, but the installed torch can only use the processor.",
            _INSTALL_CUDA_TORCH,
        )
    elif environment.nvidia_gpu and not environment.gpus:
        yield Problem(
            "This computer has an NVIDIA GPU, but torch cannot use it: the driver is too old for "
            "this torch, or another program blocks it.",
            "Run `nvidia-smi`; then update the NVIDIA driver and restart",
        )


def _qt_problems(environment: Environment) -> Iterator[Problem]:
    bindings = dict(environment.bindings)
    if not bindings:
        yield Problem(
            "No Qt binding is installed: the command line works, napari's window cannot open.",
            _INSTALL_QT,
        )
    if environment.qt_fault:
        yield Problem(
            f"Qt is installed but cannot be imported: {environment.qt_fault}",
            _qt_remedy(environment),
        )
    if len(bindings) > 1:
        extra = sorted(bindings)[1:]
        yield Problem(
            f"Several Qt bindings are installed ({', '.join(sorted(bindings))}); they get in each "
            "other's way.",
            f"pip uninstall {' '.join(extra)}",
        )
    pyside = bindings.get("PySide6", "")
    if pyside.startswith("6.12.0") and environment.python_version < (3, 12):
        yield Problem(
            "PySide6 6.12.0 crashes on Python 3.11 after a while (it miscounts references).",
            'pip install "PySide6_Essentials<6.12"',
        )


def _qt_remedy(environment: Environment) -> str:
    if environment.system.startswith("Linux") and ".so" in environment.qt_fault:
        return (
            "sudo apt-get install libegl1 libgl1 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 "
            "libxkbcommon-x11-0 libdbus-1-3"
        )
    names = " ".join(name for name, _ in environment.bindings)
    return f"pip install --force-reinstall {names}"


def _room_problems(environment: Environment) -> Iterator[Problem]:
    if environment.memory < 4 * _GIB:
        yield Problem(
            f"Only {environment.memory / _GIB:.1f} GiB of memory: the released models may not fit.",
            "Use `--model micro`, and close other programs",
        )
    if environment.disk_free < 2 * _GIB:
        yield Problem(
            f"Only {environment.disk_free / _GIB:.1f} GiB free where models are kept.",
            "Free some space, or set HF_HOME to a folder on another disk",
        )


def report(environment: Environment) -> str:
    """Write the snapshot and its problems as plain text."""
    lines = [
        f"napari-sam2 {__version__}",
        f"system      {environment.system}",
        f"python      {environment.python}",
        f"processor   {environment.cores} cores, {environment.memory / _GIB:.1f} GiB of memory",
        f"free disk   {environment.disk_free / _GIB:.1f} GiB",
    ]
    lines += [f"{name:<11} {version}" for name, version in environment.packages]
    lines += [f"{'Qt':<11} {name} {version}" for name, version in environment.bindings]
    lines += [f"{'device':<11} cpu"]
    lines += [
        f"{'device':<11} {gpu.name}" + (f", {gpu.memory / _GIB:.1f} GiB" if gpu.memory else "")
        for gpu in environment.gpus
    ]
    lines += [f"{'model here':<11} {name}" for name in environment.models]
    problems = diagnose(environment)
    lines.append("")
    lines.append(f"{len(problems)} problem(s) found" if problems else "No problem found")
    for number, problem in enumerate(problems, 1):
        lines += [f"{number}. {problem.what}", f"   {problem.remedy}"]
    return "\n".join(lines)


def inspect() -> Environment:
    """Take the snapshot of this computer."""
    torch_fault, cuda_build, gpus = _torch_devices()
    bindings = tuple(_versions(_BINDINGS)) or tuple(_versions(("PySide6_Essentials",)))
    return Environment(
        system=platform.platform(),
        python=f"{platform.python_version()} ({sys.executable})",
        python_version=sys.version_info[:2],
        packages=tuple(_versions(_PACKAGES)),
        bindings=tuple((name.removesuffix("_Essentials"), number) for name, number in bindings),
        qt_fault=_qt_fault() if bindings else "",
        torch_fault=torch_fault,
        cuda_build=cuda_build,
        nvidia_gpu=shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists(),
        gpus=gpus,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores(),
        memory=_memory(),
        disk_free=shutil.disk_usage(Path.home()).free,
        models=_models(),
    )


def _cores() -> int:
    return os.cpu_count() or 1


def _versions(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _torch_devices() -> tuple[str, bool, tuple[Gpu, ...]]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return str(error), False, ()
    gpus = [
        Gpu(f"cuda:{number} ({one.name})", one.total_memory)
        for number in range(torch.cuda.device_count())
        for one in (torch.cuda.get_device_properties(number),)
    ]
    if torch.backends.mps.is_available():
        gpus.append(Gpu("mps (Apple)", 0))
    return "", torch.version.cuda is not None, tuple(gpus)


def _qt_fault() -> str:
    try:
        importlib.import_module("qtpy.QtWidgets")
    except Exception as error:  # a broken binding may raise anything
        return str(error) or type(error).__name__
    return ""


def _memory() -> int:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if importlib.util.find_spec("psutil"):
        return int(importlib.import_module("psutil").virtual_memory().total)
    return 0


def _models() -> tuple[str, ...]:
    try:
        from sam2_model.checkpoint import available_models
    except ImportError:
        return ()
    return tuple(entry.name for entry in available_models() if entry.is_here)
