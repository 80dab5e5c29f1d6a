"""The stopwatch counts the time of our callbacks, without what is set apart."""

from __future__ import annotations

import pytest

from tests.helpers.stopwatch import Stopwatch


class Clock:
    """Waits until it is released."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def test_what_is_apart_does_not_count() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    draw = watch.apart(clock.pass_by)

    def draw_twice() -> None:
        draw(2)
        watch.apart(draw)(3)

    def inner() -> None:
        clock.pass_by(0.25)
        watch.apart(draw_twice)()

    def outer() -> None:
        clock.pass_by(1)
        watch.timed(inner)()

    watch.timed(outer)()
    draw(100)
    spent = {name.rpartition(".")[2]: seconds for name, seconds in watch.longest.items()}
    assert spent == {"inner": 0.25, "outer": 1.25}


def test_the_longest_is_kept_and_errors_pass() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def wait(seconds: float) -> None:
        clock.pass_by(seconds)
        if seconds > 2:
            raise ValueError("too long")

    timed = watch.timed(wait)
    for seconds in (1, 2, 0.5):
        timed(seconds)
    with pytest.raises(ValueError, match="too long"):
        timed(3)
    assert list(watch.longest.values()) == [3]
