"""The folders of DAVIS 2017: sequences with their true masks, and predictions as it takes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.raster import natural_key
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import open_label_image

VOID = 255
"""Value of pixels that belong to nothing, neither an object nor the background."""
_RESOLUTION = "480p"
_MODEL = "model.txt"


@dataclass(frozen=True, slots=True)
class DavisSequence:
    """One sequence and its true masks.

    Parameters
    ----------
    name : str
        Of its folders.
    frames : Path
        The folder of its JPEG files.
    annotations : tuple of Path
        A PNG file per frame; pixel values are object ids.
    shape : tuple of int
        Height and width, in pixels.
    objects : tuple of int
        Ids on the first frame, rising.
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
        """Return the annotation (H, W) of a frame: ids, 0 for background, perhaps 255 for void.

        Raises
        ------
        UserError
            If the picture is damaged.
        """
        return _ids(self.annotations[frame])


def find_sequences(
    davis: Path, split: str = "val", names: Sequence[str] = (), limit: int | None = None
) -> tuple[DavisSequence, ...]:
    """Find the sequences of a split and check that they are complete.

    Of most pictures only the header is read.

    Parameters
    ----------
    davis : Path
        The folder that holds ImageSets, JPEGImages and Annotations.
    split : str
        Name of a list in ImageSets/2017.
    names : sequence of str
        The sequences that are wanted; all if none is given.
    limit : int or None
        At most so many, from the first.

    Raises
    ------
    UserError
        If a list, folder or picture is missing, too many or not as it should be, or a name is
        not in the list.
    """
    listed = _listed(davis, split)
    unknown = [name for name in names if name not in listed]
    if unknown:
        raise UserError(f"{unknown[0]} is not in {split}.txt, which lists {', '.join(listed)}.")
    chosen = [name for name in listed if name in names or not names]
    return tuple(_sequence(davis, name, split) for name in chosen[:limit])


def _listed(davis: Path, split: str) -> list[str]:
    folder = davis / "ImageSets" / "2017"
    path = folder / f"{split}.txt"
    if not path.is_file():
        known = sorted(other.stem for other in folder.glob("*.txt"))
        here = (
            f"The lists there are {', '.join(known)}."
            if known
            else ("Give the folder that holds ImageSets, JPEGImages and Annotations of DAVIS 2017.")
        )
        raise UserError(f"There is no list of sequences {path}. {here}")
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not names:
        raise UserError(f"{path} is empty: it lists the names of sequences, one a line.")
    for name in names:
        if name != Path(name).name or name == "..":
            raise UserError(f"{path} lists {name!r}, which is no name of a folder.")
    return list(dict.fromkeys(names))


def _sequence(davis: Path, name: str, split: str) -> DavisSequence:
    frames, truth = (davis / kind / _RESOLUTION / name for kind in ("JPEGImages", "Annotations"))
    for folder in (frames, truth):
        if not folder.is_dir():
            raise UserError(f"{split}.txt lists {name}, but there is no folder {folder}.")
    stack = open_stack(frames, along="t")
    files = sorted(truth.glob("*.png"), key=lambda path: natural_key(path.name))
    _check_pairs(name, [path.stem for path in stack.source.files], [path.stem for path in files])
    for path in files:
        _check_annotation(path, stack.shape)
    return DavisSequence(name, frames, tuple(files), stack.shape, _objects(files[0]))


def _check_pairs(name: str, frames: list[str], annotations: list[str]) -> None:
    if len(frames) != len(annotations):
        hint = " Only the first frame's is published for the test splits." if annotations else ""
        raise UserError(
            f"{name} has {len(frames)} frames but {len(annotations)} annotations: each frame "
            f"needs one to be scored.{hint}"
        )
    for frame, annotation in zip(frames, annotations, strict=True):
        if frame != annotation:
            raise UserError(f"{name} has the frame {frame} where the annotation is {annotation}.")
    if len(frames) < 3:
        raise UserError(
            f"{name} has {len(frames)} frames: J and F leave out the first and the last, so it "
            "takes three."
        )


