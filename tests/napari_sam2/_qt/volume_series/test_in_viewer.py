"""The widget on a series of volumes: click, propagate, correct, stop, undo, accept and save."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.export.tracking.formats import TrackingFormat
from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.viewer.layers.layer_set import LayerRole
from tests.helpers.volume_series import AXES, SHAPE, NucleiSeries, dividing_nuclei

OpenWidget = Callable[..., Any]
PLANES = SHAPE[0] * SHAPE[1]


def found(user: Any, series: NucleiSeries, object_id: int, labels: Any = None) -> float:
    mask = (user.drafts() if labels is None else labels) == object_id
    truth = series.labels == object_id
    return float(np.sum(truth & mask) / np.sum(truth | mask))


def test_click_propagate_accept_save(
    user: Any, series: NucleiSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pathlib.Path.home", lambda: user.folder)
    assert "along t and z" in user.widget.header.line.text()
    user.click(1, 2, 13, 14)
    user.settle()
    assert user.widget.foot.bar.text() == "20 planes: t=1, then 2 to 3, then 0"
    user.key("G")
    user.settle()
    assert found(user, series, 1) > 0.7
    assert "1 object found at 4 time points." in user.notice
    assert user.widget.foot.bar.text() == ""
    assert user.sync.layers.drafts.data.shape == SHAPE
    user.key("N")
    user.settle()
    assert not user.drafts().any()
    assert found(user, series, 1, user.labels()) > 0.7
    assert user.widget.state.accepted_count() == 1
    user.key("W")
    user.settle()
    (saved,) = user.folder.glob("*labels*")
    np.testing.assert_array_equal(tifffile.imread(saved), user.labels())


def test_one_row_for_an_object_of_many_volumes(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.settle()
    assert [item.id for item in user.widget.state.objects] == [1]
    planes = user.widget.state.progress(1).frames
    assert planes > SHAPE[1]
    table = user.widget.objects.table
    assert table.headerItem().text(2) == "Planes"
    assert "at all time points" in table.headerItem().toolTip(2)
    row = table.topLevelItem(0)
    assert row.text(2) == str(planes)
    assert row.toolTip(2) == f"{planes} planes with a mask, at 4 time points"
    steps = len(user.sync.sessions.history)
    user.controller.propagate_all()
    user.settle()
    assert "All masks are up to date" in user.notice
    assert len(user.sync.sessions.history) == steps


def test_a_run_is_undone_in_one_step(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    clicked = user.drafts().copy()
    user.key("G")
    user.settle()
    assert user.drafts()[3].any()
    user.controller.undo()
    user.settle()
    np.testing.assert_array_equal(user.drafts(), clicked)
    user.controller.redo()
    user.settle()
    assert user.drafts()[3].any()


def test_a_stopped_run_is_continued(user: Any, slow: Callable[[Any], None]) -> None:
    slow(user)
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.until(lambda: user.drafts()[1].any())
    user.key("H")
    user.settle()
    assert "Propagate again to continue" in user.notice
    assert not user.drafts()[3].any()
    assert user.drafts()[0].any(axis=(1, 2)).sum() > 1
    text = user.widget.foot.bar.text()
    assert "t=0" not in text
    assert text.endswith("to 3")
    user.key("G")
    user.settle()
    assert user.drafts()[3].any()
    user.controller.undo()
    user.settle()
    assert not user.drafts()[1:].any()


def test_a_correction_on_another_plane(user: Any, series: NucleiSeries) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.settle()
    first = user.drafts()[0].copy()
    user.click(3, 3, 15, 18)
    user.settle()
    assert user.widget.foot.bar.text() == "10 planes: t=3, then 2"
    user.key("G")
    user.settle()
    np.testing.assert_array_equal(user.drafts()[0], first)
    assert found(user, series, 1) > 0.7


def test_a_correction_of_an_accepted_object_reopens_all_time_points(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.settle()
    user.key("N")
    user.settle()
    user.select(1)
    user.click(2, 2, 14, 16)
    user.settle()
    assert not user.labels().any()
    assert user.drafts()[0].any()


def test_the_map_shows_and_chooses_planes(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    drawn = user.widget.timeline.map
    assert drawn.isVisibleTo(user.widget)
    assert not user.widget.timeline.timeline.isVisibleTo(user.widget)
    assert drawn.model.prompted.sum() == 1
    user.key("G")
    user.settle()
    model = drawn.model
    assert model.visited.all()
    assert (model.n_times, model.depth) == SHAPE[:2]
    where = drawn.rect_of((3, 1)).center()
    assert drawn.plane_at(where.x(), where.y()) == (3, 1)
    drawn.plane_chosen.emit(3, 1)
    assert (user.viewer.dims.current_step[0], user.viewer.dims.current_step[1]) == (3, 1)
    assert user.widget.timeline.map.model.shown == (3, 1)


def test_the_worst_plane_is_found_in_all_volumes(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.settle()
    review = user.widget.timeline.review
    tracks = user.sync.series.volumes()
    seen = []
    for _ in range(PLANES):
        review.next_frame()
        if "are reviewed" in user.notice:
            break
        seen.append(tuple(user.viewer.dims.current_step[:2]))
    assert len(seen) == len(set(seen))
    assert {time for time, _ in seen} == set(tracks)
    assert user.notice == "All frames of object 1 are reviewed."


def test_the_axes_are_offered_for_series_only(open_widget: OpenWidget) -> None:
    user = open_widget(np.zeros((3, 1, 16, 16), np.uint8), axis_labels=AXES)
    assert user.widget.images.along.findData(TIME_AND_DEPTH) == -1


def test_changing_the_axes_keeps_prompts_and_masks(user: Any) -> None:
    user.click(1, 2, 13, 14)
    user.settle()
    drafts = user.drafts().copy()
    user.choose_axes("z")
    user.settle()
    np.testing.assert_array_equal(user.drafts(), drafts)
    assert user.widget.timeline.timeline.isVisibleTo(user.widget)
    user.choose_axes(TIME_AND_DEPTH)
    user.settle()
    np.testing.assert_array_equal(user.drafts(), drafts)


def test_what_is_not_offered_is_refused(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.widget.advanced.propagation.last.value = 2
    user.key("G")
    user.settle()
    assert "A range of frames counts along one axis" in user.notice
    assert not user.drafts()[1:].any()


def test_prompt_files_hold_all_time_points(user: Any) -> None:
    user.controller.prompt_import.save_file(user.folder / "none.json")
    assert "no prompt to save" in user.notice
    for where in ((0, 2, 12, 12), (3, 3, 15, 18)):
        user.click(*where)
        user.settle()
    path = user.folder / "prompts.json"
    user.controller.prompt_import.save_file(path)
    user.controller.accept_save.delete(1)
    user.settle()
    assert not len(user.points.data)
    user.controller.prompt_import.add_file(str(path))
    user.settle()
    np.testing.assert_array_equal(user.points.data, [(0, 2, 12, 12), (3, 3, 15, 18)])
    assert all(user.drafts()[t].any() for t in (0, 3))
    user.controller.undo()
    assert not len(user.points.data)


def test_edits_of_frames_name_their_time_point(user: Any) -> None:
    user.click(3, 2, 15, 18)
    user.settle()
    user.controller.frame_edits.lock_frame()
    user.settle()
    assert "locked on frame 2" in user.notice
    assert user.notice.endswith("Frames are planes of the volume at t=3.")


def test_the_next_step_counts_prompts_of_all_time_points(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.viewer.dims.set_point(0, 3)
    user.settle()
    assert user.widget.status.next.text() == "Correct with a click and G, or accept with N."


def test_the_end_of_an_object_is_up_to_date_until_it_is_taken_back(user: Any) -> None:
    user.click(0, 2, 12, 12)
    user.settle()
    user.key("G")
    user.settle()
    user.viewer.dims.set_point(0, 2)
    user.viewer.dims.set_point(1, 2)
    user.key("Shift-X")
    user.settle()
    assert user.widget.foot.bar.text() == ""
    user.controller.frame_edits.clear_extent()
    user.settle()
    assert user.widget.foot.bar.text() == "5 planes: t=2"


def test_tracks_in_space_are_shown_and_exported(user: Any, series: NucleiSeries) -> None:
    for nucleus in series.nuclei:
        user.controller.new_object()
        user.click(0, *nucleus.centers[0])
        user.settle()
    user.controller.propagate_all()
    user.settle()
    user.widget.lineage.tracks.show()
    user.settle()
    tracks = user.sync.layers.find(LayerRole.TRACKS).data
    assert tracks.shape == (8, 5)
    truth = np.concatenate([nucleus.centers for nucleus in series.nuclei])
    np.testing.assert_allclose(tracks[:, 2:], truth, atol=1)
    user.key("Shift-N")
    user.settle()
    export = user.widget.foot.tracks
    assert TrackingFormat.CTC in export.filters().values()
    export.save(user.folder / "01_RES", TrackingFormat.CTC)
    user.settle()
    assert "2 objects, 0 with a parent, written to" in user.notice
    masks = sorted((user.folder / "01_RES").glob("mask*.tif"))
    written = np.stack([tifffile.imread(path) for path in masks])
    np.testing.assert_array_equal(written, user.labels())


def test_parents_are_refused_with_advice(user: Any) -> None:
    for where in ((0, 2, 12, 12), (0, 2, 28, 36)):
        user.controller.new_object()
        user.click(*where)
        user.settle()
    table = user.widget.objects.table
    for edit in (
        lambda: table.parents.set_parent([2], 1),
        lambda: table.parents.divide(1, [2]),
    ):
        user.widget.status.clear_notice()
        edit()
        assert "tracked along t and z have no parents" in user.notice
    assert user.sync.sessions.objects[2].parent is None


def test_axes_in_another_order_and_calibrated(
    open_widget: OpenWidget, series: NucleiSeries
) -> None:
    user = open_widget(
        series.image.swapaxes(0, 1), axis_labels=("z", "t", "y", "x"), scale=(3, 10, 0.5, 0.5)
    )
    user.choose_axes(TIME_AND_DEPTH)
    user.click(2, 1, 13, 14)
    user.settle()
    assert user.widget.foot.bar.text() == "20 planes: t=1, then 2 to 3, then 0"
    user.key("G")
    user.settle()
    drafts = user.sync.layers.drafts
    assert tuple(drafts.scale) == (3, 10, 0.5, 0.5)
    assert found(user, series, 1, user.drafts().swapaxes(0, 1)) > 0.7
    user.widget.timeline.map.plane_chosen.emit(3, 1)
    assert tuple(user.viewer.dims.current_step[:2]) == (1, 3)
    assert user.widget.timeline.map.model.shown == (3, 1)


@pytest.mark.slow
def test_real_model(open_widget: OpenWidget) -> None:
    series = dividing_nuclei(3, (7, 8, 96, 96), cells=4)
    user = open_widget(series.image[:3], axis_labels=AXES, name="nuclei")
    user.controller.set_predictor(load_predictor("micro"))
    user.settle()
    user.choose_axes(TIME_AND_DEPTH)
    nucleus = next(n for n in series.nuclei if len(n.centers) == 7)
    time, z, yx = nucleus.click
    user.click(time, z, *yx)
    user.settle()
    user.key("G")
    user.settle()
    truth, mask = series.labels[:3] == nucleus.id, user.drafts() == 1
    assert np.sum(truth & mask) / np.sum(truth | mask) > 0.5


def test_objects_that_are_one_are_reported_at_other_time_points(user: Any) -> None:
    for _ in range(2):
        user.controller.new_object()
        user.click(0, 2, 12, 12)
        user.settle()
        user.key("G")
        user.settle()
    user.viewer.dims.set_point(0, 3)
    user.controller.propagate_all()
    user.settle()
    user.click(0, 2, 13, 12)
    user.settle()
    user.viewer.dims.set_point(0, 3)
    user.key("G")
    user.settle()
    assert "At t=0: Object" in user.notice
