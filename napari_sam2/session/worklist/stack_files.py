"""The stacks of a folder, and the prompts, labels and sessions that belong to each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.recognition import SUFFIXES, FileKind, kind_by_suffix
from napari_sam2.session.storage.session_folder import SessionFolder, read_description
from napari_sam2.session.storage.session_location import SUFFIX as SESSION

WORKLIST_FILE = "sam2-worklist.json"
"""Name of the file in which a folder's worklist is saved."""
_LONGER_ENDINGS = (".ome.tif", ".ome.tiff", ".ome.zarr", ".zarr")
_ENDINGS = sorted((*(e for kind in SUFFIXES.values() for e in kind), *_LONGER_ENDINGS), key=len)
_PROMPT_ENDINGS = (".prompts.json", ".prompts.csv")
_LABELS = ".labels."
_RUN = ".sam2"
_SAVED_LABELS = re.compile(r"(.+)-labels(-\d+)?")


@dataclass(frozen=True)
class PromptFile:
    """Prompts, labels or a session in a folder, and the name of the stack that they belong to.

    Parameters
    ----------
    path : Path
        A file of prompts, a label image, or the folder of a session.
    stack : str
        Name of the stack, see :func:`stack_name`.
    """

    path: Path
    stack: str

    @property
    def is_session(self) -> bool:
        """Whether it is the folder of a session."""
        return self.path.name.lower().endswith(SESSION)

    @property
    def is_labels(self) -> bool:
        """Whether it is a label image."""
        return not self.is_session and not self.path.name.lower().endswith(_PROMPT_ENDINGS)


@dataclass(frozen=True)
class StackFiles:
    """What a folder holds.

    Parameters
    ----------
    images : tuple of Path
        The stacks.
    prompts : tuple of PromptFile
        What belongs to stacks.
    saved_labels : tuple of Path
        Labels of stacks that the widget saved.
    others : tuple of Path
        Files and folders that are none of these.
    problems : mapping
        Why a session cannot be used, by the name of its folder.
    """

    images: tuple[Path, ...]
    prompts: tuple[PromptFile, ...]
    saved_labels: tuple[Path, ...]
    others: tuple[Path, ...]
    problems: Mapping[str, str]

    def prompts_of(self, image: Path) -> tuple[PromptFile, ...]:
        """Return what belongs to a stack by its name."""
        name = stack_name(str(image))
        return tuple(found for found in self.prompts if found.stack == name)


def find_stack_files(folder: Path) -> StackFiles:
    """List a folder; names that begin with a dot are ignored.

    Raises
    ------
    UserError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Check the path.")
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    problems: dict[str, str] = {}
    listed = (_prompt_file(path, problems) for path in visible)
    prompts = tuple(found for found in listed if found is not None)
    paired = {found.path for found in prompts}
    stacks = [path for path in visible if path not in paired and _is_stack(path)]
    labels = tuple(path for path in stacks if _is_saved_labels(path, stacks))
    images = tuple(path for path in stacks if path not in labels)
    known = {*paired, *stacks}
    others = tuple(
        p for p in visible if p not in known and not _is_ours(p) and p.name not in problems
    )
    return StackFiles(images, prompts, labels, others, problems)


def stack_name(source: str) -> str:
    """Return the name of a file, folder or URL without the ending of its format."""
    path = urlsplit(source).path if "://" in source else source
    name = Path(path.rstrip("/")).name
    endings = [ending for ending in _ENDINGS if name.lower().endswith(ending)]
    return name[: -len(endings[-1])] or name if endings else name


def _prompt_file(path: Path, problems: dict[str, str]) -> PromptFile | None:
    """Return what a path holds for a stack; None if nothing, or if it is a damaged session."""
    name, lower = path.name, path.name.lower()
    if path.is_dir() and lower.endswith(SESSION) and SessionFolder.exists(path):
        try:
            return PromptFile(path, stack_name(read_description(path).source))
        except UserError as error:
            problems[name] = str(error)
            return None
    if ending := next((e for e in _PROMPT_ENDINGS if lower.endswith(e)), None):
        return PromptFile(path, name[: -len(ending)])
    if _LABELS in lower and not lower.endswith(_RUN) and _is_stack(path):
        return PromptFile(path, name[: lower.rindex(_LABELS)])
    return None


def _is_stack(path: Path) -> bool:
    if path.is_dir():
        return not path.name.endswith((_RUN, SESSION))
    return kind_by_suffix(path.name) is not FileKind.OTHER


def _is_saved_labels(path: Path, stacks: Sequence[Path]) -> bool:
    """Return whether a path has the name that the widget gives to the labels of a stack."""
    named = _SAVED_LABELS.fullmatch(stack_name(path.name))
    stems = {stack.name.split(".")[0] for stack in stacks if stack != path}
    return named is not None and named[1] in stems


def _is_ours(path: Path) -> bool:
    return path.name == WORKLIST_FILE or path.name.endswith(_RUN)
