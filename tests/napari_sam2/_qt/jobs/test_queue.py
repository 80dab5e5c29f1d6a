"""Jobs run one by one in a thread, by priority, and report to the GUI thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from napari_sam2._qt.jobs.queue import Failure, JobKey, JobKind, JobPriority, JobQueue


@pytest.fixture
def queue(qapp: Any) -> Iterator[JobQueue]:
    queue = JobQueue("napari-sam2 test")
    yield queue
    queue.close()


@pytest.fixture
def gate(queue: JobQueue) -> threading.Event:
    """Holds the queue's thread until it is set."""
    gate, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert gate.wait(60)

    queue.submit(JobKey(JobKind.RUN), wait)
    assert begun.wait(60)
    return gate


@pytest.mark.smoke
def test_results_arrive_in_the_gui_thread(queue: JobQueue, qtbot: Any) -> None:
    threads: list[int] = []
    queue.submit(
        JobKey(JobKind.SAVE),
        threading.get_ident,
        lambda worker: threads.extend([worker, threading.get_ident()]),
    )
    qtbot.waitUntil(lambda: queue.idle)
    assert threads[1] == threading.get_ident() != threads[0]


def test_the_highest_priority_runs_first_and_equal_ones_in_order(
    queue: JobQueue, gate: threading.Event, qtbot: Any
) -> None:
    ran: list[int] = []
    priorities = (JobPriority.IN_ORDER, JobPriority.CLICK, JobPriority.IN_ORDER, JobPriority.STORE)
    for number, priority in enumerate(priorities):
        key = JobKey(JobKind.PREDICT, number)
        queue.submit(key, lambda number=number: ran.append(number), priority=priority)
    gate.set()
    qtbot.waitUntil(lambda: queue.idle)
    assert ran == [3, 1, 0, 2]


def test_a_newer_job_replaces_a_waiting_one_and_a_dropped_one_never_runs(
    queue: JobQueue, gate: threading.Event, qtbot: Any
) -> None:
    ran: list[str] = []
    for name, subject in (("old", 1), ("new", 1), ("dropped", 2)):
        queue.submit(JobKey(JobKind.PREDICT, subject), lambda name=name: ran.append(name))
    queue.drop(JobKey(JobKind.PREDICT, 2))
    gate.set()
    qtbot.waitUntil(lambda: queue.idle)
    assert ran == ["new"]


def test_idle_means_that_results_were_delivered(queue: JobQueue, qtbot: Any) -> None:
    delivered: list[int] = []
    queue.submit(JobKey(JobKind.SAVE), lambda: 1, delivered.append)
    while queue._thread is not None:
        pass
    assert not queue.idle
    qtbot.waitUntil(lambda: queue.idle)
    assert delivered == [1]


def test_waiting_for_kinds_ends_when_their_jobs_are_done(
    queue: JobQueue, gate: threading.Event
) -> None:
    queue.submit(JobKey(JobKind.SAVE), lambda: None)
    waiter = threading.Thread(target=queue.wait_for, args=((JobKind.RUN, JobKind.SAVE),))
    waiter.start()
    waiter.join(0.05)
    assert waiter.is_alive()
    queue.wait_for((JobKind.PREDICT,))
    gate.set()
    waiter.join(60)
    assert not waiter.is_alive()
    assert not queue.holds(JobKind.RUN, JobKind.SAVE)


def test_closing_ends_the_wait_and_removes_waiting_jobs(
    queue: JobQueue, gate: threading.Event
) -> None:
    ran: list[int] = []
    queue.submit(JobKey(JobKind.SAVE), lambda: ran.append(1))
    waiter = threading.Thread(target=queue.wait_for, args=((JobKind.RUN,),))
    waiter.start()
    queue.close(timeout=0)
    waiter.join(60)
    assert not waiter.is_alive()
    gate.set()
    queue.submit(JobKey(JobKind.SAVE), lambda: ran.append(2))
    queue.close()
    assert ran == []


def test_a_retained_failure_is_repeated_unless_it_was_submitted_again(
    queue: JobQueue, qtbot: Any
) -> None:
    failures: list[Failure] = []
    ran: list[int] = []
    full = True

    def work(number: int) -> None:
        if full:
            raise MemoryError
        ran.append(number)

    queue.failed.connect(failures.append)
    for number in (1, 2, 3):
        queue.submit(JobKey(JobKind.PREDICT, number), lambda number=number: work(number))
    qtbot.waitUntil(lambda: len(failures) == 3)
    for failure in failures:
        assert isinstance(failure.error, MemoryError)
        queue.retain(failure.job)
    full = False
    queue.drop(JobKey(JobKind.PREDICT, 1))
    queue.submit(JobKey(JobKind.PREDICT, 2), lambda: ran.append(20))
    queue.retry()
    qtbot.waitUntil(lambda: queue.idle)
    assert ran == [20, 3]
