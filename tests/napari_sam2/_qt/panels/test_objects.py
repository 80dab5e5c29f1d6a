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
    row = user.widget.objects.topLevelItem(0)
    row.setText(0, "mother")
    row.setCheckState(0, row.checkState(0).Unchecked)
    user.settle()
    assert user.sync.sessions.objects[1].name == "mother"
    assert user.sync.layers.drafts.get_color(1)[3] == 0
    user.widget.objects.topLevelItem(0).setCheckState(0, row.checkState(0).Checked)
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

    monkeypatch.setattr(type(store), "__iter__", read)
    monkeypatch.setattr(type(store), "frames", lambda *_: pytest.fail("one pass is enough"))
    user.widget.objects.refresh()
    assert passes == [store]
    rows = user.widget.objects
    assert [rows.topLevelItem(i).text(1) for i in range(59)] == ["1"] * 59
