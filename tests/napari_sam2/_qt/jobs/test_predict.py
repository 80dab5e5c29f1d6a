"""Predictions after clicks: corrections, candidates, several objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OpenWidget = Callable[..., Any]


def test_correction_is_one_click_and_one_key(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    user.key("N")
    user.settle()
    user.select(1)
    user.actions.clear()
    user.click(4, 60, 38)
    user.settle()
    user.key("G")
    user.settle()
    assert user.actions == ["click", "G"]
    assert user.drafts()[4, 60, 38] == 1


def test_candidates_cycle_with_one_key(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    areas = {int((user.drafts()[0] == 1).sum())}
    for _ in range(2):
        user.key("Q")
        user.settle()
        areas.add(int((user.drafts()[0] == 1).sum()))
    assert len(areas) == 3


def test_several_objects_and_a_new_one_while_the_first_is_followed(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.key("N")
    user.click(0, 60, 30)
    user.key("G")
    user.key("N")
    user.settle()
    assert user.labels()[7, 27, 34] == 1
    assert user.labels()[7, 60, 44] == 2
    assert user.actions[3:] == ["click", "G", "N"]
