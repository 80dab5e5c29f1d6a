"""Prompts from the labels of a layer and from files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_sam2.viewer.layers.opened_file import METADATA_KEY, OpenedFile

OpenWidget = Callable[..., Any]


def test_seeding_from_labels(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    theirs = np.zeros(image.shape, np.uint8)
    theirs[0, 15:26, 15:26] = 3
    theirs[0, 55:66, 25:36] = 7
    user.viewer.add_labels(theirs, name="mine")
    user.widget.refresh()
    user.viewer.dims.set_point(0, 0)
    user.widget.advanced.start_from_labels()
    user.settle()
    assert set(np.unique(user.drafts()[0])) == {0, 3, 7}
    assert user.viewer.layers["mine"].data is theirs


def test_notes_of_a_file_are_shown_when_a_session_begins(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    file = OpenedFile("movie.tif", ("2 frames are missing.", "Axis ? is t."))
    user = open_widget(image, metadata={METADATA_KEY: file})
    assert user.notice == "2 frames are missing. Axis ? is t."
