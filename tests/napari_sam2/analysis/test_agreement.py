from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.analysis.agreement import (
    AgreementTable,
    backward_agreement,
    return_tracks,
)
from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskCrop
from tests.helpers.scenes import click, movie, session_of, straight
from tests.helpers.score_rows import score_row


@pytest.fixture
def session():
    path = straight((20, 20), (2, 3), 8)
    session = session_of(movie((64, 96), [path]), [click(1, 3, path)])
    list(session.propagate())
    return session


def test_a_good_track_agrees_with_the_way_back(session):
    before = list(session.scores)
    agreement = backward_agreement(session, 1)
    assert sorted(agreement) == [1, 2, 4, 5, 6]
    assert min(agreement.values()) > 0.9
    assert list(session.scores) == before


def test_a_mask_that_the_way_back_does_not_find_disagrees(session):
    wrong = session.result(1, 5)
    elsewhere = MaskCrop.from_mask(np.ones((5, 5), bool), (50, 80))
    session.restore(replace(wrong, crop=elsewhere))
    agreement = backward_agreement(session, 1)
    assert agreement[5] == 0
    assert agreement[6] > 0.9


def test_comparing_can_be_stopped(session):
    backward, forward = return_tracks(session, 1)
    found = []
    for frame, _ in backward.ious():
        found.append(frame)
        backward.session.cancel()
    assert found == [6]
    assert [frame for frame, _ in forward.ious()] == [1, 2]


def test_a_mask_beside_its_prompt_needs_no_way_back():
    path = straight((20, 20), (2, 3), 2)
    session = session_of(movie((64, 96), [path]), [click(1, 0, path)])
    list(session.propagate())
    assert return_tracks(session, 1) == ()


def test_agreement_is_known_until_the_mask_changes():
    table, row = AgreementTable(), score_row(4)
    table.add((), row, 0.5)
    assert table.of((), [score_row(3), row]) == {4: 0.5}
    assert table.of((("z", 1),), [row]) == {}
    assert table.of((), [score_row(4, area=99)]) == {}


def test_without_a_prompt_there_is_nothing_to_track_back_to(session):
    with pytest.raises(UserError, match="Add a prompt first"):
        backward_agreement(session, 2)
