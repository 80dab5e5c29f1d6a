"""Fakes: a predictor that finds bright spots without a network, and a journal in memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.protocol import (
    EmbeddingArrays,
    MaskCandidates,
    MemoryPolicy,
    ModelInfo,
    PointMasks,
    TrackingResult,
    ViewPrompts,
)
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.session.storage.journal import Done

ABSENT = -16.0


@dataclass(frozen=True)
class FakeEncoding:
    """Brightness of an image, and how many of its pixels make a token."""

    brightness: NDArray[np.float32]
    token: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        return self.brightness.shape[0], self.brightness.shape[1]

    @property
    def nbytes(self) -> int:
        return self.brightness.nbytes


@dataclass(frozen=True)
class FakeState:
    """Where the object was, in pixels of the window, how bright it is, and on which frames."""

    center: tuple[float, float]
    area: float
    level: float
    token: tuple[float, float]
    conditioned: tuple[int, ...] = ()
    history: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        return 100


class FakePredictor:
    """Takes the bright component nearest to where the object was; counts every call.

    Parameters
    ----------
    image_size, token_stride : int
        What it claims to be.
    reach : float
        How far the component may lie, in object radii.
    """

    def __init__(self, image_size: int = 256, token_stride: int = 16, reach: float = 2.5) -> None:
        self.calls: Counter[str] = Counter()
        self.tracked: list[tuple[int, bool]] = []
        self.reach = reach
        self.memory = MemoryPolicy.PLAIN
        self._info = ModelInfo(
            name="fake",
            image_size=image_size,
            token_stride=token_stride,
            trained=True,
            weights_hash="fake-1",
            device="cpu",
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def with_memory(self, policy: MemoryPolicy) -> FakePredictor:
        self.memory = policy
        return self

    def encode(self, image: NDArray[np.uint8]) -> FakeEncoding:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        self.calls["encode"] += 1
        gray = image.astype(np.float32).mean(axis=2)
        tokens = self.info.image_size // self.info.token_stride
        return FakeEncoding(
            ndimage.gaussian_filter(gray, 0.7),
            (image.shape[0] / tokens, image.shape[1] / tokens),
        )

    def serialize_embedding(self, embedding: FakeEncoding) -> EmbeddingArrays:
        brightness = np.ascontiguousarray(embedding.brightness)
        arrays = {"brightness": brightness.view(np.uint8), "token": _bytes(embedding.token)}
        return EmbeddingArrays(embedding.shape, arrays, dict.fromkeys(arrays, "float32"))

    def deserialize_embedding(self, stored: EmbeddingArrays) -> FakeEncoding:
        y, x = stored.arrays["token"].view(np.float64)
        return FakeEncoding(stored.arrays["brightness"].view(np.float32), (float(y), float(x)))

    def feature_map(self, encoding: FakeEncoding) -> NDArray[np.float32]:
        tokens = self.info.image_size // self.info.token_stride
        zoom = tokens / encoding.shape[0], tokens / encoding.shape[1]
        small = ndimage.zoom(encoding.brightness, zoom, order=1, mode="nearest", grid_mode=True)
        return np.stack((small, small**2))

    def predict(self, encoding: FakeEncoding, prompt: ViewPrompts) -> MaskCandidates:
        self.calls["click"] += 1
        logits, score, _ = self._answer(encoding, prompt)
        if len(prompt.points) != 1 or prompt.box is not None:
            return MaskCandidates(logits[None], np.array([0.9], np.float32), score)
        part = ndimage.grey_erosion(logits, size=3)
        whole = ndimage.grey_dilation(logits, size=3)
        ious = np.array([0.9, 0.8, 0.7], np.float32)
        return MaskCandidates(np.stack([logits, part, whole]), ious, score)

    def predict_points(
        self, encoding: FakeEncoding, points: NDArray[np.float64], *, min_iou: float = 0.0
    ) -> PointMasks:
        self.calls["points"] += len(points)
        side = self.info.image_size // 4
        zoom = side / encoding.shape[0], side / encoding.shape[1]
        found = []
        for point in points:
            prompt = ViewPrompts(point[None], np.ones(1, np.int64))
            whole = self._answer(encoding, prompt)[0]
            small = ndimage.zoom(whole, zoom, order=1, mode="nearest", grid_mode=True)
            part, more = ndimage.grey_erosion(small, size=3), ndimage.grey_dilation(small, size=3)
            found.append((small, part, more))
        ious = np.tile(np.array([0.9, 0.8, 0.7], np.float32), (len(points), 1))
        return PointMasks(np.array(found, np.float32), ious)

    def add_prompts(
        self,
        encoding: FakeEncoding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[FakeState | None],
    ) -> list[TrackingResult]:
        self.calls["condition"] += len(prompts)
        steps = []
        for prompt, old in zip(prompts, states, strict=True):
            logits, score, level = self._answer(encoding, prompt)
            frames = () if old is None else old.conditioned
            history = () if old is None else old.history
            fresh = _state(logits, level, encoding, (0.0, 0.0))
            kept = fresh if old is None else old
            state = replace(kept, conditioned=tuple(sorted({*frames, frame})), history=history)
            steps.append(TrackingResult(logits, 0.9, score, state))
        return steps

    def track(
        self,
        encoding: FakeEncoding,
        frame: int,
        states: Sequence[FakeState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> list[TrackingResult]:
        self.calls["track"] += len(states)
        self.calls["zoomed"] += len(states) * zoomed
        self.calls["track calls"] += 1
        self.tracked.append((frame, reverse))
        return [self._track(encoding, frame, state) for state in states]

    def add_masks(
        self,
        encoding: FakeEncoding,
        frame: int,
        logits: Sequence[NDArray[np.float32]],
        states: Sequence[FakeState | None],
        *,
        conditioning: bool,
    ) -> list[FakeState]:
        self.calls["remember"] += len(states)
        made = []
        for mask, old in zip(logits, states, strict=True):
            assert mask.shape == encoding.shape
            inside = mask > 0
            level = _level(encoding.brightness, inside) if inside.any() else 128.0
            fallback = (0.0, 0.0) if old is None else old.center
            state = _state(mask, level, encoding, fallback)
            old_frames = () if old is None else old.conditioned
            frames = tuple(sorted({*old_frames, frame})) if conditioning else old_frames
            kept = old if old is not None and conditioning else state
            made.append(replace(kept, conditioned=frames))
        return made

    def shift_memory(self, state: FakeState, tokens: tuple[int, int]) -> FakeState:
        self.calls["shift"] += 1
        center = (
            state.center[0] - tokens[0] * state.token[0],
            state.center[1] - tokens[1] * state.token[1],
        )
        return replace(state, center=center)

    def serialize_state(self, state: FakeState) -> bytes:
        values = [state.center, state.area, state.level, state.token]
        return json.dumps([*values, state.conditioned, state.history]).encode()

    def deserialize_state(self, data: bytes) -> FakeState:
        center, area, level, token, conditioned, history = json.loads(data)
        return FakeState(
            tuple(center), area, level, tuple(token), tuple(conditioned), tuple(history)
        )

    def _track(self, encoding: FakeEncoding, frame: int, state: FakeState) -> TrackingResult:
        history = (*state.history, frame)[-8:]
        labels, count = ndimage.label(encoding.brightness > state.level)
        if count:
            centers = np.array(ndimage.center_of_mass(labels > 0, labels, range(1, count + 1)))
            distances = np.hypot(*(centers - np.array(state.center)).T)
            nearest = int(distances.argmin())
            radius = max((state.area / np.pi) ** 0.5, 1.0)
            if distances[nearest] <= self.reach * radius:
                logits = _logits(encoding.brightness, state.level, labels == nearest + 1)
                new = _state(logits, state.level, encoding, state.center)
                new = replace(new, conditioned=state.conditioned, history=history)
                return TrackingResult(logits, 0.8, 5.0, new)
        nothing = np.full(encoding.shape, ABSENT, np.float32)
        return TrackingResult(nothing, 0.1, -5.0, replace(state, history=history))

    def _answer(
        self, encoding: FakeEncoding, prompt: ViewPrompts
    ) -> tuple[NDArray[np.float32], float, float]:
        brightness = encoding.brightness
        if prompt.mask is not None:
            inside = prompt.mask
            level = _level(brightness, inside) if inside.any() else 128.0
            return np.where(inside, 10.0, -10.0).astype(np.float32), 10.0, level
        if prompt.box is not None:
            (y0, x0), (y1, x1) = np.round(prompt.box).astype(int).clip(0)
            inside = np.zeros(brightness.shape, bool)
            inside[y0:y1, x0:x1] = True
            level = (float(brightness[inside].max()) + float(np.median(brightness))) / 2
            return _logits(brightness, level, inside & (brightness > level)), 5.0, level
        if prompt.previous is not None and not np.any(prompt.labels):
            return _without_discs(prompt.previous, prompt.points)
        y, x = np.round(prompt.points[prompt.labels == 1][-1]).astype(int)
        y, x = min(max(y, 0), brightness.shape[0] - 1), min(max(x, 0), brightness.shape[1] - 1)
        level = (float(brightness[y, x]) + float(np.median(brightness))) / 2
        labels, _ = ndimage.label(brightness > level)
        if labels[y, x] == 0:
            return np.full(brightness.shape, ABSENT, np.float32), -5.0, level
        return _logits(brightness, level, labels == labels[y, x]), 5.0, level


class MemoryJournal:
    """A journal in memory; see :class:`napari_sam2.tracking.resume_state.Journal`."""

    def __init__(self) -> None:
        self._done: set[Done] = set()
        self._checkpoint: bytes | None = None

    def mark(self, object_ids: Iterable[int], origin: MaskOrigin, index: PlaneIndex) -> None:
        self._done.update(Done(object_id, origin, index) for object_id in object_ids)

    def done(self) -> frozenset[Done]:
        return frozenset(self._done)

    def forget(self, *object_ids: int) -> None:
        self._done = {d for d in self._done if object_ids and d.object_id not in object_ids}
        self._checkpoint = None

    def checkpoint(self, data: bytes) -> None:
        self._checkpoint = data

    def last_checkpoint(self) -> bytes | None:
        return self._checkpoint


def _without_discs(
    previous: NDArray[np.float32], points: NDArray[np.float64], radius: float = 8
) -> tuple[NDArray[np.float32], float, float]:
    """Return the answer to points outside: they remove discs of an earlier mask."""
    rows, columns = np.ogrid[: previous.shape[0], : previous.shape[1]]
    near = np.zeros(previous.shape, bool)
    for y, x in points:
        near |= (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    inside = (previous > 0) & ~near
    score = 5.0 if inside.any() else -5.0
    return np.where(inside, 8.0, -8.0).astype(np.float32), score, 128.0


def _bytes(token: tuple[float, float]) -> NDArray[np.uint8]:
    return np.array(token, np.float64).view(np.uint8)


def _logits(
    brightness: NDArray[np.float32], level: float, inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    soft = np.clip((brightness - level) / 8, 0.05, 12)
    return np.where(inside, soft, -8.0).astype(np.float32)


def _level(brightness: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    return (float(brightness[inside].mean()) + float(np.median(brightness))) / 2


def _state(
    logits: NDArray[np.float32],
    level: float,
    encoding: FakeEncoding,
    fallback: tuple[float, float],
) -> FakeState:
    inside = logits > 0
    if not inside.any():
        return FakeState(fallback, 1.0, level, encoding.token)
    y, x = ndimage.center_of_mass(inside)
    return FakeState((float(y), float(x)), float(inside.sum()), level, encoding.token)
