"""The order of the packages, and the sizes and names of modules."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter

from tests.architecture.sources import imports, module_name, relative, sources, syntax_tree

# A package may import packages on earlier lines, not on later ones nor beside it.
ORDER = [
    {"core"},
    {"images"},
    {"masks"},
    {"prompts"},
    {"inference"},
    {"candidates", "tracking"},
    {"session"},
    {"analysis", "export"},
    {"workflows", "viewer"},
    {"batch"},
    {"cli", "_qt"},
]
LEVELS = {name: level for level, names in enumerate(ORDER) for name in names}
NOT_ON = {"batch": {"viewer"}, "cli": {"viewer"}, "_qt": {"workflows", "batch"}}
MAX_LINES = 350
MAX_FUNCTION_LINES = 60
MAX_MODULES = 12
# The count of changes of a tensor has no public name.
PRIVATE_OF_TORCH = frozenset({"part._version"})
RETIRED = frozenset(
    {
        *("allowance", "alt_click", "asking", "augment", "batches", "beginning", "blend"),
        *("cache", "claims", "clicks", "compose", "contrast", "davis_files", "depth", "engine"),
        *("evaluate_scores", "evaluate_tracks", "exit_codes", "extras", "faults", "finding"),
        *("finetune_clips", "first_look", "frames", "guide", "hand_over", "haze", "held_out"),
        *("hint", "hover", "huge_chunks", "image_box", "image_file", "image_folder"),
        *("interrupt", "json_fields", "keeping", "label_geometry", "label_tiff", "lanes"),
        *("layer_family", "layer_grid", "layer_labels", "layer_points", "layer_preview"),
        *("layer_shapes", "loading", "look", "looking", "looks", "mask_codec", "mask_sqlite"),
        *("model_box", "model_change", "model_shelf", "model_words", "nan_watch"),
        *("object_list", "options", "outlines", "output_paths", "outputs", "pace", "peers"),
        *("pieces", "predictor", "predictor_protocol", "prefetch", "progress", "prompt_check"),
        *("prompt_csv", "prompt_edits", "prompt_io", "prompt_json", "prompt_labels"),
        *("prompt_store", "prompt_undo", "prompting", "questions", "readers_napari", "recipe"),
        *("recovery", "reduced", "refining", "results", "run_box", "safe_files", "saving"),
        *("scenes", "score", "segment_job", "segment_run", "segmentation", "session_edits"),
        *("session_events", "session_settings", "settling", "sharpen_box", "sharpening"),
        *("slabs", "split_labels", "stains", "stills", "stop_rule", "storing", "story"),
        *("stream", "sync_events", "synthetic_looks", "synthetic_scenes", "synthetic_sprites"),
        *("synthetic_stacks", "synthetic_tiles", "tally", "tiff_check", "tool_box"),
        *("view_plan", "viewer_place", "viewer_session", "views", "warps", "worker"),
        *("workshop", "zarr_reader"),
        *("initialise", "optimiser", "recognise"),  # codespell:ignore
    }
)
"""Names of modules before they were grouped in packages, but for those that packages have now."""


def package_of(module: str) -> str:
    """Return the sub-package of a module, or "" for a module of the root."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LEVELS else ""


def may_import(importer: str, imported: str) -> bool:
    """Return whether a sub-package may import another one."""
    if importer == imported:
        return True
    below = LEVELS[imported] < LEVELS[importer]
    return below and imported not in NOT_ON.get(importer, set())


def test_packages_import_in_one_order() -> None:
    wrong = [
        f"{relative(path)}:{item.line} imports {item.module}"
        for path in sources()
        for item in imports(path)
        for here, there in [(package_of(module_name(path)), package_of(item.module))]
        if module_name(path).startswith("napari_sam2") and item.module.startswith("napari_sam2")
        if here and there and not may_import(here, there)
    ]
    assert wrong == []


def test_the_model_imports_nothing_of_the_plugin() -> None:
    wrong = [
        f"{relative(path)}:{item.line}"
        for path in sources()
        if module_name(path).startswith("sam2_model")
        for item in imports(path)
        if item.module.split(".")[0] == "napari_sam2"
    ]
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    names = {module_name(path) for path in sources()}
    graph = {
        module_name(path): {item.module for item in imports(path) if item.module in names}
        - {module_name(path)}
        for path in sources()
    }
    # Lazy public names of a package are no imports of the package by its own modules.
    for package in ("napari_sam2", "sam2_model"):
        graph[package] = set()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_folders_are_small() -> None:
    counts = Counter(path.parent for path in sources() if path.name != "__init__.py")
    assert {relative(f): n for f, n in counts.items() if n > MAX_MODULES} == {}


def test_modules_are_short() -> None:
    sizes = {relative(path): len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}


def test_functions_are_short() -> None:
    long = {
        f"{relative(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in sources()
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_retired_names_stay_retired() -> None:
    modules = [relative(path) for path in sources() if path.stem in RETIRED]
    packages = {relative(path.parent) for path in sources() if path.parent.name in RETIRED}
    assert modules == []
    assert packages == set()


def test_no_private_attribute_of_another_object() -> None:
    """Names with one underscore are used on self and cls, and on objects of the same class."""
    wrong = [
        f"{relative(path)}:{node.lineno} {ast.unparse(node)}"
        for path in sources()
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Attribute) and _is_private(node.attr)
        if ast.unparse(node.value) not in {"self", "cls", "other"}
        if ast.unparse(node) not in PRIVATE_OF_TORCH
    ]
    assert wrong == []


def test_no_private_module_or_name_of_a_library() -> None:
    own = (*("napari_sam2", "sam2_model"), "_typeshed")
    wrong = [
        f"{relative(path)}:{item.line} {item.module}"
        for path in sources()
        for item in imports(path)
        if not item.module.startswith(own)
        if any(_is_private(part) for part in item.module.split("."))
    ]
    assert wrong == []


def test_no_private_attribute_by_its_name() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "hasattr"}
        if isinstance(node.args[1], ast.Constant) and _is_private(str(node.args[1].value))
    ]
    assert wrong == []


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
