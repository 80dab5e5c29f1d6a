"""Which libraries each package may use, and what importing the packages loads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, imports, module_name, relative, sources

QT = {"qtpy", "PySide6", "PyQt6", "PyQt5", "PySide2", "superqt", "magicgui"}
VIEWER = QT | {"napari", "npe2", "vispy"}
MODEL = {"torch", "sam2_model"}
MODEL_MAY_USE = {"torch", "numpy", "scipy", "PIL", "jaxtyping", "safetensors", "huggingface_hub"}
# Only these load the model; all but the adapter, which is two places, do so in a function.
ADAPTER = ("napari_sam2.inference.sam2_predictor", "napari_sam2.inference.sam2.")
MAY_CALL_THE_MODEL = (
    *ADAPTER,
    "napari_sam2.inference.model_catalog",
    "napari_sam2.inference.remote.host",
    "napari_sam2.inference.text.weights",
    "napari_sam2.workflows",
    "napari_sam2.batch",
    "napari_sam2.cli",
    "napari_sam2._qt",
    "napari_sam2.viewer.contributions.sample_data",
)
CORE = [
    "session.session",
    "workflows.segment",
    "tracking.propagation",
    "images.view",
    "images.stack",
    "images.intensity",
    "prompts.types",
    "masks.label_array",
]


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level names in sys.modules after importing modules in a fresh process."""
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def test_the_model_loads_no_viewer_and_no_stack() -> None:
    loaded = loaded_by(
        "sam2_model.image_predictor",
        "sam2_model.video_predictor",
        "sam2_model.automatic_mask_generator",
        "sam2_model.checkpoint",
    )
    assert not loaded & (VIEWER | {"dask", "zarr", "napari_sam2", "safetensors", "huggingface_hub"})


def test_the_synthetic_generator_loads_no_torch() -> None:
    assert "torch" not in loaded_by("sam2_model.training.synthetic.generator")


def test_the_packages_and_the_help_load_nothing_heavy() -> None:
    heavy = VIEWER | {"torch", "numpy", "scipy", "skimage", "dask", "zarr", "tifffile"}
    assert not loaded_by("napari_sam2", "sam2_model", "napari_sam2.cli.app") & heavy


def test_the_core_loads_no_viewer_and_no_model() -> None:
    assert not loaded_by(*(f"napari_sam2.{name}" for name in CORE)) & (VIEWER | MODEL)


def test_loading_a_model_imports_no_compiler() -> None:
    code = (
        "import sys\n"
        "from sam2_model.checkpoint import load_model\n"
        "load_model('micro')\n"
        "print(*{'sympy', 'torch._dynamo', 'torch._inductor'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, ""), ended.stdout + ended.stderr


def test_saving_a_tiff_loads_no_library_of_another_format() -> None:
    others = {"nibabel", "pydicom", "ome_zarr_models", "PIL"}
    assert not loaded_by("napari_sam2.export.labels", "napari_sam2.export.tiff") & others


@pytest.mark.parametrize("package", ["sam2_model", "napari_sam2"])
def test_libraries(package: str) -> None:
    check = _model_libraries if package == "sam2_model" else _plugin_libraries
    paths = [path for path in sources() if module_name(path).split(".")[0] == package]
    assert [problem for path in paths for problem in check(path)] == []


def _model_libraries(path: Path) -> list[str]:
    found = {(item.module.split(".")[0], item.lazy or item.typing_only) for item in imports(path)}
    outside = {pair for pair in found if pair[0] not in sys.stdlib_module_names}
    allowed = MODEL_MAY_USE | {"sam2_model"}
    drawing = {("matplotlib", True)} if "training" in path.parts else set()
    wrong = {name for name, _ in outside - drawing} - allowed
    wrong |= {name for name, lazy in outside if not lazy} & {"safetensors", "huggingface_hub"}
    return [f"{relative(path)}: {name}" for name in sorted(wrong)]


def _plugin_libraries(path: Path) -> list[str]:
    module = module_name(path)
    found = {(item.module.split(".")[0], item.lazy or item.typing_only) for item in imports(path)}
    wrong: set[str] = set()
    if not module.startswith("napari_sam2._qt"):
        wrong |= {name for name, _ in found} & QT
    if not module.startswith(("napari_sam2._qt", "napari_sam2.viewer")):
        wrong |= {name for name, _ in found} & VIEWER
    if not module.startswith(ADAPTER):
        wrong |= {name for name, lazy in found if not lazy} & MODEL
    if not module.startswith(MAY_CALL_THE_MODEL):
        wrong |= {name for name, _ in found} & MODEL
    return [f"{relative(path)}: {name}" for name in sorted(wrong)]


def test_no_folder_of_one_machine_is_written_down() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    own = re.compile(r"(?<![\w.:/*-])/(work|root|home|farm|Users|opt|tmp)/\w")
    kinds = {"", ".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".json", ".csv", ".ipynb"}
    paths = [ROOT / name for name in listed.stdout.splitlines() if Path(name).suffix in kinds]
    texts = {path: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
    assert [relative(path) for path, text in texts.items() if own.search(text)] == []
