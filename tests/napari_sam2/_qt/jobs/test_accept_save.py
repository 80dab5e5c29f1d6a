"""Objects are accepted, deleted and saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OpenWidget = Callable[..., Any]


def test_deleting_an_object(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    user.widget.controller.accept_save.delete(1)
    user.settle()
    assert not user.drafts().any()
    assert len(user.points.data) == 0
