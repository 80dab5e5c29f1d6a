"""Does the confidence show which frames are wrong, and is it worth correcting those?

    python -m tests.benchmarks.review_study DATA
    python -m tests.benchmarks.review_study DATA --sets nuclei --objects 2 --draws 1  # a trial

DATA is the folder that holds t98g_movie, mouse_embryo_nuclei, msd_hippocampus and davis. Along
time each object is prompted with its true mask on the first frame, in volumes with its true box on
its middle slice. The frames to review are those with a mask or a loss and the empty ones beside
them, without the prompted frame.

The first table has the mean IoU, the mean confidence of the masks (``mean``), and Spearman's rank
correlation with the true IoU over the frames to review: of the confidence, and of its parts alone.
``pooled`` is over the frames of all objects, ``confidence`` is the mean over objects, as J compares
the frames of one object. ``agreement`` is that of the confidence times the IoU with the track in
the opposite direction (``--agreement``).

The second table has the mean IoU before and after three corrections, over the frames where the
object or the first mask is. A simulated user corrects a frame with the true mask, or deletes the
mask if the object is absent there, and the object is propagated again: the frames that J shows one
after another (``J``), the three worst one after another (``worst``), and with ``--reaches`` as J
with other reaches; the three worst at once (``at once``), three random ones (mean of some draws),
and three evenly spaced ones. ``others`` are the gains without the corrected frames themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from napari_sam2.analysis.agreement import backward_agreement
from napari_sam2.analysis.review import TrackReview, reach_along, worst_unreviewed
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.prompts.from_labels import LabelPromptKind, prompts_from_labels
from napari_sam2.prompts.types import MaskPrompt, Prompt
from napari_sam2.session.factory import create_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.plan import PropagationRequest
from tests.benchmarks.measuring import Row, parser, report, use_threads

CORRECTIONS = 3
VIDEOS = ("blackswan", "car-shadow", "dog", "camel")
Choose = Callable[[NDArray[np.intp]], Sequence[int]]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One object of one stack, with its truth and the prompt that it starts from.

    All its tracks are computed in one session, which keeps the features of the frames.
    """

    session: SegmentationSession
    truth: NDArray[np.bool_]
    prompt: Prompt

    @property
    def object_id(self) -> int:
        return self.prompt.object_id

    @property
    def n_frames(self) -> int:
        return self.session.stack.n_frames

    def track(self, corrected: Sequence[int] = (), *, agreement: bool = False) -> Track:
        """Return the track from the prompt and the true masks of corrected frames."""
        object_id, session = self.object_id, self.session
        here = [frame for frame in corrected if self.truth[frame].any()]
        drawn = [MaskPrompt.of(object_id, frame, self.truth[frame]) for frame in here]
        session.delete_masks(object_id)
        session.prompts.clear()
        session.prompts.add(self.prompt, *drawn)
        list(session.propagate(PropagationRequest((object_id,))))
        session.delete_masks(object_id, sorted(set(corrected) - set(here)))
        ious = np.array([self._iou(frame) for frame in range(self.n_frames)])
        checked = backward_agreement(session, object_id) if agreement else {}
        return Track(self, session.scores.rows(object_id), ious, tuple(corrected), checked)

    def _iou(self, frame: int) -> float:
        """Return the IoU with the truth; 1 where both are empty."""
        true, mask = self.truth[frame], np.zeros(self.session.stack.shape, bool)
        result = self.session.result(self.object_id, frame)
        if result is not None and result.area:
            mask[result.crop.window.slices] = result.crop.logits > 0
        union = np.count_nonzero(true | mask)
        return float(np.count_nonzero(true & mask) / union) if union else 1.0


@dataclass(frozen=True, eq=False)
class Track:
    """The scores of one object, its IoU with the truth, and what the user has corrected."""

    case: Case
    rows: Sequence[ScoreRow]
    ious: NDArray[np.float64]
    corrected: tuple[int, ...]
    agreement: Mapping[int, float]

    def review(self, *, agreement: bool = False) -> TrackReview:
        return TrackReview.of(
            self.case.object_id,
            self.rows,
            self.case.n_frames,
            reviewed=(self.case.prompt.frame, *self.corrected),
            agreement=self.agreement if agreement else None,
        )


