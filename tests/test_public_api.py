"""The public names of both packages."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = {
    "napari_sam2": {
        *("segment", "open_session", "open_stack", "load_predictor", "evaluate"),
        *("SegmentationSession", "SegmentationResult", "SessionSettings"),
        *("open_session_folder", "OpenedSession", "SessionGroup"),
        *("PointPrompt", "BoxPrompt", "MaskPrompt", "PromptStore"),
        *("PropagationRequest", "PropagationDirection", "ViewPolicy", "MemoryPolicy"),
        *("Stack", "Intensity", "SearchTarget", "CandidateLimits"),
        *("LabelArray", "FrameResult", "UserError", "StackReadError", "__version__"),
    },
    "sam2_model": {
        *("SAM2", "SAM2Config", "MODEL_CONFIGS", "SAM2Error"),
        *("load_model", "save_model", "available_models"),
        *("ImagePredictor", "VideoPredictor", "AutomaticMaskGenerator"),
        *("Tracker", "TrackerSettings", "TrackState"),
        *("PlainMemory", "DistractorAwareMemory", "MemoryTree", "Precision"),
    },
}
HEAVY = {"numpy", "scipy", "torch", "napari", "qtpy", "zarr"}


@pytest.mark.parametrize("package", NAMES)
def test_the_public_names_are_listed(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) == NAMES[package]
    assert set(dir(module)) == NAMES[package]


@pytest.mark.parametrize("package", NAMES)
def test_each_public_name_can_be_imported(package: str) -> None:
    module = importlib.import_module(package)
    for name in NAMES[package] - {"__version__", "MODEL_CONFIGS"}:
        assert getattr(module, name).__name__ == name
        assert getattr(module, name).__doc__


@pytest.mark.parametrize("package", NAMES)
def test_each_public_name_is_known_to_type_checkers(package: str) -> None:
    path = importlib.import_module(package).__file__
    assert path is not None
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    [typing_only] = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        alias.asname or alias.name
        for node in typing_only.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == NAMES[package] - {"__version__"}


@pytest.mark.parametrize("package", NAMES)
def test_other_names_raise_attribute_errors(package: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module(package).no_such_name  # noqa: B018


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = f"import sys, napari_sam2, sam2_model; print(*({HEAVY!r} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
