"""Find the stacks of a folder, and the prompts of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.batch.stacks import StackEntry, StackList, check_names, stack_name
from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.recognition import FileKind, kind_by_suffix
from napari_sam2.session.storage.session_folder import SessionFolder, read_description
from napari_sam2.session.storage.session_location import SUFFIX as SESSION

_PROMPT_ENDINGS = (".prompts.json", ".prompts.csv")
_LABELS = ".labels."
_RUN = ".sam2"


@dataclass(frozen=True)
class _Partner:
    """Prompts in a folder, and the name of the stack that they belong to."""

    path: Path
    stack: str


def read_folder(folder: Path, *, find: bool = False) -> StackList:
    """Pair the stacks of a folder with their prompts.

    The prompts of ``NAME.tif`` are ``NAME.prompts.json``, ``NAME.prompts.csv``, a label image
    ``NAME.labels.tif`` (or of another format), or a session of that image.

    Parameters
    ----------
    folder : Path
        The folder; its subfolders are stacks.
    find : bool
        Whether objects are searched for in stacks without prompts, which are left out otherwise.

    Raises
    ------
    UserError
        If the folder is missing or has no stack, a stack has several prompts, or two stacks have
        one name.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Check the path.")
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    partners = [partner for path in visible if (partner := _partner(path)) is not None]
    paired = {partner.path for partner in partners}
    images = [path for path in visible if path not in paired and _is_stack(path)]
    left_out = {
        path.name: "not an image"
        for path in visible
        if path not in paired and path not in images and not path.name.endswith(_RUN)
    }
    stacks = tuple(_stacks(images, partners, left_out, find))
    names = {stack_name(str(path)) for path in images}
    left_out |= {p.path.name: "no stack of this name" for p in partners if p.stack not in names}
    check_names(StackEntry(name=stack_name(str(path)), source=str(path)) for path in images)
    if not stacks:
        raise UserError(_no_stack(folder, left_out))
    return StackList(stacks, left_out=left_out)


def _stacks(
    images: Sequence[Path], partners: Sequence[_Partner], left_out: dict[str, str], find: bool
) -> Iterator[StackEntry]:
    for path in images:
        name = stack_name(str(path))
        found = [partner.path for partner in partners if partner.stack == name]
        if len(found) > 1:
            raise UserError(
                f"{path.name} has several prompts: {', '.join(p.name for p in found)}. Move all "
                "but one elsewhere, or write a job file."
            )
        if not found and not find:
            left_out[path.name] = "no prompts"
            continue
        source = str(path.absolute())
        options = {"prompts": str(found[0].absolute())} if found else {}
        notes = () if found else (f"{path.name} has no prompts: objects are searched for.",)
        yield StackEntry(name=name, source=source, options=options, notes=notes)


def _partner(path: Path) -> _Partner | None:
    """Return the prompts that a path holds; None if it holds none."""
    name, lower = path.name, path.name.lower()
    if path.is_dir() and lower.endswith(SESSION) and SessionFolder.exists(path):
        return _Partner(path, stack_name(read_description(path).source))
    if ending := next((e for e in _PROMPT_ENDINGS if lower.endswith(e)), None):
        return _Partner(path, name[: -len(ending)])
    if _LABELS in lower and not lower.endswith(_RUN) and _is_stack(path):
        return _Partner(path, name[: lower.rindex(_LABELS)])
    return None


def _is_stack(path: Path) -> bool:
    if path.is_dir():
        return not path.name.endswith((_RUN, SESSION))
    return kind_by_suffix(path.name) is not FileKind.OTHER


def _no_stack(folder: Path, left_out: Mapping[str, str]) -> str:
    reasons = "".join(f" {name}: {reason}." for name, reason in list(left_out.items())[:3])
    return (
        f"{folder} has no stack with prompts.{reasons} Put NAME.prompts.json, NAME.prompts.csv or "
        "NAME.labels.tif beside NAME.tif, or add --find everything."
    )
