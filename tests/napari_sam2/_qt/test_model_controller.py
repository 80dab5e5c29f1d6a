"""Choosing a model: its description, its download, and the remedies for full memory."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2._qt.segment_track import SegmentTrackPanel
from napari_sam2.analysis.run_summary import ObjectRun, RunSummary
from napari_sam2.inference.model_catalog import (
    HubCatalog,
    ModelCard,
    ModelChoice,
    larger_than,
    smaller_than,
)
from sam2_model.errors import CheckpointError
from tests.helpers.driver import Driver
from tests.helpers.fakes import FakePredictor
from tests.helpers.hub_server import Hub, running

MB = 1_000_000
MICRO = ModelCard("micro", 4 * MB, "Apache-2.0", 0, "first steps", True)
TINY = ModelCard("sam2.1_hiera_tiny", 39 * MB, "Apache-2.0", 156 * MB, "work on a CPU", True)
LARGE = ModelCard("sam2.1_hiera_large", 224 * MB, "Apache-2.0", 898 * MB, "the best masks", False)


class NamedPredictor(FakePredictor):
    """Has the name of a model, and may have too little memory."""

    def __init__(self, choice: ModelChoice, room: bool = True) -> None:
        super().__init__()
        device = "cpu" if choice.device == "cpu" else "cuda:0"
        self.room = room
        self._info = replace(self._info, name=choice.model, device=device)

    def predict(self, *args: Any) -> Any:
        self._ask_for_memory()
        return super().predict(*args)

    def track(self, *args: Any, **kwargs: Any) -> Any:
        self._ask_for_memory()
        return super().track(*args, **kwargs)

    def _ask_for_memory(self) -> None:
        if not self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB.")


class Catalog:
    """Three models; a download stops half-way until the test continues it."""

    def __init__(self) -> None:
        self.asked: list[ModelChoice] = []
        self.error: Exception | None = None
        self.go_on = threading.Event()
        self.made: list[NamedPredictor] = []

    def cards(self) -> tuple[ModelCard, ...]:
        return MICRO, TINY, LARGE

    def load(self, choice: ModelChoice, progress: Callable[[int, int], None]) -> NamedPredictor:
        self.asked.append(choice)
        if choice.model == LARGE.name:
            progress(449 * MB, 898 * MB)
            while not self.go_on.wait(0.01):
                progress(449 * MB, 898 * MB)
        if self.error is not None:
            raise self.error
        self.made.append(NamedPredictor(choice))
        return self.made[-1]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2._qt.segment_track.show_error", lambda text: None)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def open_on(
    shared_viewers: Any, qtbot: Any, tmp_path: Path, image: np.ndarray
) -> Callable[[Any], Driver]:
    """Return a function that opens the widget on the movie, with the models of a catalog."""

    def start(catalog: Any) -> Driver:
        viewer = shared_viewers.take()
        viewer.add_image(image)
        widget = SegmentTrackPanel(viewer, catalog=catalog)
        viewer.window.add_dock_widget(widget)
        user = shared_viewers.add(Driver(viewer, widget, qtbot, tmp_path))
        user.until(lambda: user.sync is not None)
        return user

    return start


def _choose(user: Driver, name: str) -> None:
    box = user.widget.model.model
    box.setCurrentIndex(box.findData(name))


def _offer(user: Driver, text: str) -> Any:
    return next(made for made in user.widget.status.remedies if made.text() == text)


def _loading(user: Driver) -> bool:
    return not user.widget.model._loading.isHidden()


def test_another_model_forgets_the_input_size_and_keeps_the_number_format(
    open_on: Any, catalog: Catalog
) -> None:
    user = open_on(catalog)
    panel = user.widget.model
    user.until(lambda: panel.model.count() == 3)
    panel.dtype.setCurrentIndex(panel.dtype.findData("float32"))
    panel.input_size.setCurrentIndex(panel.input_size.findData(512))
    user.until(lambda: catalog.asked[-1] == ModelChoice("micro", "auto", "float32", 512))
    _choose(user, TINY.name)
    user.until(lambda: catalog.asked[-1] == ModelChoice(TINY.name, "auto", "float32"))
    user.until(lambda: not _loading(user))
    panel.model.choose("micro")
    user.widget.models.adopt(user.widget.state.predictor)
    assert panel.choice.dtype == "float32"


def test_models_are_shown_with_their_description(open_on: Any, catalog: Catalog) -> None:
    user = open_on(catalog)
    box = user.widget.model.model
    user.until(lambda: box.count() == 3)
    texts = [box.itemText(i) for i in range(3)]
    assert texts == [
        "micro  (ready)",
        "SAM 2.1 tiny  (ready)",
        "SAM 2.1 large  (↓ 898 MB)",
    ]
    tip = box.itemData(2, 3)
    known = ("the best masks", "Apache-2.0", "898 MB to download", "224.0 million")
    assert all(part in tip for part in known)
    assert box.currentData() == "micro"
    assert catalog.asked == [ModelChoice("micro", "auto")]
    user.widget.refresh()
    assert "license Apache-2.0" in user.widget.status.states.text()


@pytest.mark.smoke
def test_a_download_shows_how_far_it_is_while_clicks_are_answered(
    open_on: Any, catalog: Catalog
) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    _choose(user, LARGE.name)
    bar = user.widget.model.bar
    user.until(lambda: bar.value() > 1)
    assert bar.text() == "449 of 898 MB"
    user.click(0, 20, 20)
    user.settle()
    assert user.drafts()[0, 20, 20] == 1
    assert _loading(user)
    catalog.go_on.set()
    user.until(lambda: user.widget.state.predictor.info.name == LARGE.name)
    user.settle()
    assert not _loading(user)
    assert user.drafts()[0, 20, 20] == 1
    assert user.sync.session.predictor is catalog.made[-1]
    assert len(user.sync.session.prompts) == 1


def test_cancelling_a_download_keeps_the_model_in_use(open_on: Any, catalog: Catalog) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    _choose(user, LARGE.name)
    user.until(lambda: user.widget.model.bar.value() > 0)
    user.widget.model.cancel.click()
    user.until(lambda: not _loading(user))
    assert "micro stays in use" in user.widget.status.notice.text()
    assert user.widget.model.choice.model == "micro"
    assert user.widget.state.predictor is catalog.made[0]
    assert user.sync.session.predictor is catalog.made[0]


def test_of_two_models_chosen_the_last_one_counts(open_on: Any, catalog: Catalog) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    _choose(user, LARGE.name)
    user.until(lambda: user.widget.model.bar.value() > 0)
    _choose(user, TINY.name)
    user.until(lambda: user.widget.state.predictor.info.name == TINY.name)
    user.settle()
    assert [made.info.name for made in catalog.made] == ["micro", TINY.name]
    assert user.widget.model.choice.model == TINY.name


def test_a_download_that_fails_has_a_message_and_can_be_tried_again(
    open_on: Any, catalog: Catalog
) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    user.click(0, 20, 20)
    user.settle()
    catalog.error = CheckpointError("large.pt cannot be fetched: no network.")
    catalog.go_on.set()
    _choose(user, LARGE.name)
    user.until(lambda: bool(user.widget.status.error.text()))
    assert "no network" in user.widget.status.error.text()
    assert "micro stays in use" in user.widget.status.error.text()
    assert user.widget.model.choice.model == "micro"
    assert user.drafts()[0, 20, 20] == 1
    catalog.error = None
    _offer(user, "Try again").click()
    user.until(lambda: user.widget.state.predictor.info.name == LARGE.name)
    assert user.widget.status.error.text() == ""


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Use a smaller model", ModelChoice("micro", "auto")),
        ("Use the CPU", ModelChoice(TINY.name, "cpu")),
    ],
)
def test_too_little_memory_offers_remedies_and_repeats_the_jobs(
    open_on: Any, catalog: Catalog, text: str, choice: ModelChoice
) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    _choose(user, TINY.name)
    user.until(lambda: user.widget.state.predictor.info.name == TINY.name)
    user.click(0, 20, 20)
    user.settle()
    catalog.made[-1].room = False
    user.key("G")
    user.until(lambda: bool(user.widget.status.remedies))
    user.click(0, 60, 30)
    user.settle()
    assert not user.drafts()[1:].any()
    labels = [made.text() for made in user.widget.status.remedies]
    assert labels == ["Use a smaller model", "Use the CPU"]
    _offer(user, text).click()
    user.until(lambda: len(catalog.made) == 3)
    user.settle()
    user.until(lambda: bool(user.drafts()[7].any()))
    assert catalog.asked[-1] == choice
    assert user.widget.model.choice == choice
    assert user.widget.status.error.text() == ""


def test_on_the_cpu_with_the_smallest_model_nothing_is_offered(
    open_on: Any, catalog: Catalog
) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    user.widget.models.choose(ModelChoice("micro", "cpu"))
    user.until(lambda: user.widget.state.predictor.info.device == "cpu")
    user.settle()
    catalog.made[-1].room = False
    user.click(0, 20, 20)
    user.until(lambda: bool(user.widget.status.error.text()))
    assert user.widget.status.remedies == []


def test_a_script_brought_a_model_along(
    open_on: Any, catalog: Catalog, open_widget: Any, image: np.ndarray
) -> None:
    first = open_widget(image)
    second = SegmentTrackPanel(first.viewer, catalog=catalog)
    first.qtbot.addWidget(second)
    first.until(lambda: second.model.model.count() == 4)
    assert second.state.predictor is first.widget.state.predictor
    assert second.model.choice.model == "fake"
    assert catalog.asked == []
    second.release()


def test_smaller_models() -> None:
    cards = MICRO, TINY, LARGE
    assert smaller_than(cards, LARGE.name) is TINY
    assert smaller_than(cards, "tiny") is MICRO
    assert smaller_than(cards, "mine.pt") is MICRO
    assert smaller_than(cards, "micro (untrained)") is None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    import torch
    from huggingface_hub import constants

    from tests.helpers.networks import network

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 32 * 1024)
    file = io.BytesIO()
    torch.save({"model": network().state_dict()}, file)
    with running(Hub(file.getvalue(), "/someone/small/resolve/main/small.pt")) as server:
        yield server


def test_a_real_download_is_cancelled_and_repeated(
    open_widget: Any, hub: Hub, tmp_path: Path
) -> None:
    from sam2_model.checkpoint.registry import HubFile, Registry, Release
    from tests.helpers.networks import SMALL

    release = Release(SMALL, 1, len(hub.content), "tests", HubFile("someone/small", "small.pt"))
    registry = Registry((release,), endpoint=hub.url, cache=tmp_path / "hub")
    user = open_widget()
    models, box = user.widget.models, user.widget.model
    before = user.widget.state.predictor
    models._catalog, models._make = HubCatalog(registry), None
    models._list_models()
    user.until(lambda: box.model.findData("small") >= 0)
    assert "↓" in box.model.itemText(box.model.findData("small"))
    hub.pause = 0.05
    _choose(user, "small")
    user.until(lambda: box.bar.value() > 0)
    box.cancel.click()
    user.until(lambda: not _loading(user))
    assert user.widget.state.predictor is before
    hub.pause = 0
    _choose(user, "small")
    user.until(lambda: user.widget.state.predictor.info.name == "small")
    assert hub.ranges[0] is None
    assert hub.ranges[-1] is None
    user.until(lambda: "ready" in box.model.itemText(box.model.findData("small")))


def test_the_larger_model_is_a_downloaded_one_if_there_is_any() -> None:
    downloaded = replace(LARGE, is_here=True, parameters=224 * MB)
    away = replace(TINY, is_here=False, download_bytes=10)
    assert larger_than((MICRO, away, downloaded), MICRO.name) is downloaded
    assert larger_than((MICRO, away), MICRO.name) is away
    assert larger_than((MICRO, downloaded), downloaded.name) is None
    older = replace(away, name="sam2_hiera_tiny")
    newer = replace(away, name="sam2.1_hiera_tiny")
    assert larger_than((MICRO, older, newer), MICRO.name) is newer
    assert larger_than((MICRO, newer), "mine.pt") is None


def test_a_run_of_low_confidence_offers_a_larger_model(open_on: Any, catalog: Catalog) -> None:
    user = open_on(catalog)
    user.until(lambda: user.widget.model.model.count() == 3)
    low = ObjectRun(1, 3, 3, first=0, last=2, worst=1, confidence=0.2, mean_confidence=0.3)
    user.widget.state.run_summarized.emit(RunSummary((low,), "t", "micro", (1,)))
    go_there, larger = user.widget.status.notice.buttons
    assert go_there.text() == "Go to frame 1"
    assert larger.text() == "Use SAM 2.1 tiny"
    larger.click()
    user.until(lambda: catalog.asked[-1].model == TINY.name)
