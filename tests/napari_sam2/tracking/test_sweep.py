from __future__ import annotations

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.initial_view import InitialViewSelector, SizeEstimate
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, iou, movie, session_of, straight


class CountingStack:
    """A stack that adds up the bytes of the planes it hands out."""

    def __init__(self, stack):
        self._stack = stack
        self.nbytes = 0
        self.largest = 0

    def __getattr__(self, name):
        return getattr(self._stack, name)

    def read(self, index, window=None, level=0):
        planes = self._stack.read(index, window, level)
        self.nbytes += planes.nbytes
        self.largest = max(self.largest, planes.nbytes)
        return planes


def counting_session(data, prompts, view="auto", axes="TYX", predictor=None):
    stack = CountingStack(open_stack(data, axes=axes, along=axes[0].lower()))
    return SegmentationSession(
        stack,
        predictor or FakePredictor(),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=PromptStore(prompts),
        masks=MemoryMaskStore(),
        labels=LabelArray.create(None, stack),
        settings=SessionSettings(view=ViewPolicy.parse(view)),
    )


def views(view):
    return SessionSettings(view=ViewPolicy.parse(view))


def nuclei(frames=8):
    """Forty nuclei of 24 px in six clusters that drift up to 10 px a frame."""
    rng = np.random.default_rng(7)
    corners = [(200, 200), (200, 1000), (300, 1700), (1100, 400), (1300, 1300), (1750, 1750)]
    paths = []
    for corner in corners:
        step = rng.uniform(-7, 7, 2)
        for number in range(7):
            place = np.array(corner) + 32 * np.array(divmod(number, 3))
            paths.append(straight(place, step, frames))
    return paths[:40]


@pytest.mark.slow
def test_forty_nuclei_take_at_most_twenty_encodings_a_frame_and_read_only_windows():
    paths = nuclei()
    data = movie((2048, 2048), paths, radius=12)
    prompts = [MaskPrompt.of(i, 0, disc(p[0])) for i, p in enumerate(paths, 1)]
    session = counting_session(data, prompts)
    encoded = {}
    for result in session.propagate():
        encoded[result.frame] = session.encodings
    per_frame = np.diff([0, *encoded.values()])
    assert len(encoded) == 8
    assert per_frame.max() <= 20
    assert session.stack.nbytes < 0.12 * data.nbytes
    for object_id, path in enumerate(paths, 1):
        assert iou(session.labels.read((7,)) == object_id, disc(path[7])) > 0.85


@pytest.mark.slow
def test_clicks_on_neighbors_share_encodings():
    paths = nuclei(3)
    data = movie((2048, 2048), paths, radius=12)
    session = counting_session(data, [click(i, 0, p) for i, p in enumerate(paths, 1)])
    encoded = {}
    for result in session.propagate():
        encoded[result.frame] = session.encodings
    prompted, *tracked = np.diff([0, *encoded.values()])
    assert prompted < len(paths)
    assert max(tracked) <= len(paths) // 2
    for object_id, path in enumerate(paths, 1):
        assert iou(session.labels.read((2,)) == object_id, disc(path[2])) > 0.85


@pytest.mark.parametrize(("view", "zoomed"), [("zoom", 4), ("full", 0)])
def test_the_predictor_knows_which_views_follow_objects(view, zoomed):
    path = straight((200, 200), (5, 6), 5)
    data = movie((600, 600), [path], radius=10)
    session = session_of(data, [click(1, 0, path)], settings=views(view))
    list(session.propagate())
    assert session.predictor.calls["track"] == 4
    assert session.predictor.calls["zoomed"] == zoomed


def test_the_view_of_a_size_estimate_is_reused():
    placement = ViewPlacement((2048, 2048), (1,), 384, 16, ViewPolicy.parse("zoom"))
    selector = InitialViewSelector(None, placement)
    box = Window(1000, 1000, 1057, 1057)
    side = placement.first_side(box)
    same, other = placement.place(box, side), placement.place(box, 2 * side)
    assert selector.request(1, SizeEstimate(box, same), side).before == same
    assert selector.request(1, SizeEstimate(box, other), side).before is None


def disc(center, shape=(2048, 2048), radius=12):
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    return (yy - center[0]) ** 2 + (xx - center[1]) ** 2 <= radius**2