def cases(given: argparse.Namespace, name: str) -> Iterator[Case]:
    """Yield the objects of a set."""
    for image, labels, axes in SETS[name](given.data, given.objects):
        stack = open_stack(image, axes=axes, along=axes[0].lower())
        intensity = choose_intensity(stack)
        along_time = stack.along == "t"
        ids = np.unique(labels[0] if along_time else labels)
        ids = ids[ids > 0]
        for i in ids[np.linspace(0, len(ids) - 1, min(len(ids), given.objects)).astype(int)]:
            truth = labels == i
            frames = np.flatnonzero(truth.any(axis=(1, 2)))
            frame = int(frames[0 if along_time else len(frames) // 2])
            kind = LabelPromptKind.MASK if along_time else LabelPromptKind.BOX
            plane = np.where(truth[frame], labels[frame], 0)
            (prompt,) = prompts_from_labels(plane, stack, kind, frame)
            session = create_session(stack, given.predictor, intensity=intensity)
            yield Case(session, truth, prompt)


def _movie(data: Path, _: int) -> Iterator[tuple[Any, NDArray[Any], str]]:
    folder = data / "t98g_movie"
    yield _read(folder / "images.tif"), _read(folder / "masks_tracked.tif"), "TYX"


def _nuclei(data: Path, _: int) -> Iterator[tuple[Any, NDArray[Any], str]]:
    folder = data / "mouse_embryo_nuclei"
    images, masks = (_read(folder / f"8_cell_stage_{part}.tif") for part in ("image", "masks"))
    yield images, masks, "ZYX"


def _hippocampus(data: Path, count: int) -> Iterator[tuple[Any, NDArray[Any], str]]:
    folder = data / "msd_hippocampus"
    for path in sorted((folder / "images").glob("*.tif"))[: -(-count // 2)]:
        yield _read(path), _read(folder / "masks" / path.name), "ZYX"


def _video(data: Path, count: int) -> Iterator[tuple[Any, NDArray[Any], str]]:
    for name in VIDEOS[:count]:
        parts = [sorted((data / "davis" / name / part).iterdir()) for part in ("frames", "masks")]
        frames, masks = (np.stack([np.asarray(Image.open(p)) for p in part]) for part in parts)
        yield frames, (masks > 0).astype(np.uint8), "TYXC"


def _read(path: Path) -> NDArray[Any]:
    found: NDArray[Any] = tifffile.imread(path)
    return found


SETS = {"movie": _movie, "nuclei": _nuclei, "hippocampus": _hippocampus, "video": _video}


def ranks(name: str, tracks: Sequence[Track], agreement: bool) -> Row:
    """Return the rank correlations of a set."""
    measured: dict[str, list[Values]] = {}
    true = [track.ious[track.review().to_review] for track in tracks]
    for track in tracks:
        for key, values in _measures(track, agreement).items():
            measured.setdefault(key, []).append(values)
    every = np.concatenate(true)
    return {
        "data": name,
        "objects": len(tracks),
        "frames": len(every),
        "IoU": float(np.mean(every)),
        "mean": float(np.mean([np.nanmean(t.review().mask_confidence) for t in tracks])),
        "pooled": _spearman(np.concatenate(measured["confidence"]), every),
    } | {key: _mean_rank(values, true) for key, values in measured.items()}


def _measures(track: Track, agreement: bool) -> dict[str, Values]:
    """Return what may show errors, on the frames to review of a track."""
    review = track.review()
    frames = set(np.flatnonzero(review.to_review).tolist())
    areas = np.array([row.area for row in track.rows], float)
    steps = np.abs(np.diff(areas))
    change = np.append(steps, 0) + np.insert(steps, 0, 0)
    at = [number for number, row in enumerate(track.rows) if row.frame in frames]
    rows = [track.rows[number] for number in at]
    measures = {
        "confidence": review.confidence[review.to_review],
        "predicted IoU": np.array([row.predicted_iou for row in rows]),
        "object score": np.array([row.object_score for row in rows]),
        "area change": -change[at],
    }
    if agreement:
        measures["agreement"] = track.review(agreement=True).confidence[review.to_review]
    return measures


def _mean_rank(values: Sequence[Values], true: Sequence[Values]) -> float:
    pairs = list(zip(values, true, strict=True))
    found = [_spearman(*pair) for pair in pairs if min(map(np.ptp, pair)) > 0]
    return float(np.mean(found)) if found else float("nan")


def _spearman(values: Values, true: Values) -> float:
    return float(spearmanr(values, true).statistic)


def corrected_ious(track: Track, choose: Choose) -> Track:
    """Return the track after corrections of frames chosen from those to review."""
    frames = np.flatnonzero(track.review().to_review)
    return track.case.track(sorted(choose(frames)))


def one_after_another(track: Track, reach: float) -> Track:
    """Return the track after corrections of the worst frame, then of the worst one left, ..."""
    for _ in range(CORRECTIONS):
        worst = worst_unreviewed(track.review(), reach)
        if worst is None:
            break
        track = track.case.track(sorted((*track.corrected, worst)))
    return track


def strategies(track: Track, draws: int, reaches: Sequence[float]) -> dict[str, list[Track]]:
    """Return the corrected tracks of each way to choose frames."""
    confidence = track.review().confidence
    rng = np.random.default_rng(track.case.object_id)

    def worst(frames: NDArray[np.intp]) -> Sequence[int]:
        return [int(f) for f in frames[np.argsort(confidence[frames])][:CORRECTIONS]]

    def random(frames: NDArray[np.intp]) -> Sequence[int]:
        return [int(f) for f in rng.permutation(frames)[:CORRECTIONS]]

    def even(frames: NDArray[np.intp]) -> Sequence[int]:
        at = (np.arange(CORRECTIONS) + 0.5) / CORRECTIONS * len(frames)
        return sorted({int(f) for f in frames[at.astype(int)]})

    return {
        "J": [one_after_another(track, reach_along(track.case.session.stack.along))],
        "worst": [one_after_another(track, 0)],
        **{f"J, {reach:g}": [one_after_another(track, reach)] for reach in reaches},
        "at once": [corrected_ious(track, worst)],
        "random": [corrected_ious(track, random) for _ in range(draws)],
        "even": [corrected_ious(track, even)],
    }


def gains(name: str, tracks: Sequence[Track], draws: int, reaches: Sequence[float]) -> Row:
    """Return the mean IoU of a set before corrections, and the gains of each way to choose."""
    before: list[float] = []
    every: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    for track in tracks:
        start, found = track.ious, track.review().found
        scored = found | track.case.truth.any(axis=(1, 2))
        scored[track.case.prompt.frame] = False
        before.append(float(start[scored].mean()))
        for key, corrected in strategies(track, draws, reaches).items():
            pairs = [_gain(start, done, scored) for done in corrected]
            every.setdefault(key, []).append(float(np.mean([pair[0] for pair in pairs])))
            others.setdefault(key, []).append(float(np.mean([pair[1] for pair in pairs])))
    row = {"data": name, "objects": len(tracks), "before": float(np.mean(before))}
    row |= {key: float(np.mean(found)) for key, found in every.items()}
    return row | {f"{key}, others": float(np.mean(found)) for key, found in others.items()}


def _gain(start: Values, corrected: Track, scored: NDArray[np.bool_]) -> tuple[float, float]:
    change = corrected.ious - start
    rest = scored.copy()
    rest[list(corrected.corrected)] = False
    return float(change[scored].mean()), float(change[rest].mean()) if rest.any() else 0.0


def main() -> None:
    """Print both tables."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    options.add_argument("--objects", type=int, default=8, help="of a set, or fewer")
    options.add_argument("--draws", type=int, default=3, help="of random frames")
    options.add_argument("--reaches", type=float, nargs="*", default=[], help="of J, to compare")
    options.add_argument("--agreement", action="store_true", help="also track each object back")
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    given.predictor = load_predictor(given.model, given.device, dtype=given.dtype)
    tables: tuple[list[Row], list[Row]] = ([], [])
    for name in given.sets:
        tracks = [case.track(agreement=given.agreement) for case in cases(given, name)]
        tables[0].append(ranks(name, tracks, given.agreement))
        report(tables[0][-1:])
        tables[1].append(gains(name, tracks, given.draws, given.reaches))
        report(tables[1][-1:])
    for table in tables:
        report(table, given.csv if table is tables[1] else None)


if __name__ == "__main__":
    main()
