"""Everything on held-out stills: what ``find`` answers without prompts.

    python -m tests.benchmarks.everything DATA --threads 2
    python -m tests.benchmarks.everything DATA --images 10 --sets fluo  # a trial
    python -m tests.benchmarks.everything DATA --sets fluo --examples 1 3  # by example

DATA holds dsb2018 and t98g_stills. Precision, recall and F1 count masks that match one true object
with an IoU above 0.5. AP is TP / (TP + FP + FN), the mean over IoU 0.50, 0.55, ..., 0.95 and over
images, as in the Data Science Bowl 2018. By example, true masks drawn at random are the examples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.candidates.by_example import ExampleSearch
from napari_sam2.candidates.everything import EverythingSearch
from napari_sam2.candidates.examples import Example, Examples
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop
from sam2_model.training.data.image_dataset import AnnotatedImage, Part, dsb_images, read_image
from tests.benchmarks.measuring import Row, parser, report, use_threads

_THRESHOLDS = np.arange(0.5, 1.0, 0.05)
SETS = ("fluo", "histology", "t98g_stills")


def stills(data: Path, name: str) -> list[AnnotatedImage]:
    """Return the held-out images of a set."""
    if name != "t98g_stills":
        return dsb_images(data / "dsb2018", Part.VALIDATION, name)
    folder = data / name
    names = sorted(path.name for path in (folder / "images").iterdir())
    return [AnnotatedImage(folder / "images" / n, folder / "masks" / n, name) for n in names]


def search(
    image: NDArray[np.uint8], predictor: Any, examples: tuple[MaskCrop, ...] = ()
) -> NDArray[np.int64]:
    """Return labels (H, W) of everything that is found, or of what looks like examples."""
    stack = open_stack(image, axes="YX" if image.ndim == 2 else "YXC")
    encoder = ViewEncoder(stack, choose_intensity(stack), predictor, FeatureCache(0))
    info = predictor.info
    placement = ViewPlacement(
        stack.shape, encoder.levels, info.image_size, info.token_stride, ViewPolicy()
    )
    every = EverythingSearch(encoder, placement)
    index = stack.index(0)
    like = tuple(Example(index, crop) for crop in examples)
    finder = ExampleSearch(every, Examples(like)) if like else every
    labels = np.zeros(stack.shape, np.int64)
    for number, found in enumerate(finder.find(index), 1):
        labels[found.crop.window.slices][found.crop.logits > 0] = number
    return labels


def matches(true: NDArray[Any], found: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of matched objects at each IoU threshold; no two overlap above 0.5."""
    n_true, n_found = int(true.max()), int(found.max())
    pairs = true.astype(np.int64) * (n_found + 1) + found
    counts = np.bincount(pairs.ravel(), minlength=(n_true + 1) * (n_found + 1))
    table = counts.reshape(n_true + 1, n_found + 1)
    union = table.sum(1)[1:, None] + table.sum(0)[None, 1:] - table[1:, 1:]
    iou = table[1:, 1:] / np.maximum(union, 1)
    return np.array([np.count_nonzero(iou > limit) for limit in _THRESHOLDS], np.int64)


def drawn_examples(true: NDArray[Any], count: int, seed: int) -> tuple[MaskCrop, ...]:
    """Return the masks of ``count`` true objects drawn at random, fewer if there are fewer."""
    ids = np.unique(true[true > 0])
    drawn = np.random.default_rng(seed).permutation(ids)[:count]
    return tuple(MaskCrop.from_mask(true == i, (0, 0)) for i in drawn)


def scores(items: list[AnnotatedImage], predictor: Any, examples: int) -> Iterator[tuple[Any, ...]]:
    """Yield matches, numbers of found and true objects, and seconds of each image."""
    for seed, item in enumerate(items):
        image, true = read_image(item)
        drawn = drawn_examples(true, examples, seed)
        began = time.perf_counter()
        found = search(image, predictor, drawn)
        seconds = time.perf_counter() - began
        consecutive = np.unique(true, return_inverse=True)[1].reshape(true.shape)
        yield matches(consecutive, found), found.max(), consecutive.max(), seconds


def measure(name: str, items: list[AnnotatedImage], predictor: Any, examples: int) -> Row:
    """Return the row of one set."""
    rows = list(scores(items, predictor, examples))
    hits = np.array([row[0] for row in rows])
    found, true = (np.array([row[k] for row in rows]) for k in (1, 2))
    ap = hits / np.maximum(found[:, None] + true[:, None] - hits, 1)
    matched = hits[:, 0].sum()
    return {
        "set": name,
        "examples": examples,
        "images": len(rows),
        "objects": int(true.sum()),
        "precision": float(matched / max(found.sum(), 1)),
        "recall": float(matched / true.sum()),
        "F1": float(2 * matched / (found.sum() + true.sum())),
        "AP": float(ap.mean()),
        "seconds": float(np.mean([row[3] for row in rows])),
    }


def main() -> None:
    """Print one row for each set of images."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--images", type=int, help="only so many images of a set")
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    options.add_argument(
        "--examples", nargs="+", type=int, default=[0], help="numbers of examples; 0: everything"
    )
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    predictor = load_predictor(given.model, given.device)
    rows = []
    for name in given.sets:
        items = stills(given.data, name)
        step = 1 if given.images is None else max(1, len(items) // given.images)
        rows += [measure(name, items[::step], predictor, count) for count in given.examples]
    report(rows, given.csv)


if __name__ == "__main__":
    main()
