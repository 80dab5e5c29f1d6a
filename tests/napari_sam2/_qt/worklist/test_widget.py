"""A user works through the stacks of a folder in the worklist."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QMessageBox

from napari_sam2._qt.jobs import controller
from napari_sam2._qt.worklist.widget import WorklistWidget, show_worklist
from napari_sam2.batch.outcomes import StackOutcome, StackState, write_reports
from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.session.saved_sessions import create_saved_sessions
from napari_sam2.session.storage.session_folder import SessionFolder
from napari_sam2.session.worklist.items import ItemState
from napari_sam2.session.worklist.stack_files import WORKLIST_FILE
from napari_sam2.viewer.open_layers import open_layers
from tests.helpers.driver import Driver
from tests.helpers.fakes import FakePredictor

BUTTONS = QMessageBox.StandardButton


class ListUser:
    """A user of the worklist beside the widget that segments."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.list = show_worklist(driver.viewer)

    def settle(self) -> None:
        """Wait until no stack is being opened, closed or saved, and no job is left."""
        jobs = self.list.controller
        self.driver.until(lambda: not jobs.busy and not jobs.importing)
        self.driver.settle()
        self.driver.until(lambda: not jobs.busy)
        self.list.refresh()

    def open(self, name: str) -> None:
        self.list.controller.open(name)
        self.settle()

    def states(self) -> list[ItemState]:
        self.list.refresh()
        return [row.state for row in self.list.model.rows]

    def segment(self) -> None:
        """Click the disc of the first frame, propagate and accept."""
        self.driver.click(0, 20, 20)
        self.driver.settle()
        self.driver.controller.propagate()
        self.driver.settle()
        self.driver.controller.accept_save.accept_all()
        self.settle()

    @property
    def images(self) -> list[str]:
        from napari.layers import Image

        return [layer.name for layer in self.driver.viewer.layers if isinstance(layer, Image)]

    @property
    def notice(self) -> str:
        return self.list.notice.text()


@pytest.fixture
def stacks(tmp_path: Path, image: np.ndarray) -> Path:
    """A folder of three stacks."""
    folder = tmp_path / "stacks"
    folder.mkdir()
    for name in "abc":
        tifffile.imwrite(folder / f"{name}.tif", image, metadata={"axes": "TYX"})
    return folder


