"""Read the folders of DAVIS 2017, and read and write predictions in its layout."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.raster.file_names import natural_key
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import open_label_image

VOID = 255
"""Annotation value of pixels that are ignored: neither object nor background."""
_RESOLUTION = "480p"
_MODEL = "model.txt"


@dataclass(frozen=True, slots=True)
class DavisSequence:
    """One sequence and its annotations.

    Parameters
    ----------
    name : str
        Name of the sequence and of its folders.
    frames : Path
        Folder of its JPEG files.
    annotations : tuple of Path
        One PNG file per frame; pixel values are object ids.
    shape : tuple of int
        Height and width in pixels.
    objects : tuple of int
        Object ids on the first frame, in ascending order.
    """

    name: str
    frames: Path
    annotations: tuple[Path, ...]
    shape: tuple[int, int]
    objects: tuple[int, ...]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.annotations)

    def truth(self, frame: int) -> NDArray[np.uint8]:
        """Return the annotation (H, W) of a frame: object ids, 0 (background) or ``VOID``.

        Raises
        ------
        UserError
            If the image is damaged.
        """
        return _ids(self.annotations[frame])


def find_sequences(
    davis: Path, split: str = "val", names: Sequence[str] = (), limit: int | None = None
) -> tuple[DavisSequence, ...]:
    """Return the sequences of a split, after checking that they are complete.

    For most images, only the header is read.

    Parameters
    ----------
    davis : Path
        Folder with the subfolders ImageSets, JPEGImages and Annotations.
    split : str
        Name of a list in ImageSets/2017.
    names : sequence of str
        Names of the sequences to return; empty returns all.
    limit : int or None
        Maximum number of sequences; None returns all.

    Raises
    ------
    UserError
        If a list, folder or image is missing or has a wrong format, or a name is not in the list.
    """
    listed = _listed(davis, split)
    unknown = [name for name in names if name not in listed]
    if unknown:
        raise UserError(f"{unknown[0]} is not in {split}.txt. Choose from {', '.join(listed)}.")
    chosen = [name for name in listed if name in names or not names]
    return tuple(_sequence(davis, name, split) for name in chosen[:limit])


def _listed(davis: Path, split: str) -> list[str]:
    folder = davis / "ImageSets" / "2017"
    path = folder / f"{split}.txt"
    if not path.is_file():
        known = sorted(other.stem for other in folder.glob("*.txt"))
        advice = (
            f"Choose from {', '.join(known)}."
            if known
            else "Give the folder that holds ImageSets, JPEGImages and Annotations of DAVIS 2017."
        )
        raise UserError(f"There is no list of sequences {path}. {advice}")
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not names:
        raise UserError(f"{path} is empty. It must list the names of sequences, one per line.")
    for name in names:
        if name != Path(name).name or name == "..":
            raise UserError(f"{path} lists {name!r}, which is not the name of a folder.")
    return list(dict.fromkeys(names))


def _sequence(davis: Path, name: str, split: str) -> DavisSequence:
    frames, truth = (davis / kind / _RESOLUTION / name for kind in ("JPEGImages", "Annotations"))
    for folder in (frames, truth):
        if not folder.is_dir():
            raise UserError(f"{split}.txt lists {name}, but there is no folder {folder}. Add it.")
    stack = open_stack(frames, along="t")
    files = sorted(truth.glob("*.png"), key=lambda path: natural_key(path.name))
    _check_pairs(name, [path.stem for path in stack.source.files], [path.stem for path in files])
    for path in files:
        _check_annotation(path, stack.shape)
    return DavisSequence(name, frames, tuple(files), stack.shape, _objects(files[0]))


def _check_pairs(name: str, frames: list[str], annotations: list[str]) -> None:
    if len(frames) != len(annotations):
        hint = " The test splits have one for the first frame only." if annotations else ""
        raise UserError(
            f"{name} has {len(frames)} frames but {len(annotations)} annotations. Each frame "
            f"needs an annotation.{hint}"
        )
    for frame, annotation in zip(frames, annotations, strict=True):
        if frame != annotation:
            raise UserError(
                f"{name} has the frame {frame} where the annotation is {annotation}. Frames and "
                "annotations must have the same names."
            )
    if len(frames) < 3:
        raise UserError(
            f"{name} has {len(frames)} frames, but at least three are needed: J and F exclude the "
            "first and the last frame."
        )


def _check_annotation(path: Path, shape: tuple[int, int]) -> None:
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode, size = image.mode, (image.height, image.width)
    except OSError as error:
        raise UserError(f"{path} is not a readable image: {error}.") from error
    if mode not in ("P", "L"):
        raise UserError(
            f"{path} is an image of mode {mode}. An annotation must have a palette (or 8-bit gray "
            "values) whose indices are object ids."
        )
    if size != shape:
        raise UserError(
            f"{path} has {size[1]} x {size[0]} pixels, but its frame has {shape[1]} x {shape[0]}."
        )


def _objects(first: Path) -> tuple[int, ...]:
    values = np.unique(_ids(first)).tolist()
    ids = tuple(value for value in values if value not in (0, VOID))
    if not ids:
        hint = " Masks with 0 and 255 only are those of DAVIS 2016." if VOID in values else ""
        raise UserError(f"{first} has no object, but objects of the first frame are tracked.{hint}")
    return ids


def _ids(path: Path) -> NDArray[np.uint8]:
    return np.array(open_label_image(path)[...], np.uint8)


@dataclass(frozen=True, slots=True)
class Predictions:
    """A folder of predicted labels in the layout of DAVIS 2017: SEQUENCE/00000.png.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def check_free(self, sequences: Iterable[DavisSequence]) -> None:
        """Check that the folder has no predictions of these sequences.

        Raises
        ------
        UserError
            If it has.
        """
        for sequence in sequences:
            if (self.folder / sequence.name).exists():
                raise UserError(
                    f"{self.folder} has predictions of {sequence.name}. Choose another --output, "
                    "or resume the run with --resume."
                )

    def create(self, sequences: Iterable[DavisSequence], model: str) -> None:
        """Create the folder, or check that the predictions in it were made by the same model.

        Parameters
        ----------
        sequences : iterable of DavisSequence
            The sequences to predict.
        model : str
            One line that identifies the weights.

        Raises
        ------
        UserError
            If the folder cannot be written, or holds predictions of another model.
        """
        note = self.folder / _MODEL
        if not note.is_file() and any(map(self.has, sequences)):
            raise UserError(
                f"{note} is missing, so it is not known which model made the predictions in "
                f"{self.folder}. Choose another --output."
            )
        if note.is_file() and (earlier := read_text(note).strip()) != model:
            raise UserError(
                f"The predictions in {self.folder} were made by {earlier}, not {model}. Choose "
                "another --output."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(note, f"{model}\n")
        except OSError as error:
            raise UserError(f"Cannot write to {self.folder}: {error.strerror}.") from error

    def has(self, sequence: DavisSequence) -> bool:
        """Return whether the folder has the labels of a sequence; they are never incomplete."""
        return (self.folder / sequence.name).is_dir()

    def read(self, sequence: DavisSequence) -> list[NDArray[np.uint8]]:
        """Return the labels (H, W) of all frames.

        Raises
        ------
        UserError
            If a file is missing, damaged or of another size.
        """
        paths = [self.folder / sequence.name / path.name for path in sequence.annotations]
        for path in paths:
            _check_annotation(path, sequence.shape)
        return [_ids(path) for path in paths]

    def write(self, sequence: DavisSequence, planes: Iterable[NDArray[np.uint8]]) -> None:
        """Write the labels (H, W) of all frames, with the palette of the annotations.

        Raises
        ------
        OSError
            If they cannot be written; no labels of the sequence are stored then.
        """
        from PIL import Image

        with Image.open(sequence.annotations[0]) as image:
            palette = image.getpalette() or [gray for gray in range(256) for _ in "RGB"]
        unfinished = self.folder / f".{sequence.name}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for path, plane in zip(sequence.annotations, planes, strict=True):
            labels = Image.fromarray(plane)
            labels.putpalette(palette + [0] * (768 - len(palette)))
            labels.save(unfinished / path.name)
        unfinished.replace(self.folder / sequence.name)
