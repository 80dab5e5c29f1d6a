"""The doctor command finds the problems of made-up computers, and runs on this one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_sam2.cli.app import run
from napari_sam2.cli.diagnostics import (
    Environment,
    Gpu,
    Package,
    Unmet,
    diagnose,
    inspect,
    inspection,
    report,
)

GIB = 1024**3
HEALTHY = Environment(
    system="Linux-6.1-x86_64",
    python="3.11.7 (~/napari/bin/python)",
    python_version=(3, 11),
    packages=(Package("torch", "2.13.0"), Package("napari", "0.9.2")),
    bindings=(Package("PySide6_Essentials", "6.10.3"),),
    unmet=(),
    qt_error="",
    display=":0",
    torch_error="",
    gpu_build=True,
    nvidia_gpus=("NVIDIA L4",),
    gpus=(Gpu("cuda:0", "NVIDIA L4", 24 * GIB, "bfloat16"),),
    cpu_dtype="float32",
    cores=8,
    memory=32 * GIB,
    disk_free=100 * GIB,
    cache="~/.cache/huggingface/hub",
    models=("micro",),
)
LAPTOP = replace(HEALTHY, gpu_build=False, nvidia_gpus=(), gpus=())
MAC = replace(LAPTOP, system="macOS-15.1-arm64", gpus=(Gpu("mps", "Apple", 0),), display="native")


@pytest.mark.parametrize("environment", [HEALTHY, LAPTOP, MAC, replace(LAPTOP, display="")])
def test_a_healthy_computer_has_no_problem(environment: Environment) -> None:
    assert diagnose(environment) == []
    assert "No problem found." in report(environment)


@pytest.mark.parametrize(
    ("change", "what", "remedy"),
    [
        (
            {"gpu_build": False, "gpus": ()},
            "NVIDIA GPU (NVIDIA L4), but the installed torch can only use the CPU",
            "install --force-reinstall torch --index-url",
        ),
        ({"gpus": ()}, "driver is too old", "nvidia-smi"),
        ({"torch_error": "libc10.so: missing"}, "libc10.so: missing", "--force-reinstall torch"),
        ({"bindings": ()}, "No Qt binding", "napari-sam2[all]"),
        ({"qt_error": "libEGL.so.1: cannot open"}, "Qt cannot start: libEGL", "apt-get install"),
        ({"qt_error": 'no Qt platform plugin "xcb"'}, "Qt cannot start", "libxcb-icccm4"),
        (
            {"qt_error": "libEGL.so.1", "system": "macOS-15.1-arm64"},
            "Qt cannot start",
            "force-reinstall PySide6_Essentials",
        ),
        (
            {"bindings": (Package("PySide6", "6.10.3"), Package("PyQt6", "6.11.0"))},
            "Several Qt bindings are installed (PySide6, PyQt6)",
            "pip uninstall PyQt6",
        ),
        (
            {"bindings": (Package("PySide6_Essentials", "6.12.0"),)},
            "miscounts references",
            '"PySide6_Essentials<6.12"',
        ),
        ({"bindings": (Package("PySide6", "6.11.1"),)}, "does not work with PySide6", "!=6.11.1"),
        (
            {"unmet": (Unmet("napari>=0.9", "0.6.2"),)},
            "needs napari>=0.9, but 0.6.2 is installed",
            'pip install "napari>=0.9"',
        ),
        ({"unmet": (Unmet("zarr>=3", ""),)}, "it is not installed", 'pip install "zarr>=3"'),
        ({"memory": 2 * GIB}, "only 2.0 GiB of memory", "--model micro"),
        ({"disk_free": GIB}, "Only 1.0 GiB are free", "HF_HOME"),
    ],
)
def test_each_problem_has_a_remedy(change: dict[str, Any], what: str, remedy: str) -> None:
    broken = replace(HEALTHY, **change)
    [problem] = diagnose(broken)
    assert what in problem.description
    assert remedy in problem.remedy
    assert f"1 problem found:\n1. {problem.description}\n" in report(broken)


def test_all_problems_are_reported_together() -> None:
    broken = replace(HEALTHY, memory=GIB, disk_free=0, bindings=())
    assert len(diagnose(broken)) == 3
    assert "3 problems found:" in report(broken)


def test_pyside_612_works_from_python_312_on() -> None:
    pyside = (Package("PySide6", "6.12.0"),)
    assert diagnose(replace(HEALTHY, python_version=(3, 12), bindings=pyside)) == []


def test_a_missing_torch_is_reported_once() -> None:
    broken = replace(
        HEALTHY, packages=(), torch_error="No module named 'torch'", unmet=(Unmet("torch>=2", ""),)
    )
    [problem] = diagnose(broken)
    assert "needs torch>=2" in problem.description


def test_the_report_lists_versions_and_devices() -> None:
    lines = report(HEALTHY).splitlines()
    assert "torch            2.13.0" in lines
    assert "Qt               PySide6_Essentials 6.10.3" in lines
    assert "device           cuda:0, NVIDIA L4, 24.0 GiB, bfloat16" in lines
    assert "device           cpu, 8 cores, 32.0 GiB of memory, float32" in lines
    assert "models here      micro" in lines
    assert "device           mps, Apple" in report(MAC).splitlines()


def test_unmet_requirements_are_found() -> None:
    from numpy import __version__ as numpy_version

    lines = [
        "numpy>=1",
        "numpy>=1000",
        "no-such-distribution>=1.5",
        "no-such-extra>=1; extra == 'all'",
        "no-such-system>=1; sys_platform == 'plan9'",
    ]
    assert list(inspection.unmet_requirements(lines)) == [
        Unmet("numpy>=1000", numpy_version),
        Unmet("no-such-distribution>=1.5", ""),
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="makes a shell script")
def test_nvidia_gpus_are_those_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA L4'\necho 'NVIDIA H100'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert inspection.list_nvidia_gpus() == ("NVIDIA L4", "NVIDIA H100")
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert inspection.list_nvidia_gpus() == ()


def test_a_qt_that_ends_the_process_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PySide6")
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    error = inspection.find_qt_error(Package("PySide6_Essentials", "6"))
    assert "no-such-platform" in error
    assert "platform plugin" in error


def test_a_binding_without_its_module_is_an_error() -> None:
    assert "no_such_qt" in inspection.find_qt_error(Package("no_such_qt", "1"))


def test_this_computer_can_be_inspected(capfd: pytest.CaptureFixture[str]) -> None:
    environment = inspect()
    assert environment.memory > 0
    assert environment.cores >= 1
    assert {"torch", "napari", "zarr"} <= {package.name for package in environment.packages}
    assert environment.unmet == ()
    assert environment.torch_error == ""
    assert str(Path.home()) not in report(environment)
    assert run(["doctor"]) == (1 if diagnose(environment) else 0)
    assert report(environment).splitlines()[0] in capfd.readouterr().out
