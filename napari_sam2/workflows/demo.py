"""A generated movie of cells, segmented and tracked from one click each: the whole job in small."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.export.ngff import colour
from napari_sam2.prompts.from_labels import interior_point
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PointPrompt

SHAPE = (192, 224)
FRAMES = 12
CELLS = 4
_SEED = 5
_ZOOM = 2


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Names of all that the demo writes, in one folder.

    Parameters
    ----------
    folder : Path
        Where.
    """

    folder: Path

    @property
    def movie(self) -> Path:
        """The generated movie."""
        return self.folder / "movie.tif"

    @property
    def truth(self) -> Path:
        """Its true labels."""
        return self.folder / "truth.tif"

    @property
    def prompts(self) -> Path:
        """One click for each cell."""
        return self.folder / "prompts.json"

    @property
    def labels(self) -> Path:
        """What the model made of it."""
        return self.folder / "labels.tif"

    @property
    def scores(self) -> Path:
        """How sure the model was."""
        return self.folder / "scores.csv"

    @property
    def overlay(self) -> Path:
        """The labels over the frame in the middle."""
        return self.folder / "overlay.png"

    @property
    def animation(self) -> Path:
        """The labels over all frames."""
        return self.folder / "animation.gif"

    def check(self) -> None:
        """Refuse a folder that holds anything but an earlier demo.

        Raises
        ------
        UserError
            If so.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file: give a folder.")
        ours = [p.name for p in (self.movie, self.truth, self.prompts, self.labels)]
        ours += [p.name for p in (self.scores, self.overlay, self.animation)]
        for item in self.folder.iterdir() if self.folder.exists() else ():
            if not item.name.startswith(tuple(ours)):
                raise UserError(f"{self.folder} holds {item.name}: choose another --output.")


def write_movie(files: DemoFiles) -> None:
    """Draw the movie, and choose cells to click on; always the same ones."""
    import tifffile

    from sam2_model.training.synthetic.generator import MovieSpec, generate_movie
    from sam2_model.training.synthetic.lifecycle import Lifecycle

    spec = MovieSpec(frames=FRAMES, shape=SHAPE, count=12, radius=13.0, lifecycle=Lifecycle())
    stack = generate_movie(spec, _SEED)
    movie, truth = stack.images, stack.labels
    files.folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {"metadata": {"axes": "TYX"}, "compression": "zlib"}
    tifffile.imwrite(files.movie, movie, **facts)
    tifffile.imwrite(files.truth, truth, **facts)
    write_prompts_json(files.prompts, PromptStore(clicks(truth), axis="t"), SHAPE)


def clicks(truth: NDArray[Any], count: int = CELLS) -> list[PointPrompt]:
    """Return a click inside each of the largest objects that are there from first to last frame.

    Parameters
    ----------
    truth : NDArray
        True labels (T, H, W).
    count : int
        At most so many objects.
    """
    lasting = set(np.unique(truth[0])) - {0}
    for plane in truth[1:]:
        lasting &= set(np.unique(plane))
    areas = {label: np.count_nonzero(truth[0] == label) for label in sorted(lasting)}
    largest = sorted(areas, key=lambda label: -areas[label])[:count]
    return [
        PointPrompt(int(label), 0, interior_point(truth[0] == label)) for label in sorted(largest)
    ]


def mean_iou(labels: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the mean intersection over union of the labelled objects, after the first frame.

    Parameters
    ----------
    labels, truth : NDArray
        (T, H, W); an object has the same value in both. Only objects of ``labels``' first frame
        count.
    """
    scores = []
    for label in set(np.unique(labels[0])) - {0}:
        ours, true = labels[1:] == label, truth[1:] == label
        union = np.count_nonzero(ours | true, axis=(1, 2))
        shared = np.count_nonzero(ours & true, axis=(1, 2))
        scores += [float(s / u) if u else 1.0 for s, u in zip(shared, union, strict=True)]
    return float(np.mean(scores)) if scores else 0.0


def write_pictures(files: DemoFiles) -> float:
    """Draw the labels over the movie, still and moving; return the mean IoU with the truth."""
    import tifffile
    from PIL import Image

    movie, labels = tifffile.imread(files.movie), tifffile.imread(files.labels)
    pictures = [
        Image.fromarray(overlay(plane, label)) for plane, label in zip(movie, labels, strict=True)
    ]
    larger = [p.resize((p.width * _ZOOM, p.height * _ZOOM)) for p in pictures]
    larger[len(larger) // 2].save(files.overlay)
    larger[0].save(files.animation, save_all=True, append_images=larger[1:], duration=150, loop=0)
    return mean_iou(labels, tifffile.imread(files.truth))


def overlay(plane: NDArray[np.uint8], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a grey picture (H, W, 3) with each object tinted and outlined in its colour."""
    from scipy import ndimage

    picture = np.repeat(plane[..., None].astype(np.float32), 3, axis=2)
    for label in set(np.unique(labels)) - {0}:
        tint = np.array(colour(int(label))[:3], np.float32)
        inside = labels == label
        picture[inside] = 0.7 * picture[inside] + 0.3 * tint
        picture[inside & ~ndimage.binary_erosion(inside)] = tint
    return picture.clip(0, 255).astype(np.uint8)
