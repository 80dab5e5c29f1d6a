from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import QObject, QTimer

from napari_sam2._qt.steps import StepRunner

MANY = 100_000


@pytest.fixture
def runner(qapp: Any) -> StepRunner:
    return StepRunner(QObject(qapp))


@pytest.fixture
def turns(qapp: Any) -> Iterator[list[int]]:
    """Count the turns of the event loop."""
    counted = [0]
    timer = QTimer(qapp)
    timer.setInterval(0)
    timer.timeout.connect(lambda: counted.__setitem__(0, counted[0] + 1))
    timer.start()
    yield counted
    timer.stop()


def test_the_event_loop_runs_between_the_steps(
    runner: StepRunner, turns: list[int], qtbot: Any
) -> None:
    seen: list[int] = []

    def steps() -> Iterator[None]:
        for _ in range(10):
            seen.append(turns[0])
            yield

    with qtbot.waitSignal(runner.finished):
        runner.run(steps())
    assert len(seen) == 10
    assert len(set(seen)) > 5
    assert not runner.running


def test_it_pauses_resumes_and_finishes(runner: StepRunner, qtbot: Any) -> None:
    done: list[int] = []

    def steps() -> Iterator[None]:
        for number in range(MANY):
            done.append(number)
            yield

    runner.run(steps())
    qtbot.waitUntil(lambda: len(done) > 2)
    runner.pause()
    before = len(done)
    qtbot.wait(20)
    assert (len(done), runner.running) == (before, True)
    runner.resume()
    qtbot.waitUntil(lambda: len(done) > before)
    with qtbot.waitSignal(runner.finished):
        runner.finish()
    assert done == list(range(MANY))
    runner.finish()
    runner.resume()
    assert not runner.running


def test_an_error_ends_the_steps(runner: StepRunner) -> None:
    def steps() -> Iterator[None]:
        yield
        raise ValueError("wrong")

    failed: list[BaseException] = []
    runner.failed.connect(failed.append)
    runner.run(steps())
    with pytest.raises(ValueError, match="wrong"):
        runner.finish()
    assert not runner.running
    assert [str(error) for error in failed] == ["wrong"]
