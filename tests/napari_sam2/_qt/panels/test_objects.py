"""The table of objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.prompts.types import PointPrompt

OpenWidget = Callable[..., Any]


@pytest.mark.smoke
def test_hiding_and_renaming_an_object(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    row = user.widget.objects.table.topLevelItem(0)
    row.setText(0, "mother")
    row.setText(1, "nucleus")
    row.setCheckState(0, row.checkState(0).Unchecked)
    user.settle()
    assert user.sync.sessions.objects[1].name == "mother"
    assert user.sync.sessions.objects[1].label_class == "nucleus"
    assert user.sync.layers.drafts.get_color(1)[3] == 0
    user.widget.objects.table.topLevelItem(0).setCheckState(0, row.checkState(0).Checked)
    assert user.sync.layers.drafts.get_color(1)[3] > 0


def test_the_list_reads_all_prompts_once_however_many_objects(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = open_widget(image)
    user.settle()
    store = user.sync.session.prompts
    for object_id in range(1, 60):
        user.sync.sessions.objects.add(object_id)
        store.add(PointPrompt(object_id, object_id % 8, (20, 20), 1))
    passes = []
    usual = type(store).__iter__

    def read(self: Any) -> Any:
        passes.append(self)
        return usual(self)

    # The other panels, which are refreshed later by a timer, may ask for the prompts of an object.
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "__iter__", read)
        patch.setattr(type(store), "frames", lambda *_: pytest.fail("one pass is enough"))
        user.widget.objects.refresh()
    assert passes == [store]
    rows = user.widget.objects.table
    assert [rows.topLevelItem(i).toolTip(0) for i in range(59)] == ["1 prompt"] * 59


PLACES = ((20, 20), (60, 30))


def _click_each(user: Any) -> None:
    """Click two objects, without accepting the first."""
    user.widget.tools.toggle_per_click()
    for place in PLACES:
        user.click(0, *place)
    user.settle()


@pytest.mark.smoke
def test_many_objects_are_clicked_propagated_and_accepted_together(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.key("Shift-Y")
    for place in PLACES:
        user.click(0, *place)
    for key in ("Shift-G", "Shift-N"):
        user.key(key)
        user.settle()
    assert user.actions == ["Shift-Y", "click", "click", "Shift-G", "Shift-N"]
    assert user.labels()[7, 27, 34] == 1
    assert user.labels()[7, 60, 44] == 2
    assert user.notice == "2 objects are accepted. Click the next object, or save."
    assert user.widget.state.accepted_count() == 2


def test_only_the_current_object_is_propagated(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, *PLACES[0])
    user.key("Y")
    user.click(0, *PLACES[1])
    user.key("G")
    user.settle()
    assert user.drafts()[7, 60, 44] == 2
    assert not (user.drafts()[1:] == 1).any()
    user.key("Y")
    user.key("G")
    assert "press All" in user.notice


def test_accept_goes_to_the_next_object_that_is_not_accepted(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    _click_each(user)
    user.viewer.dims.set_point(0, 5)
    assert user.widget.state.current == 3
    user.key("N")
    assert user.widget.state.current == 1
    assert user.sync.dims.frame == 0
    user.key("N")
    assert user.widget.state.current == 2
    user.key("N")
    user.settle()
    assert user.widget.state.current == 3
    assert user.widget.state.accepted_count() == 2


def test_several_rows_are_accepted_and_deleted_by_one_menu(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    _click_each(user)
    table = user.widget.objects.table
    for number in (0, 1):
        table.topLevelItem(number).setSelected(True)
    table.topLevelItem(2).setSelected(False)
    actions = {action.text(): action for action in table.menu_of(1).actions()}
    actions["Accept 2 objects"].trigger()
    user.settle()
    assert user.widget.state.accepted_count() == 2
    actions["Delete 2 objects"].trigger()
    user.settle()
    assert [item.id for item in user.widget.state.objects] == [3]


def test_only_selected_objects_are_shown(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    _click_each(user)
    user.select(2)
    user.settle()
    user.widget.objects.only.setChecked(True)
    drafts = user.sync.layers.drafts
    assert [drafts.get_color(i)[3] > 0 for i in (1, 2)] == [False, True]
    user.select(1)
    user.settle()
    assert [drafts.get_color(i)[3] > 0 for i in (1, 2)] == [True, False]
    user.widget.objects.only.setChecked(False)
    assert all(drafts.get_color(i)[3] > 0 for i in (1, 2))
    assert not any(item.hidden for item in user.widget.state.objects)


@pytest.mark.parametrize("by_key", [True, False])
def test_selected_objects_are_merged_and_separated_by_undo(
    open_widget: OpenWidget, image: np.ndarray, by_key: bool
) -> None:
    user = open_widget(image)
    _click_each(user)
    before = user.drafts().copy()
    table = user.widget.objects.table
    user.select(2)
    user.settle()
    for number in (0, 1, 2):
        table.topLevelItem(number).setSelected(number < 2)
    if by_key:
        user.key("Shift-M")
    else:
        actions = {action.text(): action for action in table.menu_of(1).actions()}
        actions["Merge 2 objects"].trigger()
    user.settle()
    assert user.notice == "Object 1 is now a part of object 2."
    assert 1 not in user.sync.sessions.objects
    np.testing.assert_array_equal(user.drafts() == 2, before > 0)
    user.key("U")
    user.settle()
    assert 1 in user.sync.sessions.objects
    np.testing.assert_array_equal(user.drafts(), before)


def test_one_object_is_not_merged(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, *PLACES[0])
    user.settle()
    user.key("Shift-M")
    assert "Select two or more" in user.notice


def test_parents_are_set_in_the_table_and_refused_with_a_notice(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, *PLACES[0])
    user.settle()
    for _ in range(2):
        user.sync.sessions.objects.add()
    user.widget.objects.refresh()
    table, objects = user.widget.objects.table, user.sync.sessions.objects
    table.topLevelItem(1).setText(4, "1")
    user.settle()
    assert objects[2].parent == 1
    assert user.notice == "Object 1 is now the parent of object 2."
    for text, notice in (("2", "circle"), ("x", "not an object id"), ("9", "There is no object 9")):
        table.topLevelItem(0).setText(4, text)
        user.settle()
        assert notice in user.notice
        assert table.topLevelItem(0).text(4) == ""
    for number in range(3):
        table.topLevelItem(number).setSelected(True)
    actions = {action.text(): action for action in table.menu_of(1).actions()}
    actions["Object 1 divides into the others"].trigger()
    user.settle()
    assert objects.lineage.daughters(1) == (2, 3)
    assert [table.topLevelItem(n).text(4) for n in range(3)] == ["", "1", "1"]
    user.key("U")
    user.settle()
    assert objects.lineage.daughters(1) == (2,)


def test_an_object_is_divided_on_the_frame_that_is_shown(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, *PLACES[0])
    user.settle()
    session = user.sync.session
    list(session.propagate())
    user.sync.dims.show_plane((3,))
    user.settle()
    before = user.drafts().copy()
    table = user.widget.objects.table
    actions = {action.text(): action for action in table.menu_of(1).actions()}
    actions["Divide object 1 on this frame"].trigger()
    user.settle()
    assert user.notice == "Object 1 ends before frame 3; its daughters are 2."
    assert session.objects[2].parent == 1
    assert session.scores.progress(1).frames == 3
    np.testing.assert_array_equal(user.drafts()[:3], before[:3])
    np.testing.assert_array_equal(user.drafts()[3:], 2 * before[3:])
    actions["Divide object 1 on this frame"].trigger()
    user.settle()
    assert "has no mask from frame 3 on" in user.notice
