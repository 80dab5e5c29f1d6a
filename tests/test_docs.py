"""The code in the README and in the documentation runs and imports public names only.

Blocks of a page run in order, in one folder: ``python`` blocks are executed, ``sh`` blocks run the
command line, and blocks with a title are written to a file of that name. The commands of
``docs/real-data.md`` are tested on the real data, in ``napari_sam2/cli/test_real_data.py``.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from napari_sam2.cli.app import run
from tests.helpers.docs_data import write_docs_data

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGES = ("napari_sam2", "sam2_model")


class Block(NamedTuple):
    language: str
    title: str
    code: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page that have a language."""
    fence = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    return [Block(*match.groups(default="")) for match in fence.finditer(page.read_text("utf-8"))]


def has_code(page: Path) -> bool:
    return any(block.language in ("python", "sh") for block in blocks(page))


PAGES = [page for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if has_code(page)]
RUN_HERE = [page for page in PAGES if page.name != "real-data.md"]
SLOW = (
    "cluster.md",
    "ct-volumes.md",
    "every-cell.md",
    "objects-like-one.md",
    "scripting.md",
    "text-in-a-video.md",
    "volumes-over-time.md",
)
"""Pages that take long or start other processes."""
TEXT_PAGE = "text-in-a-video.md"
"""The page whose commands have a text model."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).with_suffix("").as_posix()


def marked(page: Path) -> Any:
    marks = (pytest.mark.slow,) if page.name in SLOW else ()
    return pytest.param(page, id=name_of(page), marks=marks)


@pytest.mark.parametrize("page", [marked(page) for page in RUN_HERE])
def test_code_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no models"))
    torch.set_num_threads(1)
    write_docs_data(tmp_path)
    if page.name == TEXT_PAGE:
        shutil.copytree(request.getfixturevalue("text_model"), tmp_path / "text-model")
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.code, "utf-8")
        elif block.language == "python":
            exec(compile(block.code, str(page), "exec"), namespace)
        elif block.language == "sh":
            run_commands(block.code)


def run_commands(script: str) -> None:
    for line in script.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "napari-sam2"
        assert run(arguments) == 0, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_imports_public_names_only(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.code)):
                check_import(node)


def check_import(node: ast.AST) -> None:
    """Fail on an import of a submodule or of a name that the package does not list."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
        assert not [m for m in modules if m.split(".")[0] in PACKAGES and m not in PACKAGES]
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
        assert node.module in PACKAGES, node.module
        public = importlib.import_module(node.module).__all__
        assert {alias.name for alias in node.names} <= set(public)


@pytest.mark.parametrize("package", PACKAGES)
def test_api_reference_lists_all_public_names(package: str) -> None:
    text = (DOCS / "api" / f"{package}.md").read_text("utf-8")
    documented = set(re.findall(rf"^::: {package}\.(\w+)$", text, re.MULTILINE))
    assert documented == set(importlib.import_module(package).__all__) - {"__version__"}
