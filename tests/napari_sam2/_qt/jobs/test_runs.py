"""The speed and the rest of a run, in words."""

from __future__ import annotations

from napari_sam2._qt.jobs.runs import ProgressRate


def test_the_rate_is_that_of_the_latest_reports() -> None:
    rate = ProgressRate(span=3)
    assert rate.text(0, 40) == "0 of 40"
    for now, done in ((0.0, 0), (100.0, 1), (101.0, 3), (102.0, 5)):
        rate.report(now, done)
    assert rate.frames_per_second == 2
    assert rate.text(10, 40) == "10 of 40 · 2.0 frames/s · 15 s left"
    assert rate.text(10, 400) == "10 of 400 · 2.0 frames/s · 3 min left"


def test_there_is_no_rate_without_progress() -> None:
    rate = ProgressRate()
    rate.report(0.0, 4)
    rate.report(1.0, 4)
    assert rate.frames_per_second is None
