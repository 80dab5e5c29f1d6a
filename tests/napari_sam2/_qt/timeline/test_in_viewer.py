"""The timeline and J in the widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OpenWidget = Callable[..., Any]


def test_the_end_of_a_run_leads_to_its_worst_frame_and_j_to_the_next(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    assert user.notice.startswith("Object 1: found on 8 of 8 frames")
    (go_there,) = user.widget.status.notice.buttons
    go_there.click()
    assert go_there.text() == f"Go to frame {user.sync.dims.frame}"
    user.key("J")
    assert "more frames to review" in user.notice
    assert not user.widget.timeline.isHidden()
    user.widget.timeline.timeline.frame_chosen.emit(4)
    assert user.sync.dims.frame == 4