def test_lone_click_finds_the_scale_of_a_small_object():
    path = straight((700, 900), (3, 4), 5)
    data = movie((1500, 1800), [path], radius=8)
    session = counting_session(data, [click(1, 0, path)])
    results = list(session.propagate())
    assert all(r.view is not None for r in results)
    assert session.stack.largest <= 512 * 512
    assert all(iou(session.labels.read((f,)) == 1, data[f] > 100) > 0.85 for f in range(5))


def test_view_keeps_its_scale_and_moves_by_whole_tokens():
    path = straight((200, 200), (5, 6), 30)
    data = movie((600, 600), [path], radius=10)
    session = session_of(data, [click(1, 0, path)], settings=views("zoom"))
    windows = [r.view for r in session.propagate()]
    sides = {side for window in windows for side in window.shape}
    assert len(sides) == 1
    pitch = sides.pop() // 16
    assert len(set(windows)) < 15
    assert all(w.y0 % pitch == w.x0 % pitch == 0 for w in windows)
    assert session.predictor.calls["shift"] >= 3
    assert iou(session.labels.read((29,)) == 1, data[29] > 100) > 0.85


def test_growing_object_gets_a_larger_window_with_its_memory_made_again():
    shape, center = (600, 600), (300, 300)
    data = np.stack([np.where(disc(center, shape, 10 + 3 * f), 200, 20) for f in range(16)])
    data = data.astype(np.uint8)
    session = session_of(data, [PointPrompt(1, 0, center)], settings=views("zoom"))
    seen = [r.view for r in session.propagate()]
    assert len(set(seen)) >= 2
    assert session.predictor.calls["remember"] > 0
    assert all(iou(session.labels.read((f,)) == 1, data[f] > 100) > 0.85 for f in range(16))


def test_object_that_jumps_out_of_its_window_is_found_again():
    path = straight((200, 200), (1, 1), 12)
    path[6:] += 70
    data = movie((600, 600), [path], radius=10)
    session = session_of(
        data,
        [click(1, 0, path)],
        settings=views("zoom"),
        predictor=FakePredictor(reach=12),
    )
    list(session.propagate())
    assert all(iou(session.labels.read((f,)) == 1, data[f] > 100) > 0.85 for f in range(12))


def test_object_absent_on_some_frames_comes_back():
    path = straight((200, 200), (1, 1), 14)
    path[5:9] = np.nan
    data = movie((600, 600), [path], radius=10)
    session = session_of(data, [click(1, 0, path)], settings=views("zoom"))
    results = list(session.propagate())
    assert [r.area == 0 for r in results] == [5 <= f < 9 for f in range(14)]
    assert all(r.object_score <= 0 for r in results[5:9])
    assert iou(session.labels.read((13,)) == 1, data[13] > 100) > 0.85


def test_two_objects_exchange_places():
    paths = [straight((100, 100), (0, 8), 20), straight((150, 252), (0, -8), 20)]
    data = movie((300, 360), paths, radius=9)
    session = session_of(
        data, [click(i, 0, p) for i, p in enumerate(paths, 1)], settings=views("zoom")
    )
    list(session.propagate())
    labels = session.labels.read((19,))
    for object_id, path in enumerate(paths, 1):
        assert iou(labels == object_id, disc(path[19], (300, 360), 9)) > 0.85


@pytest.mark.parametrize("view", ["auto", "zoom", "full"])
def test_pixels_that_are_not_square(view):
    """A ball in a volume of thick slices is a flat ellipse in the planes along y."""
    z, y, x = np.ogrid[:40, :300, :300]
    ball = ((z - 20) * 5) ** 2 + (y - 150) ** 2 + (x - 140) ** 2 <= 30**2
    data = np.where(ball, 200, 20).astype(np.uint8)
    stack = open_stack(data, axes="ZYX", along="y")
    session = SegmentationSession(
        stack,
        FakePredictor(),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=PromptStore([PointPrompt(1, 150, (20.0, 140.0))], axis="y"),
        masks=MemoryMaskStore(),
        labels=LabelArray.create(None, stack),
        settings=views(view),
    )
    for result in session.propagate(PropagationRequest(frames=(140, 161))):
        if result.view is not None:
            assert result.view.shape[0] == result.view.shape[1]
    found = np.asarray(session.labels.array[:, 140:161]) == 1
    assert iou(found, ball[:, 140:161]) > 0.8


