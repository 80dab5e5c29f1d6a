"""A database whose file cannot be written any more: the disk is full, or was removed."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.masks.database import Database

INSERT = "INSERT OR REPLACE INTO edits VALUES (?, ?, ?)"


def fill_disk(database: Database, pages_left: int = 0) -> None:
    """Let SQLite find the disk full once the file has grown by some pages."""
    ((pages,),) = database.rows("PRAGMA page_count")
    database.rows(f"PRAGMA max_page_count = {pages + pages_left}")


def put(database: Database, step: int, size: int = 5000) -> None:
    with database.transaction() as transaction:
        transaction.execute(INSERT, (step, "key", b"x" * size))


def steps(database: Database) -> list[int]:
    return [step for (step,) in database.rows("SELECT step FROM edits ORDER BY step")]


def steps_in_file(path: Path) -> list[int]:
    """Return the steps that a new process would find after this one was killed."""
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists():
        shutil.copy(journal, copy.with_name(f"{copy.name}-journal"))
    database = Database(copy)
    found = steps(database)
    database.close()
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "masks.sqlite")
    put(made, 1)
    yield made
    made.close()


def test_without_a_listener_a_full_disk_is_an_error(database: Database) -> None:
    fill_disk(database)
    with pytest.raises(OSError, match="full") as raised:
        put(database, 2)
    assert raised.value.errno == errno.ENOSPC
    assert steps(database) == [1]
    assert not database.outdated_file


def test_with_a_listener_nothing_is_lost(database: Database, tmp_path: Path) -> None:
    heard: list[OSError] = []
    database.left_file.connect(heard.append)
    fill_disk(database)
    with database.transaction() as outer:
        outer.execute("INSERT INTO steps VALUES (?, ?)", (7, "header"))
        with database.transaction() as inner:
            rows = ((step, "key", b"x" * 5000) for step in range(2, 6))
            inner.executemany(INSERT, rows)
            assert inner.execute("DELETE FROM edits WHERE step = 3").rowcount == 1
        assert heard == []
    assert [error.errno for error in heard] == [errno.ENOSPC]
    put(database, 8)
    assert len(heard) == 1
    assert database.outdated_file
    assert steps(database) == [1, 2, 4, 5, 8]
    assert database.rows("SELECT number FROM steps") == [(7,)]
    assert steps_in_file(tmp_path / "masks.sqlite") == [1]


def test_an_error_of_the_block_is_rolled_back_in_memory_too(database: Database) -> None:
    heard: list[OSError] = []
    database.left_file.connect(heard.append)
    fill_disk(database)
    with pytest.raises(KeyError), database.transaction() as transaction:
        {}[transaction.execute(INSERT, (2, "key", b"x" * 5000))]
    assert len(heard) == 1
    assert steps(database) == [1]
    put(database, 3)
    assert steps(database) == [1, 3]


def test_a_wrong_statement_is_no_full_disk(database: Database) -> None:
    database.left_file.connect(lambda error: None)
    with pytest.raises(OSError, match="no such table"), database.transaction() as transaction:
        transaction.execute("INSERT INTO nowhere VALUES (1)")
    assert not database.outdated_file


def test_it_returns_to_its_file_once_there_is_space(database: Database, tmp_path: Path) -> None:
    database.left_file.connect(lambda error: None)
    fill_disk(database)
    put(database, 2)
    put(database, 3, 50000)
    with pytest.raises(OSError, match="full") as raised:
        database.return_to_file()
    assert raised.value.errno == errno.ENOSPC
    assert database.outdated_file
    assert steps(database) == [1, 2, 3]
    assert steps_in_file(tmp_path / "masks.sqlite") == [1]
    database._file.execute("PRAGMA max_page_count = 1000000")
    database.return_to_file()
    assert not database.outdated_file
    put(database, 4)
    assert steps_in_file(tmp_path / "masks.sqlite") == [1, 2, 3, 4]


def test_it_moves_to_another_disk(database: Database, tmp_path: Path) -> None:
    database.left_file.connect(lambda error: None)
    fill_disk(database)
    put(database, 2)
    other = tmp_path / "other"
    with pytest.raises(OSError, match="unable to open"):
        database.move_to(other / "masks.sqlite")
    assert steps(database) == [1, 2]
    other.mkdir()
    database.move_to(other / "masks.sqlite")
    put(database, 3)
    assert not database.outdated_file
    assert steps_in_file(other / "masks.sqlite") == [1, 2, 3]
    # The first file is free for another process, with what it had.
    assert steps_in_file(tmp_path / "masks.sqlite") == [1]


def test_rows_are_deleted_from_a_full_disk(database: Database) -> None:
    fill_disk(database)
    with database.transaction() as transaction:
        transaction.execute("DELETE FROM edits")
    database.shrink()
    assert steps(database) == []


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20000)), min_size=1, max_size=5),
        min_size=1,
        max_size=6,
    ),
    pages_left=st.integers(0, 30),
)
def test_wherever_the_disk_is_full_the_content_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[tuple[int, int]]],
    pages_left: int,
) -> None:
    database = Database(tmp_path_factory.mktemp("full") / "masks.sqlite")
    database.left_file.connect(lambda error: None)
    fill_disk(database, pages_left)
    expected: dict[int, int] = {}
    for group in groups:
        with database.transaction() as transaction:
            for step, size in group:
                transaction.execute(INSERT, (step, "key", b"x" * size))
        expected.update(group)
    found = database.rows("SELECT step, length(value) FROM edits")
    database.close()
    assert dict(found) == expected
