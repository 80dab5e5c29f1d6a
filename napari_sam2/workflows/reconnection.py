"""Resume a run by itself after the worker that computed it was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from napari_sam2.core.errors import ConnectionLostError
from napari_sam2.workflows.reporter import RecordingReporter

_T = TypeVar("_T")
MAX_RECONNECTIONS = 3
"""Number of losses without a new frame in between after which a run ends."""


def run_through_losses(run: Callable[[bool], _T], reporter: RecordingReporter) -> _T:
    """Return the result of a run, which is resumed whenever its worker was lost.

    A loss is reported as a message. The connection itself is set up again by the predictor, on
    another worker if there is one.

    Parameters
    ----------
    run : callable
        Runs from the beginning if it is given False, and from its last checkpoint if it is given
        True. What has been computed must be kept when it raises :class:`ConnectionLostError`.
    reporter : RecordingReporter
        Receives the messages, and the progress of the run.

    Raises
    ------
    ConnectionLostError
        If the worker was lost several times without a new frame in between.
    """
    most_done = losses = 0
    while True:
        try:
            return run(losses > 0)
        except ConnectionLostError as error:
            losses = 1 if reporter.done > most_done else losses + 1
            most_done = max(most_done, reporter.done)
            if losses > MAX_RECONNECTIONS:
                raise
            reporter.message(
                f"{error} The run resumes from its last checkpoint: attempt {losses} of "
                f"{MAX_RECONNECTIONS}."
            )
