"""A complete example: a generated movie of cells, segmented and tracked from one click each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.export.ngff import color
from napari_sam2.inference.model_catalog import AUTO_DTYPE, BUNDLED
from napari_sam2.prompts.from_labels import interior_point
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.run import run_segmentation

if TYPE_CHECKING:
    from napari_sam2.workflows.reporter import Reporter
    from napari_sam2.workflows.run import RunOutcome

SHAPE = (192, 224)
"""Height and width of the movie in pixels."""
FRAMES = 12
CELLS = 4
"""How many cells are prompted."""
_SEED = 5
_PICTURE_SCALE = 2
_FRAME_MS = 150
_TINT = 0.3


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Paths of the files that the demo writes, all in one folder.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def movie(self) -> Path:
        """The generated movie (T, H, W)."""
        return self.folder / "movie.tif"

    @property
    def truth(self) -> Path:
        """The ground truth labels (T, H, W)."""
        return self.folder / "truth.tif"

    @property
    def prompts(self) -> Path:
        """The prompts: one click per cell."""
        return self.folder / "prompts.json"

    @property
    def labels(self) -> Path:
        """The predicted labels (T, H, W)."""
        return self.folder / "labels.tif"

    @property
    def scores(self) -> Path:
        """The scores of the model, one row per object and frame."""
        return self.folder / "scores.csv"

    @property
    def overlay(self) -> Path:
        """A picture of the middle frame with its labels."""
        return self.folder / "overlay.png"

    @property
    def animation(self) -> Path:
        """An animation of all frames with their labels."""
        return self.folder / "animation.gif"

    def check(self) -> None:
        """Check that the folder is new, or holds an earlier demo only.

        Raises
        ------
        UserError
            If it is a file, or holds other files.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file. Give a folder.")
        own = [p.name for p in (self.movie, self.truth, self.prompts, self.labels)]
        own += [p.name for p in (self.scores, self.overlay, self.animation)]
        for item in self.folder.iterdir() if self.folder.exists() else ():
            if not item.name.startswith(tuple(own)):
                raise UserError(
                    f"{self.folder} holds {item.name}, which is not part of a demo. "
                    "Choose another --output."
                )


@dataclass(frozen=True)
class DemoOutcome:
    """Result of :func:`run_demo`.

    Parameters
    ----------
    files : DemoFiles
        The written files.
    run : RunOutcome
        Result of the segmentation.
    mean_iou : float or None
        Mean intersection over union with the ground truth; None if the segmentation is not done.
    """

    files: DemoFiles
    run: RunOutcome
    mean_iou: float | None


def run_demo(
    folder: Path, reporter: Reporter | None = None, dtype: str = AUTO_DTYPE
) -> DemoOutcome:
    """Generate a movie of cells, segment them from one click each, and draw the result.

    Needs no network and no display.

    Parameters
    ----------
    folder : Path
        Folder for all files; may hold an earlier demo, which is replaced.
    reporter : Reporter or None
        Receives messages and progress and may cancel the run; None discards them.
    dtype : str
        Number format, see :func:`napari_sam2.open_session`.

    Raises
    ------
    UserError
        If the folder holds other files.
    """
    files = DemoFiles(folder)
    files.check()
    write_movie(files)
    job = SegmentationJob(
        source=files.movie,
        prompts=files.prompts,
        output=files.labels,
        scores=files.scores,
        model=BUNDLED,
        dtype=dtype,
        overwrite=True,
    )
    run = run_segmentation(job, reporter)
    done = run.ending is RunEnding.DONE
    return DemoOutcome(files, run, write_pictures(files) if done else None)


def write_movie(files: DemoFiles) -> None:
    """Write the generated movie, its ground truth and one click per cell; always the same."""
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
    """Return a click inside each of the largest objects that are present on every frame.

    Parameters
    ----------
    truth : NDArray
        Ground truth labels (T, H, W).
    count : int
        Maximum number of objects.

    Returns
    -------
    list of PointPrompt
        On frame 0, by object id.
    """
    present = set(np.unique(truth[0])) - {0}
    for plane in truth[1:]:
        present &= set(np.unique(plane))
    areas = {label: np.count_nonzero(truth[0] == label) for label in sorted(present)}
    largest = sorted(areas, key=lambda label: -areas[label])[:count]
    return [
        PointPrompt(int(label), 0, interior_point(truth[0] == label)) for label in sorted(largest)
    ]


def mean_iou(labels: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the mean intersection over union of all objects on all frames but the first.

    Parameters
    ----------
    labels, truth : NDArray
        (T, H, W); an object has the same value in both. Only the objects on the first frame of
        ``labels`` are compared.
    """
    scores = []
    for label in set(np.unique(labels[0])) - {0}:
        predicted, true = labels[1:] == label, truth[1:] == label
        union = np.count_nonzero(predicted | true, axis=(1, 2))
        shared = np.count_nonzero(predicted & true, axis=(1, 2))
        scores += [float(s / u) if u else 1.0 for s, u in zip(shared, union, strict=True)]
    return float(np.mean(scores)) if scores else 0.0


def write_pictures(files: DemoFiles) -> float:
    """Write a picture and an animation of the labels; return the mean IoU with the ground truth."""
    import tifffile
    from PIL import Image

    movie, labels = tifffile.imread(files.movie), tifffile.imread(files.labels)
    pictures = [
        Image.fromarray(overlay(plane, label)) for plane, label in zip(movie, labels, strict=True)
    ]
    larger = [p.resize((p.width * _PICTURE_SCALE, p.height * _PICTURE_SCALE)) for p in pictures]
    larger[len(larger) // 2].save(files.overlay)
    larger[0].save(
        files.animation, save_all=True, append_images=larger[1:], duration=_FRAME_MS, loop=0
    )
    return mean_iou(labels, tifffile.imread(files.truth))


def overlay(plane: NDArray[np.uint8], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a gray picture with each object tinted and outlined in its color.

    Parameters
    ----------
    plane : NDArray of uint8
        Gray values (H, W).
    labels : NDArray
        Object ids (H, W); 0 is background.

    Returns
    -------
    NDArray of uint8
        RGB, (H, W, 3).
    """
    from scipy import ndimage

    picture = np.repeat(plane[..., None].astype(np.float32), 3, axis=2)
    for label in set(np.unique(labels)) - {0}:
        tint = np.array(color(int(label))[:3], np.float32)
        inside = labels == label
        picture[inside] = (1 - _TINT) * picture[inside] + _TINT * tint
        picture[inside & ~ndimage.binary_erosion(inside)] = tint
    return picture.clip(0, 255).astype(np.uint8)