@pytest.fixture
def user(open_widget: Callable[..., Driver]) -> Any:
    driver = open_widget()
    made = ListUser(driver)
    yield made
    driver.until(lambda: not made.list.controller.busy)
    made.list.release()
    driver.viewer.window.remove_dock_widget(made.list)
    made.list.deleteLater()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Answers to the next questions; a question without an answer fails."""
    given: list[Any] = []
    monkeypatch.setattr(QMessageBox, "question", lambda *_: given.pop(0))
    return given


def test_stacks_are_corrected_and_saved_one_after_the_other(user: ListUser, stacks: Path) -> None:
    user.list.open_list(stacks)
    assert user.states() == [ItemState.NOT_OPENED] * 3
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["a.tif"]
    assert user.states()[0] is ItemState.OPENED
    user.segment()
    assert user.states()[0] is ItemState.ACCEPTED
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["b.tif"]
    assert user.states() == [ItemState.SAVED, ItemState.OPENED, ItemState.NOT_OPENED]
    assert user.list.bar.text() == "1 of 3 saved"
    labels = tifffile.imread(stacks / "a-labels.tif")
    assert labels.shape == (8, 80, 96)
    assert labels.any(axis=(1, 2)).all()
    user.list.previous.click()
    user.settle()
    assert user.images == ["a.tif"]
    assert user.states()[0] is ItemState.SAVED
    assert len(user.driver.sync.used_objects()) == 1


def test_the_work_continues_where_it_stopped(
    user: ListUser, stacks: Path, answers: list[Any]
) -> None:
    user.list.open_list(stacks)
    user.open("b.tif")
    user.segment()
    answers.append(BUTTONS.Discard)
    user.open("c.tif")
    other = WorklistWidget(user.driver.viewer)
    other.open_list(stacks)
    assert other.controller.last == "c.tif"
    assert [row.state for row in other.model.rows] == [
        ItemState.NOT_OPENED,
        ItemState.ACCEPTED,
        ItemState.OPENED,
    ]
    assert "c.tif was opened last" in other.notice.text()
    other.release()
    other.deleteLater()
    assert not list(stacks.glob("*-labels*"))
    user.list.open_list(stacks)
    user.settle()
    assert user.images == []
    assert "c.tif was opened last" in user.notice
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["c.tif"]


def test_unsaved_labels_are_saved_or_kept_or_the_stack_stays(
    user: ListUser, stacks: Path, answers: list[Any]
) -> None:
    user.list.open_list(stacks)
    user.open("a.tif")
    user.segment()
    answers.append(BUTTONS.Cancel)
    user.open("b.tif")
    assert user.images == ["a.tif"]
    answers.append(BUTTONS.Save)
    user.open("b.tif")
    assert user.images == ["b.tif"]
    assert (stacks / "a-labels.tif").exists()
    assert user.states()[0] is ItemState.SAVED
    assert answers == []


def test_an_edit_after_saving_is_seen_and_saved_to_the_same_file(
    user: ListUser, stacks: Path
) -> None:
    user.list.open_list(stacks)
    user.open("a.tif")
    user.segment()
    user.driver.controller.accept_save.save()
    user.settle()
    assert user.states()[0] is ItemState.SAVED
    user.driver.click(0, 60, 30)
    user.driver.settle()
    assert user.states()[0] is ItemState.OPENED
    assert user.list.model.data(user.list.model.index(0, 2)) == "1 of 2 accepted"
    user.driver.controller.accept_save.accept_all()
    user.settle()
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["b.tif"]
    assert [path.name for path in stacks.glob("*-labels*")] == ["a-labels.tif"]
    assert set(np.unique(tifffile.imread(stacks / "a-labels.tif"))) == {0, 1, 2}


def test_next_saves_no_stack_without_accepted_objects(user: ListUser, stacks: Path) -> None:
    user.list.open_list(stacks)
    for name in ("a.tif", "b.tif"):
        user.list.save_and_next.click()
        user.settle()
        assert user.images == [name]
    user.driver.click(0, 20, 20)
    user.driver.settle()
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["b.tif"]
    assert "No object of b.tif is accepted" in user.notice
    assert not list(stacks.glob("*-labels*"))


def test_no_stack_is_opened_during_a_run(user: ListUser, stacks: Path, slow: Any) -> None:
    user.list.open_list(stacks)
    user.open("a.tif")
    user.driver.click(0, 20, 20)
    user.driver.settle()
    slow(user.driver)
    user.driver.controller.propagate()
    user.driver.until(lambda: user.driver.widget.state.running is not None)
    user.list.controller.open("b.tif")
    user.list.save_and_next.click()
    assert "A run is in progress" in user.notice
    assert user.images == ["a.tif"]
    user.driver.controller.runs.stop()
    user.settle()
    assert user.images == ["a.tif"]


def test_a_stack_that_cannot_be_read_fails_and_the_list_goes_on(
    user: ListUser, stacks: Path
) -> None:
    (stacks / "b.tif").write_bytes(b"II*\0broken")
    user.list.open_list(stacks)
    (stacks / "c.tif").unlink()
    for name in ("b.tif", "c.tif"):
        user.open(name)
        assert f"{name} cannot be opened" in user.notice
    assert user.states() == [ItemState.NOT_OPENED, ItemState.FAILED, ItemState.FAILED]
    assert "no image" in user.list.model.rows[2].reason
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["a.tif"]
    user.list.save_and_next.click()
    user.settle()
    assert "No other stack is left" in user.notice
    stored = json.loads((stacks / WORKLIST_FILE).read_text())["items"]
    assert stored["b.tif"]["failure"]


def test_prompts_of_a_stack_are_predicted_when_it_is_opened(user: ListUser, stacks: Path) -> None:
    point = {"frame": 0, "yx": [20, 20], "label": 1}
    prompts = {"version": 1, "axis": "t", "objects": [{"id": 1, "points": [point]}]}
    (stacks / "a.prompts.json").write_text(json.dumps(prompts))
    user.list.open_list(stacks)
    user.open("a.tif")
    assert len(user.driver.sync.session.prompts) == 1
    assert user.driver.drafts()[0, 20, 20] == 1


def test_the_labels_of_a_batch_are_drafts_to_correct(
    user: ListUser, stacks: Path, tmp_path: Path, answers: list[Any]
) -> None:
    labels = np.zeros((8, 80, 96), np.uint16)
    labels[2:6, 10:20, 30:44] = 4
    results = tmp_path / "results"
    results.mkdir()
    tifffile.imwrite(results / "a.labels.tif", labels, metadata={"axes": "TYX"})
    done = StackOutcome(
        name="a",
        state=StackState.DONE,
        source=str(stacks / "a.tif"),
        output=str(results / "a.labels.tif"),
    )
    write_reports([done], results, "report")
    user.list.open_list(results)
    user.open("a")
    np.testing.assert_array_equal(user.driver.drafts(), labels)
    assert user.states() == [ItemState.OPENED]
    assert user.list.model.data(user.list.model.index(0, 2)) == "0 of 1 accepted"
    user.driver.controller.accept_save.accept_all()
    user.settle()
    user.list.save_and_next.click()
    user.settle()
    np.testing.assert_array_equal(tifffile.imread(stacks / "a-labels.tif"), labels)
    assert (results / WORKLIST_FILE).exists()
    assert user.states() == [ItemState.SAVED]


def test_labels_of_another_shape_are_reported(user: ListUser, stacks: Path) -> None:
    wrong = np.ones((5, 80, 96), np.uint16)
    tifffile.imwrite(stacks / "a.labels.tif", wrong, metadata={"axes": "TYX"})
    user.list.open_list(stacks)
    user.open("a.tif")
    assert "the image TYX and (8, 80, 96)" in user.driver.error
    assert user.states()[0] is ItemState.OPENED


def test_a_session_along_another_axis_continues(user: ListUser, stacks: Path) -> None:
    sessions = create_saved_sessions(open_stack(stacks / "a.tif", along="y"), FakePredictor())
    plane = np.zeros((8, 96), np.uint16)
    plane[2:5, 10:30] = 1
    sessions[()].import_labels(7, plane)
    sessions.close()
    user.list.open_list(stacks)
    assert user.states()[0] is ItemState.ACCEPTED
    user.open("a.tif")
    assert user.driver.sync.sessions.stack.along == "y"
    assert user.states()[0] is ItemState.ACCEPTED


def test_other_layers_of_the_user_stay(user: ListUser, stacks: Path, image: np.ndarray) -> None:
    user.driver.viewer.add_image(image, name="mine")
    user.driver.until(lambda: user.driver.sync is not None)
    user.driver.settle()
    user.list.open_list(stacks)
    user.open("a.tif")
    assert user.driver.sync.images[0].name == "a.tif"
    user.open("b.tif")
    assert user.images == ["mine", "b.tif"]
    assert user.driver.sync.images[0].name == "b.tif"


def test_a_folder_without_stacks_is_refused(user: ListUser, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    user.list.open_list(empty)
    assert "has no stack" in user.notice
    assert user.list.model.rowCount() == 0
    assert not user.list.save_and_next.isEnabled()


def test_a_session_that_is_in_use_is_not_opened_nor_begun_anew(
    user: ListUser, stacks: Path
) -> None:
    sessions = create_saved_sessions(open_stack(stacks / "a.tif"), FakePredictor())
    sessions[()].import_labels(0, np.ones((80, 96), np.uint16))
    user.list.open_list(stacks)
    user.open("a.tif")
    assert "a.tif is not opened: a-t.sam2-session is in use" in user.notice
    assert user.images == []
    sessions.close()
    user.open("a.tif")
    assert user.states()[0] is ItemState.ACCEPTED
    assert len(list(stacks.glob("*.sam2-session"))) == 1
    user.open("b.tif")
    folder = SessionFolder.open(stacks / "a-t.sam2-session")
    assert tuple(folder.masks.objects()) == (1,)
    folder.close()


def test_an_image_that_cannot_be_segmented_fails_and_the_list_goes_on(
    user: ListUser, stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(viewer: Any, images: Any, *rest: Any) -> Any:
        if images[0].name == "a.tif":
            raise UserError("The layer has a channel axis.")
        return open_layers(viewer, images, *rest)

    monkeypatch.setattr(controller, "open_layers", refuse)
    (stacks / "a.prompts.json").write_text("{}")
    user.list.open_list(stacks)
    user.open("a.tif")
    assert user.states()[0] is ItemState.FAILED
    assert user.list.model.rows[0].reason == "The layer has a channel axis."
    user.open("b.tif")
    assert user.images == ["b.tif"]


@pytest.mark.slow
def test_the_walk_with_the_bundled_model(
    open_widget: Callable[..., Driver], stacks: Path, predictor: Any
) -> None:
    from napari_sam2.inference.model_catalog import predictor_of

    driver = open_widget()
    driver.controller.set_predictor(predictor_of("micro", "cpu"))
    driver.settle()
    user = ListUser(driver)
    user.list.open_list(stacks)
    user.open("a.tif")
    user.segment()
    user.list.save_and_next.click()
    user.settle()
    assert user.images == ["b.tif"]
    assert user.states()[0] is ItemState.SAVED
    found = tifffile.imread(stacks / "a-labels.tif") > 0
    assert found[:, :40].any(axis=(1, 2)).all()
    user.list.release()
    driver.viewer.window.remove_dock_widget(user.list)
