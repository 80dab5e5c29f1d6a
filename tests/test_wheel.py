"""The built wheel works in an environment without this folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _run(*command: object, **options: object) -> str:
    ended = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, **options
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_wheel_contains_widget_samples_menus_and_model(tmp_path: Path) -> None:
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("napari_sam2-*.whl")
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True)
    python = clean / ("Scripts" if os.name == "nt" else "bin") / "python"
    _run(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    # Use the libraries of this environment, but not its editable install of this checkout.
    site = _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(site) / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    places = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | places
    script = ROOT / "tests" / "helpers" / "in_clean_environment.py"
    assert "all there" in _run(python, "-P", script, cwd=tmp_path, env=environment)
