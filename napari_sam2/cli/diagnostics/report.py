"""Environment and problems as plain text, ready to paste into a bug report."""

from __future__ import annotations

from collections.abc import Iterator

from napari_sam2 import __version__
from napari_sam2.cli.diagnostics.diagnosis import diagnose
from napari_sam2.cli.diagnostics.environment import Environment

_GIB = 1024**3


def report(environment: Environment) -> str:
    """Return an environment and its problems as lines of plain text."""
    facts = [f"{name:<16} {value}".rstrip() for name, value in _facts(environment)]
    return "\n".join([*facts, "", *_problems(environment)])


def _facts(environment: Environment) -> Iterator[tuple[str, str]]:
    yield "napari-sam2", __version__
    yield "system", environment.system
    yield "python", environment.python
    for package in environment.packages:
        yield package.name, package.version
    for binding in environment.bindings:
        yield "Qt", f"{binding.name} {binding.version}"
    yield "display", environment.display or "none"
    cpu = f"cpu, {environment.cores} cores, {_size(environment.memory)} of memory"
    yield "device", cpu + _dtype(environment.cpu_dtype)
    for gpu in environment.gpus:
        memory = (gpu.memory > 0) * f", {_size(gpu.memory)}"
        yield "device", f"{gpu.device}, {gpu.name}{memory}{_dtype(gpu.dtype)}"
    yield "models in", f"{environment.cache}, {_size(environment.disk_free)} free"
    yield "models here", ", ".join(environment.models) or "none"


def _problems(environment: Environment) -> Iterator[str]:
    problems = diagnose(environment)
    count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
    yield f"{count} found:" if problems else "No problem found."
    for number, problem in enumerate(problems, 1):
        yield f"{number}. {problem.description}"
        yield f"   To fix it: {problem.remedy}"


def _dtype(name: str) -> str:
    return f", {name}" if name else ""


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB"
