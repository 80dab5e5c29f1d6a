from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest

from napari_sam2.core.background_imports import SWITCH_SECONDS, responsive_imports


class Cycle:
    """An object that only the garbage collector frees."""

    def __init__(self) -> None:
        self.me = self


def is_searched(wanted: object) -> bool:
    """Return whether the garbage collector searches an object, which frozen ones it does not."""
    return any(found is wanted for found in gc.get_objects())


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    interval, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    gc.unfreeze()  # Tests of the window freeze what they import.
    yield
    if frozen:
        gc.freeze()
    assert sys.getswitchinterval() == pytest.approx(interval)
    assert gc.isenabled()


def test_no_collection_interrupts_the_imports() -> None:
    collected: list[str] = []
    gc.callbacks.append(lambda phase, info: collected.append(phase))
    try:
        with responsive_imports():
            assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
            made = [[] for _ in range(200_000)]
            assert collected == []
        # They count as old: no collection of young objects searches them.
        assert any(found is made for found in gc.get_objects(generation=2))
    finally:
        gc.callbacks.pop()


def test_garbage_is_collected_afterwards() -> None:
    with responsive_imports():
        gone = weakref.ref(Cycle())
        assert gone() is not None
    gc.collect()
    assert gone() is None


def test_the_last_of_several_threads_restores_the_settings() -> None:
    inside, ended = Barrier(2, timeout=20), Barrier(2, timeout=20)

    def import_something() -> None:
        with responsive_imports():
            inside.wait()
            ended.wait()

    thread = Thread(target=import_something)
    thread.start()
    with responsive_imports():
        inside.wait()
    assert not gc.isenabled()
    ended.wait()
    thread.join()
    assert gc.isenabled()


def test_settings_are_restored_after_an_error() -> None:
    with pytest.raises(ImportError), responsive_imports():
        raise ImportError
    assert gc.isenabled()


def test_settings_of_others_stay() -> None:
    gc.disable()
    frozen = Cycle()
    gc.freeze()
    other = Cycle()
    try:
        with responsive_imports():
            pass
        assert not gc.isenabled()
        gc.enable()
        with responsive_imports():
            pass
        assert not is_searched(frozen)
        assert is_searched(other)
    finally:
        gc.enable()
        gc.unfreeze()
