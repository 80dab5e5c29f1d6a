"""Commands for scripts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from napari.components import ViewerModel

from napari_sam2.core.errors import UserError
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.tracking.plan import PropagationRequest
from napari_sam2.viewer.contributions.commands import accept_all, propagate
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser
from tests.helpers.volume_series import moving_balls

PATH = straight((20, 20), (1, 1), 5)


class Bar:
    """What a progress bar was set to."""

    def __init__(self) -> None:
        self.n = 0
        self.seen: list[tuple[int, int]] = []
        self.total = 0

    def update(self, count: int) -> None:
        self.n += count
        self.seen.append((self.n, self.total))


def test_propagation_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = Bar()

    @contextmanager
    def progress(**options: Any) -> Any:
        assert options == {"desc": "Propagating"}
        yield bar

    monkeypatch.setattr("napari.utils.progress", progress)
    user = ModelUser.open(movie((64, 64), [PATH]), axis_labels=("t", "y", "x"))
    with pytest.raises(UserError, match="No object has a prompt"):
        propagate(user.viewer)
    user.sync.session.prompts.add(PointPrompt(1, 0, (20, 20)))
    session = propagate(user.viewer)
    assert bar.seen == [(number, 5) for number in range(1, 6)]
    assert session.run.complete
    assert accept_all(user.viewer).scores.progress(1).accepted


def test_a_series_of_volumes_is_propagated_and_accepted_as_a_whole() -> None:
    series = moving_balls((3, 4, 40, 48), [(2.0, 12.0, 12.0)], [(0.0, 1.0, 2.0)])
    axes = ("t", "z", "y", "x")
    viewer = ViewerModel()
    viewer.add_image(series.image, axis_labels=axes)
    user = ModelUser.start(viewer, along="t,z")
    user.click(1, 2, 13, 14)
    with pytest.raises(UserError, match="A range of frames counts along one axis"):
        propagate(user.viewer, PropagationRequest(frames=(0, 2)))
    propagate(user.viewer)
    assert all(volume.any() for volume in user.drafts())
    accept_all(user.viewer)
    assert all(volume.any() for volume in user.labels())
    assert user.sync.sessions.progress(1).accepted
