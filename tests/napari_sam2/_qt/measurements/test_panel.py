"""Measurements in the widget: they follow edits, and are the features of the labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_sam2.prompts.types import BoxPrompt

OpenWidget = Callable[..., Any]


def measured(user: Any) -> Any:
    """Show what has changed, wait until it is measured, and return the panel."""
    panel = user.widget.measurements
    user.settle()
    user.until(lambda: panel.jobs.idle)
    return panel


def areas(user: Any, labels: np.ndarray) -> dict[tuple[int, int], float]:
    ids = np.unique(labels[labels > 0]).tolist()
    found = {(i, t): float((labels[t] == i).sum()) for i in ids for t in range(len(labels))}
    return {key: area for key, area in found.items() if area}


def test_rows_follow_edits_undo_and_classes(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    panel = user.widget.measurements
    panel.measure.click()
    panel = measured(user)
    rows = panel.jobs.rows
    assert {(r["label"], r["frame"]): r["area"] for r in rows} == areas(user, user.drafts())
    mask = user.drafts()[0] == 1
    assert rows[0]["intensity_mean"] == pytest.approx(image[0][mask].mean())
    assert len(panel.plot.curves[0].points) == 8

    user.sync.session.clear(1, [3])
    panel = measured(user)
    assert [row["frame"] for row in panel.jobs.rows] == [0, 1, 2, 4, 5, 6, 7]
    user.key("Control-Z")
    panel = measured(user)
    assert {(r["label"], r["frame"]): r["area"] for r in panel.jobs.rows} == areas(
        user, user.drafts()
    )
    user.sync.sessions.objects.change(1, label_class="nucleus")
    panel = measured(user)
    assert {row["class"] for row in panel.jobs.rows} == {"nucleus"}


def test_the_features_are_the_rows_of_the_shown_frame(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    user.widget.measurements.measure.click()
    panel = measured(user)
    for frame in (0, 5):
        user.sync.dims.show_plane((frame,))
        features = user.sync.layers.drafts.features
        assert features[["index", "frame"]].to_numpy().tolist() == [[1, frame]]
        assert features["area"][0] == (user.drafts()[frame] == 1).sum()
    panel.save_table(tmp_path / "t.csv")
    assert user.notice == "8 rows saved to t.csv."
    written = pd.read_csv(tmp_path / "t.csv")
    assert list(written) == list(panel.jobs.columns)
    panel.save_table(tmp_path / "absent" / "t.csv")
    assert "no folder" in user.error


def test_a_volume_has_one_row_and_a_plot_over_depth(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, axis_labels=("z", "y", "x"), scale=(2.0, 0.5, 0.5))
    session = user.sync.session
    assert session.stack.along == "z"
    for frame in (2, 3):
        session.prompts.set(1, frame, [BoxPrompt(1, frame, (10, 10), (30, 40))])
        session.preview(1, frame)
    user.widget.measurements.measure.click()
    panel = measured(user)
    [row] = panel.jobs.rows
    pixels = (user.drafts() == 1).sum(axis=(1, 2))
    assert (row["frame"], row["volume"]) == (None, pytest.approx(pixels.sum() * 0.5))
    assert panel.plotted.currentText() == "area"
    [curve] = panel.plot.curves
    assert dict(curve.points) == {z: pixels[z] * 0.25 for z in (2, 3)}
    user.widget.controller.end()
    measured(user)
    assert panel.jobs.rows == []
