"""The source files of both packages and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("napari_sam2", "sam2_model")


@dataclass(frozen=True)
class Import:
    """One import statement of one module.

    Parameters
    ----------
    module : str
        Dotted name of the imported module.
    line : int
        Line of the statement.
    typing_only : bool
        Whether it stands under ``if TYPE_CHECKING``.
    lazy : bool
        Whether it stands in a function.
    """

    module: str
    line: int
    typing_only: bool
    lazy: bool


def sources() -> list[Path]:
    """Return all source files of both packages."""
    return sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def relative(path: Path) -> str:
    """Return a path as it is written from the top of the repository."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def syntax_tree(path: Path) -> ast.Module:
    """Return the parsed source of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> list[Import]:
    """Return all imports of a file, those under TYPE_CHECKING and in functions too."""
    return list(_imports(syntax_tree(path), typing_only=False, lazy=False))


def _imports(node: ast.AST, *, typing_only: bool, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, typing_only, lazy)
        elif isinstance(child, ast.ImportFrom) and child.module:
            for target in _targets(child.module, [alias.name for alias in child.names]):
                yield Import(target, child.lineno, typing_only, lazy)
        guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(child, typing_only=typing_only or guarded, lazy=lazy or inside)


def _targets(module: str, names: list[str]) -> list[str]:
    """Return the imported submodules where names are modules, else the module itself."""
    found = []
    for name in names:
        path = ROOT.joinpath(*module.split("."), name)
        is_module = path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
        found.append(f"{module}.{name}" if is_module else module)
    return sorted(set(found))
