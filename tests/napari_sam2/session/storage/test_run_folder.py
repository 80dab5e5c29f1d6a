"""The folder of a run: what it stores, and which runs it can resume."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.database import Database
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.masks.store import MaskRecord
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt, PointPrompt
from napari_sam2.session.storage.fingerprint import Fingerprint
from napari_sam2.session.storage.journal import Done, SqliteJournal
from napari_sam2.session.storage.run_description import ModelIdentity, RunDescription
from napari_sam2.session.storage.run_folder import RunFolder, check_same_run
from tests.helpers.fakes import MemoryJournal

SHAPE = (30, 40)
POINT, MASK = PointPrompt(1, 0, (3, 4)), MaskPrompt(2, 1, np.ones((2, 3)), (4, 4))


def movie(value=0):
    return np.full((5, *SHAPE), value, np.uint8)


@pytest.fixture
def description():
    return RunDescription(
        prompts=(PromptStore([POINT, MASK], axis="t").snapshot(),),
        model=ModelIdentity("micro", "abc123"),
        input=Fingerprint.of(open_stack(movie(), axes="TYX")),
        settings={"direction": "both", "range": (0, 5), "group_size": 8},
        shape=SHAPE,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.zarr.sam2"


def test_everything_is_found_again(path, description):
    record = MaskRecord.from_mask(1, (3,), np.ones((4, 4)))
    with RunFolder.create(path, description) as folder:
        folder.masks.put([record])
        folder.drafts.put([replace(record, object_id=2)])
        folder.journal.mark([1, 2], MaskOrigin.FORWARD, (3,))
        folder.journal.checkpoint(b"state")
    with RunFolder.open(path) as folder:
        check_same_run(path, description)
        assert folder.describe().settings["group_size"] == 8
        assert folder.describe().prompts == description.prompts
        assert folder.masks.get(1, (3,)) == record
        assert folder.drafts.objects() == (2,)
        assert folder.journal.done() == {Done(n, MaskOrigin.FORWARD, (3,)) for n in (1, 2)}
        assert folder.journal.last_checkpoint() == b"state"


def test_a_run_that_differs_is_not_resumed(path, description):
    RunFolder.create(path, description).close()
    changed = replace(description, model=ModelIdentity("tiny", "def456"))
    with pytest.raises(UserError, match=r"model: was micro \(abc123, .*now tiny \(def456"):
        check_same_run(path, changed)


def test_create_does_not_overwrite(path, description):
    RunFolder.create(path, description).close()
    with pytest.raises(UserError, match="already holds a run"):
        RunFolder.create(path, description)


def test_a_folder_that_was_never_begun_is_begun_afresh(path, description):
    with RunFolder.create(path, description) as folder:
        folder.masks.put([MaskRecord.from_mask(1, (0,), np.ones((1, 1)))])
    (path / "run.json").unlink()
    assert not RunFolder.exists(path)
    with RunFolder.create(path, description) as folder:
        assert folder.masks.objects() == ()


def test_open_refuses_what_it_cannot_read(path, description, tmp_path):
    with pytest.raises(UserError, match="no run"):
        RunFolder.open(tmp_path)
    RunFolder.create(path, description).close()
    text = (path / "run.json").read_text()
    (path / "run.json").write_text(json.dumps(json.loads(text) | {"version": 2}))
    with pytest.raises(UserError, match="schema version 2"):
        RunFolder.open(path)
    (path / "run.json").write_text(text[:50])
    with pytest.raises(UserError, match="broken JSON"):
        RunFolder.open(path)
    (path / "run.json").write_text(text)
    (path / "masks.sqlite").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(UserError, match="cannot be used as a mask store"):
        RunFolder.open(path)


def test_a_newer_database_is_refused(path, description):
    RunFolder.create(path, description).close()
    connection = sqlite3.connect(path / "masks.sqlite")
    connection.execute("UPDATE version SET number = 99")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="schema version 99"):
        RunFolder.open(path)


def test_a_database_without_later_columns_is_read_and_written(path, description):
    record = MaskRecord.from_mask(1, (0,), np.ones((3, 4)))
    with RunFolder.create(path, description) as folder:
        folder.masks.put([record])
    connection = sqlite3.connect(path / "masks.sqlite")
    for table in ("masks", "drafts"):
        for column in ("excluded_by", "lost"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.commit()
    connection.close()
    excluded = replace(record, object_id=2, excluded=MaskOrigin.FORWARD, area=0)
    with RunFolder.open(path) as folder:
        folder.masks.put([excluded])
        assert folder.masks.at((0,)) == (record, excluded)


def test_runs_from_before_exclusion_differ_only_from_runs_with_it(path, description):
    old = replace(description, settings={"view": "auto"})
    RunFolder.create(path, old).close()
    check_same_run(path, replace(old, settings={"view": "auto", "exclusion": False}))
    with pytest.raises(UserError, match="exclusion was False, now True"):
        check_same_run(path, replace(old, settings={"view": "auto", "exclusion": True}))


def test_a_run_is_not_shared(path, description):
    with (
        RunFolder.create(path, description),
        pytest.raises(UserError, match="in use by another run"),
    ):
        RunFolder.open(path)
    RunFolder.open(path).close()


def test_remove_takes_only_what_is_ours(path, description):
    RunFolder.remove(path)
    RunFolder.create(path, description).close()
    (path / "thesis.docx").touch()
    with pytest.raises(UserError, match=r"thesis\.docx"):
        RunFolder.remove(path)
    (path / "thesis.docx").unlink()
    RunFolder.remove(path)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_journals(kind, tmp_path):
    database = Database(tmp_path / "j.sqlite")
    journal = MemoryJournal() if kind == "memory" else SqliteJournal(database)
    assert (journal.done(), journal.last_checkpoint()) == (frozenset(), None)
    for _ in range(2):
        journal.mark([1, 2], MaskOrigin.FORWARD, (0, 3))
    journal.mark([1], MaskOrigin.BACKWARD, (0, 3))
    journal.checkpoint(b"a")
    journal.checkpoint(b"b")
    assert len(journal.done()) == 3
    assert journal.last_checkpoint() == b"b"
    journal.forget(1)
    assert journal.done() == {Done(2, MaskOrigin.FORWARD, (0, 3))}
    assert journal.last_checkpoint() is None
    journal.forget()
    assert journal.done() == frozenset()
    database.close()


def test_a_full_disk_is_an_os_error_and_loses_nothing(tmp_path):
    database = Database(tmp_path / "m.sqlite")
    journal = SqliteJournal(database)
    journal.checkpoint(b"before")
    database.rows("PRAGMA max_page_count = 20")
    with pytest.raises(OSError, match="full") as caught:
        journal.checkpoint(bytes(10**6))
    assert caught.value.errno == 28
    assert journal.last_checkpoint() == b"before"
    database.close()
