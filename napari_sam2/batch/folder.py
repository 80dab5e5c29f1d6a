"""Find the stacks of a folder, and the prompts of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from napari_sam2.batch.stacks import StackEntry, StackList, check_names
from napari_sam2.core.errors import UserError
from napari_sam2.session.worklist.stack_files import StackFiles, find_stack_files, stack_name


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
        If the folder is missing or has no stack, a session is damaged, a stack has several prompts,
        or two stacks have one name.
    """
    files = find_stack_files(folder)
    for problem in files.problems.values():
        raise UserError(problem)
    left_out = {path.name: "not an image" for path in files.others}
    left_out |= {path.name: "labels that were saved" for path in files.saved_labels}
    stacks = tuple(_stacks(files, left_out, find))
    names = {stack_name(str(path)) for path in files.images}
    left_out |= {
        p.path.name: "no stack of this name" for p in files.prompts if p.stack not in names
    }
    check_names(StackEntry(name=stack_name(str(path)), source=str(path)) for path in files.images)
    if not stacks:
        raise UserError(_no_stack(folder, left_out))
    return StackList(stacks, left_out=left_out)


def _stacks(files: StackFiles, left_out: dict[str, str], find: bool) -> Iterator[StackEntry]:
    for path in files.images:
        found = [prompts.path for prompts in files.prompts_of(path)]
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
        yield StackEntry(name=stack_name(source), source=source, options=options, notes=notes)


def _no_stack(folder: Path, left_out: Mapping[str, str]) -> str:
    reasons = "".join(f" {name}: {reason}." for name, reason in list(left_out.items())[:3])
    return (
        f"{folder} has no stack with prompts.{reasons} Put NAME.prompts.json, NAME.prompts.csv or "
        "NAME.labels.tif beside NAME.tif, or add --find everything."
    )
