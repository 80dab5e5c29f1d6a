"""Find problems of an environment."""

from __future__ import annotations

from collections.abc import Iterator

from napari_sam2.cli.diagnostics.environment import Environment, Package, Problem

_GIB = 1024**3
_MIN_MEMORY = 4 * _GIB
_MIN_DISK = 2 * _GIB
_CUDA_INDEX = "https://download.pytorch.org/whl/cu126"
_QT_LIBRARIES = (
    "libegl1 libgl1 libdbus-1-3 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 "
    "libxcb-render-util0 libxcb-xkb1 libxkbcommon-x11-0"
)


def diagnose(environment: Environment) -> list[Problem]:
    """Return the problems of an environment, the most serious first.

    Parameters
    ----------
    environment : Environment
        From :func:`~napari_sam2.cli.diagnostics.inspect`.

    Returns
    -------
    list of Problem
        Empty if there is none.
    """
    return [
        *_unmet_requirements(environment),
        *_torch_problems(environment),
        *_qt_problems(environment),
        *_space_problems(environment),
    ]


def _unmet_requirements(environment: Environment) -> Iterator[Problem]:
    for unmet in environment.unmet:
        state = f"{unmet.installed} is installed" if unmet.installed else "it is not installed"
        yield Problem(
            f"napari-sam2 needs {unmet.requirement}, but {state}.",
            f'python -m pip install "{unmet.requirement}"',
        )


def _torch_problems(environment: Environment) -> Iterator[Problem]:
    if environment.torch_error and any(one.name == "torch" for one in environment.packages):
        yield Problem(
            f"torch cannot be imported: {environment.torch_error}",
            "python -m pip install --force-reinstall torch",
        )
    elif environment.nvidia_gpus and not environment.gpu_build:
        yield Problem(
            f"This computer has an NVIDIA GPU ({environment.nvidia_gpus[0]}), but the installed "
            "torch can only use the CPU, which is many times slower.",
            f"python -m pip install --force-reinstall torch --index-url {_CUDA_INDEX}",
        )
    elif environment.nvidia_gpus and not environment.gpus:
        yield Problem(
            f"This computer has an NVIDIA GPU ({environment.nvidia_gpus[0]}), but torch cannot use "
            "it: the driver is too old for this torch, or CUDA_VISIBLE_DEVICES hides the GPU.",
            "Update the NVIDIA driver and restart; `nvidia-smi` shows what the driver supports",
        )


def _qt_problems(environment: Environment) -> Iterator[Problem]:
    bindings = environment.bindings
    if not bindings:
        yield Problem(
            "No Qt binding is installed: the command line works, but napari cannot open a window.",
            'python -m pip install "napari-sam2[all]"',
        )
    if environment.qt_error:
        yield Problem(f"Qt cannot start: {environment.qt_error}", _qt_remedy(environment))
    if len(bindings) > 1:
        yield Problem(
            f"Several Qt bindings are installed ({', '.join(one.name for one in bindings)}), "
            "which conflict with each other.",
            f"python -m pip uninstall {' '.join(one.name for one in bindings[1:])}",
        )
    for binding in bindings:
        yield from _pyside_problems(binding, environment.python_version)


def _pyside_problems(binding: Package, python_version: tuple[int, int]) -> Iterator[Problem]:
    if not binding.name.startswith("PySide6"):
        return
    if binding.release[:2] == (6, 12) and python_version < (3, 12):
        yield Problem(
            f"PySide6 {binding.version} miscounts references on Python 3.11, which ends the "
            "process after some time.",
            f'python -m pip install "{binding.name}<6.12"',
        )
    elif binding.release in {(6, 11, 0), (6, 11, 1)}:
        yield Problem(
            f"napari does not work with PySide6 {binding.version}.",
            f'python -m pip install "{binding.name}!=6.11.0,!=6.11.1,<6.12"',
        )


def _qt_remedy(environment: Environment) -> str:
    error = environment.qt_error
    if environment.system.startswith("Linux") and (".so" in error or "platform plugin" in error):
        return f"sudo apt-get install {_QT_LIBRARIES}"
    names = " ".join(binding.name for binding in environment.bindings)
    return f"python -m pip install --force-reinstall {names}"


def _space_problems(environment: Environment) -> Iterator[Problem]:
    if environment.memory < _MIN_MEMORY:
        yield Problem(
            f"There are only {environment.memory / _GIB:.1f} GiB of memory, which may be too "
            "little for the released models.",
            "Use `--model micro`, or close other programs",
        )
    if environment.disk_free < _MIN_DISK:
        yield Problem(
            f"Only {environment.disk_free / _GIB:.1f} GiB are free where models are kept "
            f"({environment.cache}).",
            "Delete files, or set HF_HOME to a folder on another disk",
        )