def _check_annotation(path: Path, shape: tuple[int, int]) -> None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            mode, size = picture.mode, (picture.height, picture.width)
    except OSError as error:
        raise UserError(f"{path} is no readable picture: {error}.") from error
    if mode not in ("P", "L"):
        raise UserError(
            f"{path} is a picture of mode {mode}: an annotation has a palette (or 8-bit greys), "
            "whose numbers are object ids."
        )
    if size != shape:
        raise UserError(
            f"{path} has {size[1]} x {size[0]} pixels, but its frame {shape[1]} x {shape[0]}."
        )


def _objects(first: Path) -> tuple[int, ...]:
    values = np.unique(_ids(first)).tolist()
    ids = tuple(value for value in values if value not in (0, VOID))
    if not ids:
        greys = " 0 and 255 alone are masks of DAVIS 2016." if VOID in values else ""
        raise UserError(f"{first} shows no object: the first frame's are followed.{greys}")
    return ids


def _ids(path: Path) -> NDArray[np.uint8]:
    return np.array(open_label_image(path)[...], np.uint8)


@dataclass(frozen=True, slots=True)
class Predictions:
    """A folder of predicted labels in the layout that DAVIS 2017 takes: SEQUENCE/00000.png.

    Parameters
    ----------
    folder : Path
        Where they lie.
    """

    folder: Path

    def check_free(self, sequences: Iterable[DavisSequence]) -> None:
        """Refuse to write over anything.

        Raises
        ------
        UserError
            If there is something of the sequences' names.
        """
        for sequence in sequences:
            if (self.folder / sequence.name).exists():
                raise UserError(
                    f"{self.folder} has predictions of {sequence.name}: choose another output, or "
                    "--resume the run."
                )

    def begin(self, sequences: Iterable[DavisSequence], model: str) -> None:
        """Make the folder, or see that what is in it comes of the same model.

        Parameters
        ----------
        sequences : iterable of DavisSequence
            What is to be predicted.
        model : str
            Identifies the weights, in one line.

        Raises
        ------
        UserError
            If it is a file or cannot be written, or predictions are of another origin.
        """
        note = self.folder / _MODEL
        if not note.is_file() and any(map(self.has, sequences)):
            raise UserError(
                f"{note} is missing, so it is not known which model the predictions in "
                f"{self.folder} are by: choose another output."
            )
        if note.is_file() and (earlier := read_text(note).strip()) != model:
            raise UserError(
                f"The predictions in {self.folder} are by {earlier}, not {model}: choose another "
                "output."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(note, f"{model}\n")
        except OSError as error:
            raise UserError(f"Cannot write into {self.folder}: {error.strerror}.") from error

    def has(self, sequence: DavisSequence) -> bool:
        """Whether the labels of a sequence are there; they are never there in part."""
        return (self.folder / sequence.name).is_dir()

    def read(self, sequence: DavisSequence) -> list[NDArray[np.uint8]]:
        """Return the labels (H, W) of every frame.

        Raises
        ------
        UserError
            If one is missing, damaged, or of another size.
        """
        paths = [self.folder / sequence.name / path.name for path in sequence.annotations]
        for path in paths:
            _check_annotation(path, sequence.shape)
        return [_ids(path) for path in paths]

    def write(self, sequence: DavisSequence, planes: Iterable[NDArray[np.uint8]]) -> None:
        """Store the labels (H, W) of every frame, with the colours of the annotations.

        Raises
        ------
        OSError
            If they cannot be written; then nothing of the sequence is there.
        """
        from PIL import Image

        with Image.open(sequence.annotations[0]) as picture:
            palette = picture.getpalette() or [grey for grey in range(256) for _ in "RGB"]
        unfinished = self.folder / f".{sequence.name}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for path, plane in zip(sequence.annotations, planes, strict=True):
            labels = Image.fromarray(plane)
            labels.putpalette(palette + [0] * (768 - len(palette)))
            labels.save(unfinished / path.name)
        unfinished.replace(self.folder / sequence.name)
