"""Worklists of folders and reports, whose states follow from the sessions on disk."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.batch.outcomes import StackOutcome, StackState, write_reports
from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.session.saved_sessions import create_saved_sessions
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.worklist.items import (
    ItemRecord,
    ItemState,
    SavedOutput,
    Worklist,
    WorklistItem,
    WorklistRow,
)
from napari_sam2.session.worklist.saved_progress import (
    SavedSessions,
    SessionProgress,
    read_progress,
)
from napari_sam2.session.worklist.sources import read_worklist
from napari_sam2.session.worklist.stack_files import WORKLIST_FILE
from napari_sam2.session.worklist.storage import open_worklist, save_worklist
from tests.helpers.fakes import FakePredictor

SQUARE = np.zeros((32, 40), np.uint16)
SQUARE[4:10, 5:12] = 1
SQUARE[20:28, 20:30] = 2


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = "napari_sam2.session.storage.session_location.user_data_path"
    monkeypatch.setattr(location, lambda *_, **__: tmp_path / "user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "stacks"
    made.mkdir()
    return made


def write(folder: Path, *names: str) -> None:
    for name in names:
        tifffile.imwrite(folder / name, np.zeros((5, 32, 40), np.uint8), metadata={"axes": "TYX"})


def begin(image: Path) -> SessionGroup:
    """Return a saved session with two accepted objects."""
    sessions = create_saved_sessions(open_stack(image), FakePredictor())
    with sessions.history.step("Import labels"):
        sessions[()].import_labels(0, SQUARE)
    return sessions


def row_of(worklist: Worklist, name: str) -> WorklistRow:
    item = worklist.item(name)
    sessions = SavedSessions({Path(item.image).parent}).of(item.image)
    progress = read_progress(sessions[0]) if sessions else None
    return WorklistRow.of(item, worklist.record(name), progress)


def test_a_folder_is_a_list_of_its_stacks_with_what_belongs_to_them(folder: Path) -> None:
    write(folder, "a.tif", "b.tif", "b.labels.tif", "b-labels.tif", "c.tif", "e.labels.tif")
    (folder / "a.prompts.json").write_text("{}")
    (folder / "notes.txt").write_text("x")
    found = read_worklist(folder)
    assert [item.name for item in found.items] == ["a.tif", "b.tif", "c.tif"]
    a, b, c = found.items
    assert (a.prompts, a.labels) == (folder / "a.prompts.json", None)
    assert (b.prompts, b.labels) == (None, folder / "b.labels.tif")
    assert (c.prompts, c.labels, c.note) == (None, None, "")
    assert found.left_out == {
        "notes.txt": "not an image",
        "b-labels.tif": "labels that were saved",
        "e.labels.tif": "no stack of this name",
    }


def test_prompts_of_several_stacks_of_one_name_are_not_guessed(folder: Path) -> None:
    write(folder, "a.tif", "a.tiff")
    (folder / "a.prompts.json").write_text("{}")
    first, second = read_worklist(folder).items
    assert (first.name, second.name) == ("a.tif", "a.tiff")
    for item in (first, second):
        assert item.prompts is None
        assert "Not used, as several stacks have this name: a.prompts.json" in item.note


def test_several_prompts_of_one_stack_are_not_guessed(folder: Path) -> None:
    write(folder, "a.tif")
    for ending in ("json", "csv"):
        (folder / f"a.prompts.{ending}").write_text("{}")
    [item] = read_worklist(folder).items
    assert item.prompts is None
    assert "there are several" in item.note


@pytest.mark.parametrize("names", [(), ("notes.txt",), ("a.prompts.json",)])
def test_a_folder_without_stacks_is_refused(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).write_text("{}")
    with pytest.raises(UserError, match="has no stack"):
        read_worklist(folder)


def test_a_path_that_is_neither_is_refused(folder: Path) -> None:
    for name in ("none", "none.csv"):
        with pytest.raises(UserError, match="is neither a folder nor the report"):
            read_worklist(folder / name)


def outcome(folder: Path, name: str, state: StackState, **values: str) -> StackOutcome:
    return StackOutcome(name=name, state=state, source=str(folder / f"{name}.tif"), **values)


def test_a_report_of_a_batch_gives_labels_prompts_and_messages(folder: Path, tmp_path) -> None:
    write(folder, "a.tif", "b.tif", "c.tif")
    (folder / "b.prompts.json").write_text("{}")
    results = tmp_path / "results"
    results.mkdir()
    write(results, "a.labels.tif")
    outcomes = [
        outcome(folder, "a", StackState.DONE, output=str(results / "a.labels.tif")),
        outcome(folder, "b", StackState.FAILED, message="No space left."),
        outcome(folder, "c", StackState.DONE, output=str(results / "c.labels.tif")),
        StackOutcome(
            name="d.txt", state=StackState.LEFT_OUT, source="d.txt", message="not an image"
        ),
    ]
    table, _ = write_reports(outcomes, results, "report")
    for path in (results, table):
        found = read_worklist(path)
        a, b, c = found.items
        assert (a.labels, a.prompts, a.note) == (results / "a.labels.tif", None, "")
        assert (b.labels, b.prompts) == (None, folder / "b.prompts.json")
        assert b.note == "The batch: failed. No space left."
        assert c.labels is None
        assert "are not there" in c.note
        assert found.left_out == {"d.txt": "not an image"}


def test_reports_of_shards_make_one_list(folder: Path, tmp_path: Path) -> None:
    write(folder, "a.tif", "b.tif")
    for number, name in enumerate("ab"):
        done = [outcome(folder, name, StackState.DONE)]
        write_reports(done, tmp_path, f"report-{number}-of-2")
    assert [item.name for item in read_worklist(tmp_path).items] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,state,file\na,done,a.tif\n", r"no column input, output, message.*another version"),
        ("name,state,input,output,message\na,done\n", "is cut off"),
        ("name,state,input,output,message\n", "has no stack"),
        ('name,state,input,output,message\na,done,"a', "cannot be read"),
    ],
)
def test_a_report_of_another_version_or_damaged_is_refused(folder, text, message) -> None:
    (folder / "report.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_worklist(folder)


def test_a_report_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "report.csv").write_bytes("näme".encode("utf-16"))
    with pytest.raises(UserError, match="cannot be read"):
        read_worklist(folder / "report.csv")


def test_the_state_follows_from_the_session(folder: Path) -> None:
    write(folder, "a.tif")
    worklist = read_worklist(folder)
    assert row_of(worklist, "a.tif").state is ItemState.NOT_OPENED
    assert row_of(worklist.opened("a.tif"), "a.tif").state is ItemState.OPENED

    sessions = begin(folder / "a.tif")
    session = sessions[()]
    session.reopen(2)
    assert SessionProgress.of(sessions) == SessionProgress(2, 1, SessionProgress.of(sessions).edits)
    live = SessionProgress.of(sessions)
    sessions.close()
    row = row_of(worklist, "a.tif")
    assert (row.state, row.progress) == (ItemState.OPENED, live)


def test_labels_are_saved_until_the_session_is_edited(folder: Path) -> None:
    write(folder, "a.tif")
    sessions = begin(folder / "a.tif")
    labels = folder / "a-labels.tif"
    labels.write_bytes(b"x")
    output = SavedOutput(labels, SessionProgress.of(sessions).edits)
    sessions.close()
    worklist = read_worklist(folder)
    assert row_of(worklist, "a.tif").state is ItemState.ACCEPTED
    saved = worklist.saved("a.tif", output)
    assert row_of(saved, "a.tif").state is ItemState.SAVED

    labels.rename(folder / "moved.tif")
    assert row_of(saved, "a.tif").state is ItemState.ACCEPTED
    (folder / "moved.tif").rename(labels)
    older = replace(output, edits=output.edits - 1)
    assert row_of(worklist.saved("a.tif", older), "a.tif").state is ItemState.ACCEPTED


def test_undo_is_an_edit(folder: Path) -> None:
    write(folder, "a.tif")
    sessions = begin(folder / "a.tif")
    edits = [SessionProgress.of(sessions).edits]
    for act in (lambda: sessions[()].reopen(1), sessions.history.undo, sessions.history.redo):
        act()
        edits.append(SessionProgress.of(sessions).edits)
    assert edits == sorted(set(edits))
    sessions.close()


def test_reading_changes_and_locks_nothing(folder: Path) -> None:
    write(folder, "a.tif")
    sessions = begin(folder / "a.tif")
    assert sessions.folder is not None
    path = sessions.folder.path
    assert path is not None
    assert read_progress(path).in_use
    assert "is in use. Close it" in read_progress(path).problem
    sessions.close()
    before = {file: file.read_bytes() for file in path.iterdir()}
    path.chmod(0o555)
    try:
        assert read_progress(path) == SessionProgress(2, 2, read_progress(path).edits)
    finally:
        path.chmod(0o755)
    assert {file: file.read_bytes() for file in path.iterdir()} == before
    (path / "masks.sqlite").write_bytes(b"no database at all" * 100)
    assert "cannot be read" in read_progress(path).problem
    (path / "masks.sqlite").unlink()
    assert read_progress(path) == SessionProgress()


def test_what_a_killed_program_left_is_undone(folder: Path, tmp_path: Path) -> None:
    write(folder, "a.tif")
    sessions = begin(folder / "a.tif")
    assert sessions.folder is not None
    path = sessions.folder.path
    assert path is not None
    expected = SessionProgress.of(sessions)
    sessions.close()
    killed = tmp_path / "killed"
    killed.mkdir()
    with closing(sqlite3.connect(path / "masks.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM masks")
        for number in range(400):
            connection.execute("INSERT INTO state VALUES (?, ?)", (f"x{number}", b"y" * 4000))
        # As the disk is if the program ends now.
        for file in path.iterdir():
            shutil.copy(file, killed)
        connection.execute("ROLLBACK")
    assert (killed / "masks.sqlite-journal").stat().st_size
    assert read_progress(killed) == expected


def test_a_damaged_session_is_listed_and_the_others_are_found(folder: Path) -> None:
    write(folder, "a.tif")
    begin(folder / "a.tif").close()
    damaged = folder / "b-t.sam2-session"
    damaged.mkdir()
    (damaged / "session.json").write_text("{")
    sessions = SavedSessions({folder})
    assert list(sessions.problems) == ["b-t.sam2-session"]
    assert [path.name for path in sessions.of(str(folder / "a.tif"))] == ["a-t.sam2-session"]
    assert [item.name for item in read_worklist(folder).items] == ["a.tif"]


def test_a_moved_folder_keeps_its_states(folder: Path, tmp_path: Path) -> None:
    write(folder, "a.tif")
    sessions = begin(folder / "a.tif")
    labels = folder / "a-labels.tif"
    labels.write_bytes(b"x")
    worklist = read_worklist(folder).opened("a.tif")
    output = SavedOutput(labels, SessionProgress.of(sessions).edits)
    sessions.close()
    save_worklist(worklist.saved("a.tif", output))
    moved = shutil.move(folder, tmp_path / "elsewhere")
    again = open_worklist(Path(moved))
    assert again.current == "a.tif"
    assert row_of(again, "a.tif").state is ItemState.SAVED


def test_the_list_stops_and_resumes(folder: Path) -> None:
    write(folder, "a.tif", "b.tif", "c.tif")
    worklist = read_worklist(folder).opened("a.tif").failed("b.tif", "Damaged.").opened("c.tif")
    assert save_worklist(worklist) == folder / WORKLIST_FILE
    again = open_worklist(folder)
    assert again == worklist
    assert row_of(again, "b.tif").state is ItemState.FAILED
    assert row_of(again, "b.tif").reason == "Damaged."
    assert again.opened("b.tif").record("b.tif").failure == ""


def test_a_stack_that_was_moved_away_stays_in_the_list(folder: Path) -> None:
    write(folder, "a.tif", "b.tif")
    save_worklist(read_worklist(folder).opened("b.tif"))
    (folder / "b.tif").unlink()
    write(folder, "c.tif")
    again = open_worklist(folder)
    assert [item.name for item in again.items] == ["a.tif", "b.tif", "c.tif"]
    row = row_of(again, "b.tif")
    assert row.state is ItemState.FAILED
    assert "There is no image" in row.reason


def test_a_folder_that_cannot_be_written_is_saved_elsewhere(folder: Path, monkeypatch) -> None:
    write(folder, "a.tif")
    worklist = read_worklist(folder).opened("a.tif")
    from napari_sam2.session.worklist import storage

    write_text = storage.write_text

    def refuse(path: Path, text: str) -> None:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied", str(path))
        write_text(path, text)

    monkeypatch.setattr(storage, "write_text", refuse)
    file = save_worklist(worklist)
    assert file.parent != folder
    assert open_worklist(folder) == worklist


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("[]", "version None"),
        ('{"version": 2}', "Update napari-sam2, or delete the file"),
        ('{"version": 1, "current": "", "items": []}', "expected an object"),
        ('{"version": 1, "current": "", "items": {"a": {}}}', "'image' is missing"),
        ('{"version": 1, "current": 3, "items": {}}', "expected a text"),
    ],
)
def test_a_damaged_list_is_refused(folder: Path, text: str, message: str) -> None:
    write(folder, "a.tif")
    (folder / WORKLIST_FILE).write_text(text)
    with pytest.raises(UserError, match=message):
        open_worklist(folder)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
RECORDS = st.builds(
    ItemRecord,
    opened=st.booleans(),
    failure=NAMES,
    saved=st.none() | st.builds(SavedOutput, st.just(Path("/x/a.tif")), st.integers(0, 9)),
)


@given(st.dictionaries(NAMES, RECORDS, max_size=4))
def test_what_is_saved_is_read_again(tmp_path_factory, records: dict[str, ItemRecord]) -> None:
    folder = tmp_path_factory.mktemp("list")
    write(folder, "z.tif")
    made = read_worklist(folder)
    items = {item.name: item for item in made.items}
    items |= {name: WorklistItem(name=name, image=f"/none/{name}.tif") for name in records}
    known = {name: records.get(name, ItemRecord()) for name in items}
    ordered = tuple(items[name] for name in sorted(items))
    worklist = replace(made, items=ordered, records=known, current="z.tif")
    save_worklist(worklist)
    assert json.loads((folder / WORKLIST_FILE).read_text("utf-8"))["version"] == 1
    assert open_worklist(folder) == worklist
