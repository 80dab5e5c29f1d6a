"""Finding by text in the widget, with the files of a text model."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.candidates.candidate import Candidate, CandidateSource
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.inference.text.catalog import TEXT_MODELS
from napari_sam2.session.candidates import session_search
from napari_sam2.viewer.layers.layer_set import LayerRole
from tests.helpers.scenes import movie, straight
from tests.helpers.session_states import state_of
from tests.helpers.text_detectors import BrightDetector

OpenWidget = Callable[..., Any]
IMAGES = movie((80, 96), [straight(place, (0, 1), 4) for place in ((20, 20), (60, 30))])


def opened(open_widget: OpenWidget) -> Any:
    user = open_widget(IMAGES)
    user.viewer.dims.set_point(0, 0)
    return user


def find(user: Any, phrase: str, model: Path | str) -> Any:
    """Type a phrase and a model, and press Find."""
    panel = user.widget.candidates
    panel.section.expand(animate=False)
    panel.source.setCurrentIndex(panel.source.findData(CandidateSource.TEXT))
    panel.phrase.setText(phrase)
    panel.text_model.setCurrentText(str(model))
    panel.search.click()
    return panel


def candidates(user: Any) -> np.ndarray:
    return np.asarray(user.sync.layers.find(LayerRole.CANDIDATES).data[0])


def painted(candidate: Candidate, shape: tuple[int, ...]) -> np.ndarray:
    plane = np.zeros(shape, bool)
    plane[candidate.crop.window.slices] = candidate.crop.logits > 0
    return plane


def masks_of(labels: np.ndarray) -> set[bytes]:
    return {(labels == value).tobytes() for value in np.unique(labels) if value}


def assert_masks_become_objects(user: Any, text_model: Path) -> None:
    """Find with a phrase, accept all, propagate, and compare with the session's own search."""
    panel = find(user, '"Red Car"; disk', text_model)
    user.settle()
    expected = user.sync.session.search.find(
        0, SearchTarget.parse("text:red car;disk"), text_model=str(text_model)
    )
    assert len(expected) > 1
    shown = candidates(user)
    assert masks_of(shown) == {painted(one, shown.shape).tobytes() for one in expected}
    panel.accept_all.click()
    user.settle()
    assert masks_of(user.drafts()[0]) == masks_of(shown)
    user.key("Shift-G")
    user.settle()
    assert user.drafts()[-1].any()


def test_a_phrase_becomes_objects_that_are_propagated(
    open_widget: OpenWidget, text_model: Path
) -> None:
    assert_masks_become_objects(opened(open_widget), text_model)


@pytest.mark.slow
def test_a_phrase_becomes_masks_of_the_real_model(
    open_widget: OpenWidget, text_model: Path
) -> None:
    user = opened(open_widget)
    user.sync.sessions.set_predictor(load_predictor("micro", "cpu"))
    assert_masks_become_objects(user, text_model)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("empty", "holds no text model"),
        ("clip", 'of the kind "clip"'),
        ("weights", "cannot be loaded"),
        ("words", "does not know all words"),
        ("path", "There is no text model"),
    ],
)
def test_a_wrong_model_changes_nothing(
    open_widget: OpenWidget, text_model: Path, tmp_path: Path, damage: str, words: str
) -> None:
    folder = Path(shutil.copytree(text_model, tmp_path / "copy"))
    if damage == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    elif damage == "clip":
        (folder / "config.json").write_text(json.dumps({"model_type": "clip"}))
    elif damage == "weights":
        (folder / "model.safetensors").write_bytes(b"")
    elif damage == "path":
        shutil.rmtree(folder)
    user = opened(open_widget)
    find(user, "disk", text_model)
    user.settle()
    user.widget.candidates.accept_all.click()
    user.settle()
    before, layers = state_of(user.sync.session), list(user.viewer.layers)
    steps, shown = len(user.sync.sessions.history), candidates(user).copy()
    assert before["masks"]
    panel = find(user, "машина" if damage == "words" else "disk", folder)
    user.settle()
    assert words in user.error
    assert state_of(user.sync.session) == before
    assert list(user.viewer.layers) == layers
    assert len(user.sync.sessions.history) == steps
    np.testing.assert_array_equal(candidates(user), shown)
    assert panel.search.isEnabled()


def test_a_phrase_with_a_dot_inside_is_refused_before_the_search(open_widget: OpenWidget) -> None:
    user = opened(open_widget)
    find(user, "car. tree.", "no such folder")
    assert "Separate phrases by ;" in user.notice
    user.settle()
    assert user.error == ""
    assert user.sync.layers.find(LayerRole.CANDIDATES) is None


def test_a_download_shows_its_progress_and_is_stopped(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, device: str, progress: Callable[[int, int], None]) -> BrightDetector:
        for megabytes in range(1, 692):
            progress(megabytes * 10**6, 692 * 10**6)
            time.sleep(0.05)
        return BrightDetector("disk")

    monkeypatch.setattr(session_search, "load_text_detector", load)
    user = opened(open_widget)
    before = state_of(user.sync.session)
    find(user, "disk", "llmdet-tiny")
    user.until(lambda: user.sync.session.search.downloading)
    user.until(lambda: user.sync.session.run.done > 0)
    user.widget.refresh()
    text = user.widget.foot.bar.format()
    assert text.startswith("Downloading: ")
    assert text.endswith(" of 692 MB")
    user.widget.foot.stop.click()
    user.settle()
    assert user.notice == "The search was stopped; nothing has changed."
    assert state_of(user.sync.session) == before
    assert not user.sync.session.search.downloading


def test_the_license_and_size_of_a_model_are_shown(open_widget: OpenWidget) -> None:
    panel = opened(open_widget).widget.candidates
    for name, model in TEXT_MODELS.items():
        panel.text_model.setCurrentText(name)
        assert panel.text_about.text() == model.about
    panel.text_model.setCurrentText("my folder")
    assert panel.text_about.text() == ""
