"""Set-up of all tests: an X server for Qt, the data sets, one torch thread per process."""

from __future__ import annotations

import ctypes.util
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Shapes in annotations are checked in these modules. Inner layers are left out: they are called
# so often that checks would take longer than the tests.
_CHECKED = (
    "automatic_mask_generator",
    "batching",
    "image_predictor",
    "modeling.features",
    "modeling.image_encoder",
    "modeling.mask_decoder",
    "modeling.memory_attention",
    "modeling.memory_encoder",
    "modeling.position_encoding",
    "modeling.prompt_encoder",
    "modeling.sam2",
    "tracker",
    "transforms",
    "video_predictor",
)
# Checked code would not be counted by SlipCover. The slow tests, without it, call all of it.
if "SLIPCOVER_ENABLED" not in os.environ:
    install_import_hook([f"sam2_model.{name}" for name in _CHECKED], "beartype.beartype")

# On a busy machine any example can take long; a test that hangs is ended by pytest-timeout.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

_ALLOCATIONS = 50_000
"""Number of new objects after which the garbage collector runs; 700 by default."""
_MEMORY = Path("/dev/shm")
_SHARED = Path(__file__).resolve().parents[2] / "shared"
_SERVER = pytest.StashKey[subprocess.Popen[bytes]]()
_CAN_RENDER = pytest.StashKey[bool]()
_DEBIAN = "xvfb libxcb-icccm4 libxcb-keysyms1 libxcb-cursor0 libxkbcommon-x11-0"


def pytest_configure(config: pytest.Config) -> None:
    """Start a private X server for Qt; otherwise use the user's, or none ("offscreen")."""
    os.environ.setdefault("NAPARI_ASYNC", "0")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    _keep_files_in_memory()
    config.stash[_CAN_RENDER] = not sys.platform.startswith("linux") or _find_display(config)
    if not config.stash[_CAN_RENDER]:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


def _keep_files_in_memory() -> None:
    """Write temporary files to memory if there is room: sessions wait for a disk at each step."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free > 4 << 30:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _find_display(config: pytest.Config) -> bool:
    """Return whether an X server or Wayland is available."""
    if os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return False
    # Workers of pytest-xdist inherit the X server of the process that started them.
    if "PYTEST_XDIST_WORKER" not in os.environ and _can_start_server():
        return _start_server(config)
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _can_start_server() -> bool:
    libraries = ("xcb-icccm", "xcb-keysyms", "xcb-cursor", "xkbcommon-x11")
    return bool(shutil.which("Xvfb")) and all(map(ctypes.util.find_library, libraries))


def _start_server(config: pytest.Config) -> bool:
    read, write = os.pipe()
    size = ["-screen", "0", "1600x1100x24"]
    config.stash[_SERVER] = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), *size, "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    if number:
        os.environ.update(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb")
        os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    return bool(number)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the private X server."""
    if server := config.stash.get(_SERVER, None):
        server.terminate()
        server.wait(5)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that render if there is no X server."""
    if config.stash[_CAN_RENDER]:
        return
    skip = pytest.mark.skip(reason=f"no X server with OpenGL; apt-get install {_DEBIAN}")
    for item in items:
        if item.get_closest_marker("rendering"):
            item.add_marker(skip)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector skip what was imported, and run seldom by itself.

    Libraries call it, some for each file.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Use one torch thread, since test processes share few cores."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of data sets beside the repository; skip the test without it."""
    if not (_SHARED / "data").is_dir():
        pytest.skip(f"no data sets: {_SHARED.name}/data is not beside the repository")
    return _SHARED


@pytest.fixture(autouse=True, scope="session")
def _gl_queries_without_gl(request: pytest.FixtureRequest) -> Iterator[None]:
    """Return fixed values for the OpenGL limits that napari queries if there is no OpenGL."""
    if request.config.stash[_CAN_RENDER] or "napari" not in sys.modules:
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


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny text model with random weights."""
    pytest.importorskip("transformers", reason="no transformers; pip install 'napari-sam2[text]'")
    from tests.helpers.text_models import save_text_model

    return save_text_model(tmp_path_factory.mktemp("models") / "text-model")
