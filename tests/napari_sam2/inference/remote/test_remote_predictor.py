"""A predictor on a worker gives the results of one in this process, also if the worker is lost."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from threading import Thread
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

from napari_sam2.core.errors import ConnectionLostError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference import sam2_predictor
from napari_sam2.inference.model_catalog import HubCatalog, ModelChoice, predictor_of
from napari_sam2.inference.protocol import MemoryPolicy, Predictor, ViewPrompts
from napari_sam2.inference.remote import connection as remote
from napari_sam2.inference.remote.connection import HostConnection
from napari_sam2.inference.remote.host import PredictorHost
from napari_sam2.inference.remote.remote_predictor import RemotePredictor
from napari_sam2.inference.remote.scheduler import connect_client
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.factory import create_session
from napari_sam2.session.session import SegmentationSession
from tests.helpers.batch_files import kill_workers, processes_cluster, threads_cluster
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

pytest.importorskip("distributed")
FRAMES = movie((64, 80), [straight((20, 20), (1, 2), 6), straight((45, 50), (0, 1), 6)])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with threads_cluster(2) as started:
        yield started


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def predictor(cluster: Any, messages: list[str]) -> Iterator[RemotePredictor]:
    connection = HostConnection(cluster.scheduler_address, FakePredictor, notify=messages.append)
    yield RemotePredictor(connection)
    connection.close()


def session(predictor: Predictor) -> SegmentationSession:
    stack = open_stack(FRAMES, axes="TYX")
    made = create_session(stack, predictor, intensity=Intensity(((0.0, 255.0),)))
    made.prompts.add(PointPrompt(1, 0, (20, 20)))
    made.prompts.add(PointPrompt(2, 0, (45, 50)))
    return made


def labels(of: SegmentationSession) -> np.ndarray:
    """Return the labels (T, H, W) that follow from the masks."""
    window = Window.of(of.stack.shape)
    planes = [of.masks.at(of.stack.index(frame)) for frame in range(len(FRAMES))]
    return np.stack([compose_labels(records, window) for records in planes])


def lose(cluster: Any, address: str) -> None:
    """End the worker at an address, as if its computer was switched off; start another one."""
    name, worker = next((n, w) for n, w in cluster.workers.items() if w.address == address)
    cluster.sync(worker.close)
    del cluster.workers[name], cluster.worker_spec[name]
    cluster.scale(2)


def test_all_results_are_those_of_a_local_model(predictor: RemotePredictor) -> None:
    local, far = session(FakePredictor()), session(predictor)
    for each in (local, far):
        for _ in each.propagate():
            pass
    assert set(np.unique(labels(far))) == {0, 1, 2}
    np.testing.assert_array_equal(labels(far), labels(local))
    points = np.array([[20.0, 20.0], [45.0, 50.0]])
    near = FakePredictor()
    image = np.repeat(FRAMES[0][..., None], 3, axis=-1)
    embedding = predictor.encode(image)
    expected = near.predict_points(near.encode(image), points).logits
    again = predictor.deserialize_embedding(predictor.serialize_embedding(embedding))
    for each in (embedding, again):
        np.testing.assert_array_equal(predictor.predict_points(each, points).logits, expected)
        features = near.feature_map(near.encode(image))
        np.testing.assert_array_equal(predictor.feature_map(each), features)


def test_dask_arrays_are_computed_here_during_calls(
    predictor: RemotePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = da.arange(8, chunks=4)
    seen: list[int] = []
    present = RemotePredictor._present

    def compute_meanwhile(*args: Any) -> Any:
        viewer = Thread(target=lambda: seen.append(int(shown.sum().compute())))
        viewer.start()
        viewer.join()
        return present(*args)

    before = dask.config.get("scheduler")
    monkeypatch.setattr(RemotePredictor, "_present", compute_meanwhile)
    session(predictor).preview(1, 0)
    assert seen
    assert set(seen) == {28}
    assert dask.config.get("scheduler") == before


def test_a_worker_lost_between_two_clicks_loses_no_prompt(
    cluster: Any, predictor: RemotePredictor, messages: list[str]
) -> None:
    far = session(predictor)
    before = far.preview(1, 0).result
    lost = predictor.connection.worker
    lose(cluster, lost)
    far.prompts.add(PointPrompt(1, 0, (20, 23)))
    after = far.preview(1, 0).result
    [message] = messages
    assert lost in message
    assert predictor.connection.worker in message
    assert predictor.connection.worker != lost
    local = session(FakePredictor())
    np.testing.assert_array_equal(before.crop.logits, local.preview(1, 0).result.crop.logits)
    local.prompts.add(PointPrompt(1, 0, (20, 23)))
    np.testing.assert_array_equal(after.crop.logits, local.preview(1, 0).result.crop.logits)
    assert len(far.prompts.get(1, 0)) == 2


def test_a_run_on_a_lost_worker_keeps_its_frames_and_can_be_run_again(
    cluster: Any, predictor: RemotePredictor, messages: list[str]
) -> None:
    far = session(predictor)
    run = far.propagate()
    for _ in range(4):
        next(run)
    lose(cluster, predictor.connection.worker)
    with pytest.raises(ConnectionLostError, match="Finished frames are kept"):
        list(run)
    assert len(far.masks.infos()) >= 4
    assert len(messages) == 1
    list(far.propagate())
    local = session(FakePredictor())
    list(local.propagate())
    np.testing.assert_array_equal(labels(far), labels(local))


def test_values_that_are_not_used_any_more_are_released(predictor: RemotePredictor) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    first = predictor.encode(image)
    assert first.nbytes > image.nbytes
    gone = first.held
    del first
    gc.collect()
    kept = predictor.encode(image)
    kept.held = gone
    with pytest.raises(RuntimeError, match=f"Error on the worker: KeyError: {gone.number}"):
        predictor.serialize_embedding(kept)


def test_values_of_another_predictor_are_refused(predictor: RemotePredictor) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(TypeError, match="use its encode"):
        predictor.predict(FakePredictor().encode(image), ViewPrompts(np.zeros((0, 2)), np.ones(0)))
    with pytest.raises(TypeError, match="is not a track state of Remote"):
        predictor.serialize_state(None)


def test_a_memory_policy_changes_the_tracking_only(predictor: RemotePredictor) -> None:
    other = predictor.with_memory(MemoryPolicy.DISTRACTOR_AWARE)
    assert other is not predictor
    assert other.connection is predictor.connection
    assert other.with_memory(MemoryPolicy.DISTRACTOR_AWARE) is other
    assert predictor.info.device == predictor.connection.address


def missing_model() -> Predictor:
    raise UserError("There is no model here. Download it.")


def test_a_worker_without_the_model(cluster: Any) -> None:
    with pytest.raises(UserError, match=r"no model here\. Download it"):
        HostConnection(cluster.scheduler_address, missing_model)


def test_a_worker_with_another_version(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "__version__", "9.9")
    with pytest.raises(UserError, match=r"this computer has 9\.9"):
        HostConnection(cluster.scheduler_address, FakePredictor, worker_seconds=0)


def test_no_scheduler_and_no_worker() -> None:
    with threads_cluster(0) as empty:
        address = empty.scheduler_address
        with pytest.raises(UserError, match=f"no worker. Start one with dask worker {address}"):
            HostConnection(address, FakePredictor, worker_seconds=0)
    with pytest.raises(UserError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9"):
        connect_client("tcp://127.0.0.1:9", timeout=0.3)


def test_an_address_is_a_device(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam2_predictor, "load_predictor", lambda *_, **__: FakePredictor())
    address = cluster.scheduler_address
    for found in (
        predictor_of("fake", address),
        HubCatalog().load(ModelChoice("fake", address), lambda *_: None),
    ):
        assert isinstance(found, RemotePredictor)
        assert (found.info.name, found.info.device) == ("fake", address)
        found.connection.close()


def test_errors_of_the_host_are_returned() -> None:
    host = PredictorHost(missing_model)
    failure = host.load()
    assert (failure.text, failure.by_user) == ("There is no model here. Download it.", True)
    failure = PredictorHost(FakePredictor).serialize_state(None)
    assert not failure.by_user


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_bundled_model_on_a_process_that_is_killed(messages: list[str]) -> None:
    load = partial(predictor_of, "micro", "cpu", "float32", 128)
    with processes_cluster(1) as cluster:
        connection = HostConnection(
            cluster.scheduler_address, load, notify=messages.append, worker_seconds=120
        )
        far, local = session(RemotePredictor(connection)), session(load())
        for number in range(2):
            found, expected = (each.preview(1, 0).result for each in (far, local))
            np.testing.assert_array_equal(found.crop.logits, expected.crop.logits)
            assert len(messages) == number
            for each in (far, local):
                each.prompts.add(PointPrompt(1, 0, (20, 23 + number)))
            if not number:
                kill_workers(cluster)
        for each in (far, local):
            list(each.propagate())
        np.testing.assert_array_equal(labels(far), labels(local))
        connection.close()
