"""Objects that are shared out over workers get the masks of a run on one computer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.errors import ConnectionLostError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.model_catalog import predictor_of
from napari_sam2.inference.protocol import MemoryPolicy, Predictor, ViewPrompts
from napari_sam2.inference.remote.remote_predictor import RemotePredictor
from napari_sam2.inference.remote.scheduler import WorkerAddress
from napari_sam2.inference.remote.shared import (
    SharedPredictor,
    SharedState,
    connect_predictor,
)
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.factory import create_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.batch_files import processes_cluster, threads_cluster
from tests.helpers.fakes import FakePredictor, MemoryJournal
from tests.helpers.scenes import movie, straight

pytest.importorskip("distributed")
# The discs of a row come so close that they compete for pixels.
STARTS = [(20, 20), (20, 32), (20, 60), (50, 20), (50, 44), (50, 56), (80, 40)]
FRAMES = movie((100, 100), [straight(start, (0, 1), 8) for start in STARTS])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with threads_cluster(3) as started:
        yield started


@pytest.fixture
def predictor(cluster: Any) -> Iterator[SharedPredictor]:
    found = connect_predictor(f"{cluster.scheduler_address}?workers=3", FakePredictor)
    assert isinstance(found, SharedPredictor)
    yield found
    found.close()


def session(predictor: Predictor, **places: Any) -> SegmentationSession:
    made = create_session(
        open_stack(FRAMES, axes="TYX"),
        predictor,
        intensity=Intensity(((0.0, 255.0),)),
        settings=SessionSettings(group_size=2, checkpoint_every=2),
        **places,
    )
    for number, start in enumerate(STARTS, 1):
        made.prompts.add(PointPrompt(number, 3 * (number == 7), start))
    return made


def labels(of: SegmentationSession) -> np.ndarray:
    window = Window.of(of.stack.shape)
    planes = [of.masks.at(of.stack.index(frame)) for frame in range(len(FRAMES))]
    return np.stack([compose_labels(records, window) for records in planes])


def tracked_on(predictor: SharedPredictor, cluster: Any) -> list[int]:
    """Return how many workers hold a model."""
    return [len(worker.state.actors) for worker in cluster.workers.values()]


def test_labels_are_those_of_one_computer(cluster: Any, predictor: SharedPredictor) -> None:
    assert tracked_on(predictor, cluster) == [1, 1, 1]
    local, shared = session(FakePredictor()), session(predictor)
    for each in (local, shared):
        list(each.propagate())
        list(each.refine_track())
    assert len(np.unique(labels(shared))) > 5
    np.testing.assert_array_equal(labels(shared), labels(local))
    assert shared.predictor.info.parallel_calls == 3


def test_a_run_is_resumed_on_other_workers(cluster: Any, predictor: SharedPredictor) -> None:
    places = {"masks": MemoryMaskStore(), "journal": MemoryJournal(), "drafts": MemoryMaskStore()}
    run = session(predictor, **places).propagate()
    for _ in range(25):
        next(run)
    run.close()
    other = connect_predictor(f"{cluster.scheduler_address}?workers=2", FakePredictor)
    again = session(other, **places)
    list(again.propagate(resume=True))
    local = session(FakePredictor())
    list(local.propagate())
    np.testing.assert_array_equal(labels(again), labels(local))
    assert isinstance(other, SharedPredictor)
    other.close()


def test_states_move_between_workers(predictor: SharedPredictor) -> None:
    near = FakePredictor()
    image = np.repeat(FRAMES[0][..., None], 3, axis=-1)
    far, here = predictor.encode(image), near.encode(image)
    inside = np.full(FRAMES[0].shape, -8, np.float32)
    inside[15:25, 15:25] = 8
    first = [predictor.add_masks(far, 0, [inside], [None], conditioning=True)[0] for _ in "ab"]
    [expected] = near.add_masks(here, 0, [inside], [None], conditioning=True)
    assert first[0].worker != first[1].worker
    assert [predictor.serialize_state(s) for s in first] == [near.serialize_state(expected)] * 2
    found = list(predictor.track(far, 1, first, reverse=False))
    again = predictor.deserialize_state(predictor.serialize_state(found[1].state))
    [last] = predictor.track(far, 2, [again], reverse=False)
    [one] = near.track(here, 1, [expected], reverse=False)
    [two] = near.track(here, 2, [one.state], reverse=False)
    np.testing.assert_array_equal(last.logits > 0, two.logits > 0)
    assert predictor.serialize_state(predictor.shift_memory(last.state, (1, 0))) == (
        near.serialize_state(near.shift_memory(two.state, (1, 0)))
    )


def test_a_view_is_computed_only_by_the_worker_that_tracks_on_it(
    predictor: SharedPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    encode = RemotePredictor.encode

    def record(worker: RemotePredictor, image: Any) -> Any:
        encoded.append(worker.connection.worker)
        return encode(worker, image)

    monkeypatch.setattr(RemotePredictor, "encode", record)
    names = [worker.connection.worker for worker in predictor.workers]
    images = [np.repeat(frame[..., None], 3, axis=-1) for frame in FRAMES[:4]]
    first, *views = [predictor.encode(image) for image in images]
    assert encoded == names[:1]
    assert {view.nbytes for view in views} == {first.nbytes}
    assert first.nbytes > images[0].nbytes
    click = ViewPrompts(np.array([[20.0, 20.0]]), np.ones(1, np.int64))
    homes = []
    for view in views:
        encoded.clear()
        for _ in range(2):
            [result] = predictor.add_prompts(view, 0, [click], [None])
            assert isinstance(result.state, SharedState)
            homes.append(names[result.state.worker])
        assert encoded == homes[-2:]
        list(predictor.track(view, 1, [result.state], reverse=False))
        assert len(encoded) == 2
    assert set(homes) == set(names)


def test_values_of_another_predictor_are_refused(predictor: SharedPredictor) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(TypeError, match="not an encoding of SharedPredictor"):
        predictor.predict_points(FakePredictor().encode(image), np.zeros((1, 2)))
    with pytest.raises(TypeError, match="not a track state of SharedPredictor"):
        predictor.serialize_state(None)
    stored = predictor.serialize_embedding(predictor.encode(image))
    again = predictor.deserialize_embedding(stored)
    assert again.shape == (8, 8)
    assert again.nbytes > stored.nbytes
    assert predictor.with_memory(MemoryPolicy.MEMORY_TREE).info == predictor.info


def test_a_lost_worker_ends_the_run_with_advice(predictor: SharedPredictor) -> None:
    shared = session(predictor)
    run = shared.propagate()
    next(run)
    # As after a loss, its states are on a host that is not there any more.
    predictor.workers[1].connection.host = "another"
    with pytest.raises(ConnectionLostError, match="Finished frames are kept"):
        list(run)


def test_too_few_workers(cluster: Any) -> None:
    with pytest.raises(UserError, match="has 3 workers, not 4"):
        connect_predictor(f"{cluster.scheduler_address}?workers=4", FakePredictor)
    assert sum(len(worker.state.actors) for worker in cluster.workers.values()) <= 3


@pytest.mark.parametrize("options", ["?workers=0", "?workers=x", "?gpus=2", "?workers"])
def test_a_wrong_device_is_refused(options: str) -> None:
    with pytest.raises(UserError, match="workers=4"):
        WorkerAddress.parse(f"tcp://host:1{options}")


def test_a_device_with_a_number_of_workers() -> None:
    assert WorkerAddress.parse("tcp://h:1?workers=4") == WorkerAddress("tcp://h:1", 4)
    assert WorkerAddress.parse("tcp://h:1") == WorkerAddress("tcp://h:1")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_bundled_model_on_two_processes() -> None:
    load = partial(predictor_of, "micro", "cpu", "float32", 128)
    with processes_cluster(2) as started:
        address = f"{started.scheduler_address}?workers=2"
        predictor = connect_predictor(address, load, worker_seconds=120)
        shared, local = session(predictor), session(load())
        for each in (shared, local):
            list(each.propagate(PropagationRequest(frames=(0, 4))))
        assert labels(shared).any()
        np.testing.assert_array_equal(labels(shared), labels(local))
        assert isinstance(predictor, SharedPredictor)
        predictor.close()
