"""Commands for scripts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.viewer.contributions.commands import accept_all, propagate
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser

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
