"""The doctor finds what is wrong in made-up computers, and runs on this one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_sam2.cli.app import run
from napari_sam2.doctor import Environment, Gpu, diagnose, inspect, report

GIB = 1024**3
HEALTHY = Environment(
    system="Linux-6.1-x86_64",
    python="3.11.7 (python)",
    python_version=(3, 11),
    packages=(("torch", "2.13.0"), ("napari", "0.9.2")),
    bindings=(("PySide6", "6.11.3"),),
    qt_fault="",
    torch_fault="",
    cuda_build=True,
    nvidia_gpu=True,
    gpus=(Gpu("cuda:0 (NVIDIA L4)", 24 * GIB),),
    cores=8,
    memory=32 * GIB,
    disk_free=100 * GIB,
    models=("micro",),
)


def test_a_healthy_computer_has_no_problem() -> None:
    assert diagnose(HEALTHY) == []
    assert "No problem found" in report(HEALTHY)
    assert "cuda:0 (NVIDIA L4), 24.0 GiB" in report(HEALTHY)


@pytest.mark.parametrize(
    ("change", "what", "remedy"),
    [
        ({"cuda_build": False, "gpus": ()}, "only use the processor", "--index-url"),
        ({"gpus": ()}, "driver is too old", "nvidia-smi"),
        ({"torch_fault": "libc10.so: missing"}, "torch cannot be imported", "pip install"),
        ({"bindings": ()}, "No Qt binding", "napari-sam2[all]"),
        ({"qt_fault": "libEGL.so.1: cannot open"}, "cannot be imported", "apt-get install"),
        ({"qt_fault": "undefined symbol"}, "cannot be imported", "force-reinstall PySide6"),
        (
            {"bindings": (("PySide6", "6.11.3"), ("PyQt6", "6.11.0"))},
            "Several Qt bindings",
            "pip uninstall PySide6",
        ),
        ({"bindings": (("PySide6", "6.12.0"),)}, "miscounts references", "<6.12"),
        ({"memory": 2 * GIB}, "2.0 GiB of memory", "--model micro"),
        ({"disk_free": GIB}, "1.0 GiB free", "HF_HOME"),
    ],
)
def test_each_fault_is_named_with_its_remedy(
    change: dict[str, object], what: str, remedy: str
) -> None:
    [problem] = diagnose(replace(HEALTHY, **change))  # type: ignore[arg-type]
    assert what in problem.what
    assert remedy in problem.remedy
    assert problem.what in report(replace(HEALTHY, **change))  # type: ignore[arg-type]


def test_pyside_612_is_fine_where_none_is_immortal() -> None:
    newer = replace(HEALTHY, python_version=(3, 12), bindings=(("PySide6", "6.12.0"),))
    assert diagnose(newer) == []


def test_this_computer_can_be_inspected(capfd: pytest.CaptureFixture[str]) -> None:
    environment = inspect()
    assert environment.memory > 0
    assert dict(environment.packages)["torch"]
    assert run(["doctor"]) == (1 if diagnose(environment) else 0)
    assert "napari-sam2" in capfd.readouterr().out