@pytest.mark.parametrize("corner", [(4, 4), (4, 295), (195, 4), (195, 295)])
def test_object_touching_the_border(corner):
    path = straight(corner, (0, 0), 4)
    data = movie((200, 300), [path], radius=10)
    session = session_of(data, [click(1, 0, path)], settings=views("zoom"))
    list(session.propagate())
    assert all(iou(session.labels.read((f,)) == 1, data[f] > 100) > 0.8 for f in range(4))


@pytest.mark.parametrize("view", ["auto", "full", "zoom", "zoom:64"])
@pytest.mark.parametrize("shape", [(16, 16), (16, 400), (33, 47)])
def test_tiny_and_lengthy_planes(shape, view):
    path = straight((8, 8), (0, 0), 3)
    data = movie(shape, [path], radius=3)
    session = session_of(data, [click(1, 0, path)], settings=views(view))
    list(session.propagate())
    assert iou(session.labels.read((2,)) == 1, data[2] > 100) > 0.6


def test_object_larger_than_half_the_plane_is_seen_in_full():
    path = straight((100, 100), (0, 0), 3)
    data = movie((200, 220), [path], radius=70)
    for view in ("auto", "zoom"):
        box = BoxPrompt(1, 0, (28.0, 28.0), (172.0, 172.0))
        session = session_of(data, [box], settings=views(view))
        assert {r.view for r in session.propagate()} == {None}


def test_overlap_of_two_windows_is_decided_by_logits():
    path = straight((100, 100), (0, 0), 1)
    data = movie((256, 256), [path], radius=10)
    left = MaskPrompt.of(1, 0, disc((100, 95), (256, 256), 10))
    session = session_of(data, [left, click(2, 0, path)], settings=views("zoom"))
    for object_id in (1, 2):
        session.preview(object_id, 0)
    both = session.labels.read((0,))
    assert {1, 2} <= set(np.unique(both))
    assert np.count_nonzero(both) >= session.masks.get(1, (0,)).area


class CountingStore(MemoryStore):
    """A zarr store in memory that adds up what is read from it."""

    nbytes = 0

    async def get(self, *args, **kwargs):
        value = await super().get(*args, **kwargs)
        if value is not None:
            type(self).nbytes += len(value)
        return value


def test_huge_plane_is_read_by_windows_only():
    CountingStore.nbytes = 0
    array = zarr.create_array(
        CountingStore(),
        shape=(2, 60_000, 60_000),
        chunks=(1, 512, 512),
        dtype="u2",
        fill_value=20,
        compressors=None,
    )
    for frame in range(2):
        array[frame, 40_000:40_100, 30_000:30_100] = 20
        array[frame, 40_020:40_045, 30_020:30_045] = 200
    CountingStore.nbytes = 0
    stack = open_stack(array, axes="TYX")
    session = SegmentationSession(
        stack,
        FakePredictor(),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=PromptStore([PointPrompt(1, 0, (40_030.0, 30_030.0))]),
        masks=MemoryMaskStore(),
        labels=LabelArray.create(None, stack),
    )
    assert session.preview(1, 0).result.area > 500
    assert CountingStore.nbytes <= 64 * 1024**2
    results = list(session.propagate())
    assert [r.frame for r in results] == [0, 1]
    assert all(abs(r.area - 625) < 80 for r in results)
    assert CountingStore.nbytes <= 64 * 1024**2


def test_the_level_that_fits_the_window_is_read(monkeypatch):
    path = straight((400, 600), (0, 4), 3)
    data = movie((1600, 2400), [path], radius=150)
    stack = CountingStack(open_stack(data, axes="TYX"))
    levels = []

    def read(index, window=None, level=0):
        levels.append(level)
        factor = (1, 2, 4)[level]
        plane = stack._stack.read(index, window, 0)
        return plane[:, ::factor, ::factor]

    monkeypatch.setattr(stack, "read", read, raising=False)
    stack.levels = (1, 2, 4)
    session = SegmentationSession(
        stack,
        FakePredictor(),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=PromptStore([BoxPrompt(1, 0, (240.0, 440.0), (560.0, 760.0))]),
        masks=MemoryMaskStore(),
        labels=LabelArray.create(None, stack),
        settings=views("zoom"),
    )
    list(session.propagate())
    assert set(levels) == {2}
    assert iou(session.labels.read((2,)) == 1, data[2] > 100) > 0.9
