"""Inspect this computer and the installation."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from napari_sam2.cli.diagnostics.environment import Environment, Gpu, Package, Unmet

_PACKAGES = (
    *("torch", "napari", "npe2", "magicgui", "qtpy", "vispy", "numpy", "scipy"),
    *("zarr", "dask", "tifffile", "nibabel", "av", "huggingface_hub"),
)
# In order of preference. PySide6 requires PySide6_Essentials, so only one of them is listed.
_BINDINGS = (("PySide6", "PySide6_Essentials"), ("PyQt6",), ("PyQt5",), ("PySide2",))
_START_QT = "from {module}.QtWidgets import QApplication; QApplication([])"
_TIMEOUT_SECONDS = 60


def inspect() -> Environment:
    """Return the description of this computer; imports torch, and starts Qt in a new process."""
    torch_error, gpu_build, gpus = _torch_devices()
    bindings = tuple(found for names in _BINDINGS for found in _installed(names)[:1])
    cache = _model_cache()
    return Environment(
        system=platform.platform(),
        python=f"{platform.python_version()} ({_from_home(Path(sys.executable))})",
        python_version=sys.version_info[:2],
        packages=tuple(_installed(_PACKAGES)),
        bindings=bindings,
        unmet=tuple(unmet_requirements(_requirements())),
        qt_error=find_qt_error(bindings[0]) if bindings else "",
        display=_display(),
        torch_error=torch_error,
        gpu_build=gpu_build,
        nvidia_gpus=list_nvidia_gpus(),
        gpus=gpus,
        cpu_dtype="" if torch_error else _auto_dtype("cpu"),
        cores=_cores(),
        memory=psutil.virtual_memory().total,
        disk_free=shutil.disk_usage(_existing(cache)).free,
        cache=_from_home(cache),
        models=_models(),
    )


def unmet_requirements(lines: Iterable[str]) -> Iterator[Unmet]:
    """Yield the requirements, without extras, that the installed libraries do not meet.

    Parameters
    ----------
    lines : iterable of str
        Requirements in the syntax of pip.
    """
    for requirement in map(Requirement, lines):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        packages = _installed([requirement.name])
        version = packages[0].version if packages else ""
        if not version or not requirement.specifier.contains(version, prereleases=True):
            yield Unmet(f"{requirement.name}{requirement.specifier}", version)


def _requirements() -> list[str]:
    try:
        return metadata.requires("napari-sam2") or []
    except metadata.PackageNotFoundError:
        return []


def _installed(names: Iterable[str]) -> list[Package]:
    found = []
    for name in names:
        try:
            found.append(Package(name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found


def _torch_devices() -> tuple[str, bool, tuple[Gpu, ...]]:
    """Return the import error of torch, whether it was built for GPUs, and the GPUs it finds."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return _last_line(str(error)), False, ()
    gpus = [
        Gpu(f"cuda:{number}", one.name, one.total_memory, _auto_dtype(f"cuda:{number}"))
        for number in range(torch.cuda.device_count())
        for one in [torch.cuda.get_device_properties(number)]
    ]
    if torch.backends.mps.is_available():
        gpus.append(Gpu("mps", "Apple", 0, _auto_dtype("mps")))
    return "", bool(torch.version.cuda or torch.version.hip), tuple(gpus)


def _auto_dtype(device: str) -> str:
    from sam2_model.precision import resolve_precision

    return resolve_precision("auto", device).value


def list_nvidia_gpus() -> tuple[str, ...]:
    """Return the GPUs listed by the NVIDIA driver, whether or not torch can use them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        # Containers often lack the program.
        cards = Path("/proc/driver/nvidia/gpus")
        return tuple(card.name for card in cards.iterdir()) if cards.is_dir() else ()
    query = [program, "--query-gpu=name", "--format=csv,noheader"]
    code, output = _run(query)
    return tuple(output.splitlines()) if code == 0 else ()


def find_qt_error(binding: Package) -> str:
    """Return why Qt cannot start, or ""; started in a new process, which a broken Qt may end."""
    environment = {} if _display() else {"QT_QPA_PLATFORM": "offscreen"}
    start = _START_QT.format(module=binding.name.removesuffix("_Essentials"))
    code, output = _run([sys.executable, "-c", start], environment)
    return "" if code == 0 else _last_line(output) or f"it exits with code {code}"


def _run(command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Return the exit code and the output of a program."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_SECONDS,
            env=os.environ | (environment or {}),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return ended.returncode, ended.stdout.decode(errors="replace").strip()


def _last_line(text: str) -> str:
    """Return the last line, or the first one of Qt that names the platform plugin."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    qt_lines = [line for line in lines if "platform plugin" in line]
    return qt_lines[0] if qt_lines else (lines or [""])[-1]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _display() -> str:
    if not sys.platform.startswith("linux"):
        return "native"
    if platform_name := os.environ.get("QT_QPA_PLATFORM", ""):
        return platform_name
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY", "")


def _model_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _from_home(path: Path) -> str:
    """Return a path relative to the home folder, without the user name: reports are public."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _models() -> tuple[str, ...]:
    try:
        from sam2_model.checkpoint import available_models
    except (ImportError, OSError):
        return ()
    return tuple(entry.name for entry in available_models() if entry.is_here)
