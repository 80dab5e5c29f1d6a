"""What all tests share: a screen for Qt, the data sets, one torch thread per process."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"
_screen: subprocess.Popen[bytes] | None = None
_rendering = True


def _xcb_ready() -> bool:
    libraries = ("xcb-icccm", "xcb-keysyms", "xcb-cursor", "xkbcommon-x11")
    return bool(shutil.which("Xvfb")) and all(ctypes.util.find_library(n) for n in libraries)


def pytest_configure(config: pytest.Config) -> None:
    """Use the user's own screen, else a private Xvfb, else Qt's offscreen platform."""
    global _rendering
    os.environ.setdefault("NAPARI_ASYNC", "0")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if not sys.platform.startswith("linux"):
        return
    asked_offscreen = os.environ.get("QT_QPA_PLATFORM") == "offscreen"
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if shown and not asked_offscreen:
        return
    if _xcb_ready() and not asked_offscreen:
        _start_screen()
        return
    _rendering = False
    os.environ["QT_QPA_PLATFORM"] = "offscreen"


def _start_screen() -> None:
    global _screen
    read, write = os.pipe()
    _screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1100x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as number:
        os.environ["DISPLAY"] = f":{number.readline().strip()}"
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _screen is not None:
        _screen.terminate()
        _screen.wait(5)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if _rendering:
        return
    skip = pytest.mark.skip(
        reason="no X server with OpenGL; apt-get install xvfb libxcb-icccm4 libxcb-keysyms1"
    )
    for item in items:
        if "rendering" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Keep processes that share few cores from waiting for each other's threads."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data sets beside the repository; tests that need it skip without it."""
    if not (_SHARED / "data").is_dir():
        pytest.skip(f"the data sets are not here: {_SHARED.name}/data beside the repository")
    return _SHARED


@pytest.fixture(autouse=True, scope="session")
def _gl_queries_without_gl() -> Iterator[None]:
    """Answer the two limits that napari asks OpenGL for, where there is no OpenGL."""
    if _rendering or "napari" not in sys.modules:
        yield
        return
    import napari._vispy.utils.gl as napari_gl

    class Limits:
        GL_EXTENSIONS, GL_MAX_TEXTURE_SIZE = 7939, 3379

        @staticmethod
        def glGetParameter(name: int) -> object:  # noqa: N802
            return {7939: "texture_float", 3379: 8192, 32883: 1024}[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(napari_gl, "gl", Limits)
        yield
