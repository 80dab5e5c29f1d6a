"""Who may import whom, how large things may grow, and what must not be written down."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(p for name in ("sam2_model", "napari_sam2") for p in (ROOT / name).rglob("*.py"))
QT = {"qtpy", "PySide6", "PyQt6", "PyQt5", "PySide2", "superqt", "magicgui"}
VIEWER = QT | {"napari", "npe2", "vispy"}
MODEL = {"torch", "sam2_model"}
MODEL_MAY_USE = {"torch", "numpy", "scipy", "PIL", "safetensors", "huggingface_hub"}
# Lazily, when one of their functions runs: they choose, train, list or inspect models.
MAY_CALL_THE_MODEL = {"cli", "doctor", "sample_data", "segmentation", "predictor", "_qt"} | {
    *("demo", "evaluation", "finetune", "finetune_clips", "model_shelf"),
}
CORE = [
    "session",
    "segmentation",
    "propagation",
    "views",
    "stack",
    "intensity",
    "prompts",
    "labels",
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


def test_the_package_and_its_help_load_nothing_heavy() -> None:
    heavy = VIEWER | MODEL | {"numpy", "scipy", "skimage", "dask", "zarr", "tifffile"}
    assert not loaded_by("napari_sam2", "napari_sam2.cli.app") & heavy


def test_the_core_loads_no_viewer_and_no_model() -> None:
    assert not loaded_by(*(f"napari_sam2.{name}" for name in CORE)) & (VIEWER | MODEL)


def imports(tree: ast.AST, at_top: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield the top-level names imported at run time, and whether on import of the module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0], at_top
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, at_top and not inside)


def named(path: Path) -> str:
    """Return a source file's path as it is written from the top of the repository."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [p for p in SOURCES if "sam2_model" in p.parts], ids=named)
def test_the_model_uses_few_libraries(path: Path) -> None:
    found = set(imports(ast.parse(path.read_text(encoding="utf-8"))))
    outside = {pair for pair in found if pair[0] not in sys.stdlib_module_names}
    drawing = {("matplotlib", False)} if "training" in path.parts else set()
    assert {name for name, _ in outside - drawing} <= MODEL_MAY_USE | {"sam2_model"}
    assert not outside & {("safetensors", True), ("huggingface_hub", True)}


@pytest.mark.parametrize("path", [p for p in SOURCES if "napari_sam2" in p.parts], ids=named)
def test_the_plugin_imports_one_way(path: Path) -> None:
    found = set(imports(ast.parse(path.read_text(encoding="utf-8"))))
    place = path.relative_to(ROOT / "napari_sam2").with_suffix("").parts[0]
    if place != "_qt":
        assert not {name for name, _ in found} & QT
    if place != "predictor":
        assert not {name for name, at_top in found if at_top} & MODEL
    if place not in MAY_CALL_THE_MODEL:
        assert not {name for name, _ in found} & MODEL


def functions() -> Iterator[tuple[str, int]]:
    """Yield each function's place and its lines, docstring included."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{named(path)}:{node.name}", node.end_lineno - node.lineno + 1


def test_functions_are_short() -> None:
    assert {name: lines for name, lines in functions() if lines > 60} == {}


def test_modules_are_short() -> None:
    sizes = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in sizes.items() if lines > 350} == {}


def test_no_folder_of_one_machine_is_written_down() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    own = re.compile(r"(?<![\w.:/*-])/(work|root|home|farm|Users|opt|tmp)/\w")
    kinds = {"", ".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".json", ".csv", ".ipynb"}
    paths = [ROOT / name for name in listed.stdout.splitlines() if Path(name).suffix in kinds]
    texts = {path: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
    assert [named(path) for path, text in texts.items() if own.search(text)] == []
