"""Frames that the user has looked at, also after the session was closed and opened again."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from pathlib import Path

from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.scores import ScoreTable
from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames
from tests.helpers.score_rows import score_row
from tests.napari_sam2.session.history.test_edit_history import click, propagate
from tests.napari_sam2.session.storage.test_session_folder import reopen, save_in

HERE = (("z", 3),)


def test_a_frame_is_reviewed_until_its_mask_changes():
    reviewed, table = ReviewedFrames(), ScoreTable()
    first, other = score_row(0), score_row(0, area=99)
    reviewed.add(HERE, first)
    for row, expected in ((first, [0]), (other, []), (first, [0])):
        table.add(row)
        assert reviewed.frames(HERE, table.rows(1)) == expected
    assert reviewed.frames(HERE, [replace(first, status=MaskStatus.LOCKED)]) == [0]


def test_frames_are_reviewed_per_object_and_position():
    reviewed, row = ReviewedFrames(), score_row(0)
    reviewed.add(HERE, row)
    assert reviewed.includes(HERE, row)
    assert not reviewed.includes((("z", 4),), row)
    assert not reviewed.includes(HERE, replace(row, object_id=2))


def test_reviewed_frames_survive_closing(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    session = sessions[()]
    click(session, 1, 0)
    propagate(session)
    for row in session.scores.rows(1)[:3]:
        sessions.reviewed.add((), row)
    sessions = reopen(sessions)
    assert sessions.reviewed.frames((), sessions[()].scores.rows(1)) == [0, 1, 2]
    click(sessions[()], 1, 2)
    assert sessions.reviewed.frames((), sessions[()].scores.rows(1)) == [0, 1]
    sessions.history.undo()
    sessions = reopen(sessions)
    assert sessions.reviewed.frames((), sessions[()].scores.rows(1)) == [0, 1, 2]


def test_a_mask_without_a_score_is_reviewed_too() -> None:
    reviewed, row = ReviewedFrames(), score_row(0, iou=nan)
    reviewed.add(HERE, row)
    assert reviewed.includes(HERE, row)
