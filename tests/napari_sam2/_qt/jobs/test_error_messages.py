"""Messages for errors say what happened and what to do."""

from __future__ import annotations

from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2.core.errors import StackReadError, UserError


def test_an_unexpected_error_has_advice() -> None:
    text = ErrorMessage.of(KeyError("place.")).text
    assert text.startswith("An unexpected error: KeyError: 'place.'. Finished masks are kept.")
    assert "report it" in text
    assert ".." not in ErrorMessage.of(RuntimeError("It ended.")).text


def test_expected_errors_keep_their_text() -> None:
    assert ErrorMessage.of(UserError("No. Do it.")).text == "No. Do it."
    text = ErrorMessage.of(StackReadError("No.", (0,))).text
    assert text.endswith("Finished frames are kept. Fix the file and propagate again.")
