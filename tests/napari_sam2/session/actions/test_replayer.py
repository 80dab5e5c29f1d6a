"""The log of a saved session: repeated in empty sessions, it gives every value bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.actions.replayer import ActionReplayer
from napari_sam2.session.saved_sessions import create_saved_sessions, open_session_folder
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.tracking.exclusion import Exclusion
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.fakes import FakePredictor
from tests.helpers.session_states import replayed, state_of
from tests.napari_sam2.session.history.test_edit_history import (
    EDITS,
    FULL,
    MOVIE,
    PATHS,
    click,
    edit,
)
from tests.napari_sam2.session.storage.test_session_folder import reopen, save_in

KINDS = [*EDITS, "undo", "redo", "reopen session"]
STEP = st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 2), st.integers(0, 3))


def same(sessions: SessionGroup) -> bool:
    again = replayed(sessions)
    return all(state_of(again[at]) == state_of(session) for at, session in sessions)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=1, max_size=9))
@example([("propagate", 1, 0), ("lock", 1, 2), ("click", 1, 3), ("correct", 1, 3), ("end", 1, 3)])
@example([("paint", 2, 1), ("propagate", 2, 0), ("undo", 1, 0), ("click", 2, 3), ("correct", 2, 0)])
@example([("propagate", 1, 0), ("accept", 1, 0), ("click", 2, 1), ("propagate", 2, 0)])
@example([("click", 2, 0), ("merge", 1, 0), ("undo", 1, 0), ("redo", 1, 0), ("propagate", 1, 1)])
@example([("propagate", 1, 0), ("clear", 1, 2), ("reopen session", 1, 0), ("undo", 1, 1)])
@example([("propagate", 1, 0), ("click", 1, 2), ("divide", 1, 2), ("propagate", 1, 0)])
@example([("candidate", 1, 0), ("stopped run", 1, 0), ("begin", 1, 0), ("delete", 1, 0)])
def test_the_log_gives_every_value(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    sessions = save_in(tmp_path_factory.mktemp("saved"))
    click(sessions[()], 1, 0)
    for kind, object_id, frame in steps:
        if kind == "undo":
            sessions.history.undo()
        elif kind == "redo":
            sessions.history.redo()
        elif kind == "reopen session":
            sessions = reopen(sessions)
        else:
            edit(sessions[()], kind, object_id, frame)
    assert same(sessions)
    sessions.close()


def test_edits_during_a_run_are_repeated_between_its_frames(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    session = sessions[()]
    click(session, 1, 0)
    click(session, 2, 3)
    run = session.propagate(PropagationRequest((1, 2)))
    for number, _ in enumerate(run):
        if number == 1:
            click(session, 1, 2)
        if number == 3:
            session.accept(2)
        if number == 4:
            session.rename(1, "first")
            break
    run.close()
    list(session.propagate())
    assert same(sessions)


def test_an_edit_while_a_frame_is_stored_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = save_in(tmp_path)
    session = sessions[()]
    click(session, 1, 0)
    # Object 2 has the pixels that object 1 is tracked to.
    session.prompts.set(2, 2, [PointPrompt(2, 2, PATHS[0][2])])
    session.preview(2, 2)
    session.lock(2, [2])
    compete, editors = Exclusion.apply, []

    def compete_and_edit(*args: Any) -> Any:
        found = compete(*args)
        if any(record.object_id == 2 for record in args[0].store.records(args[2])):
            editors.append(Thread(target=session.delete_object, args=(2,)))
            editors[-1].start()
            editors[-1].join(0.2)
        return found

    monkeypatch.setattr(Exclusion, "apply", compete_and_edit)
    list(session.propagate(PropagationRequest((1,))))
    monkeypatch.undo()
    (editor,) = editors
    editor.join()
    assert same(sessions)


def test_refined_masks_are_refined_again(tmp_path: Path) -> None:
    image = tmp_path / "cells.npy"
    image.write_bytes(b"0")
    large = np.repeat(np.repeat(MOVIE, 6, axis=1), 6, axis=2)
    stack = open_stack(large, axes="TYX", along="t")
    stack = replace(stack, source=replace(stack.source, files=(image,)))
    limits = Intensity(((0.0, 255.0),))
    sessions = create_saved_sessions(stack, FakePredictor(), intensity=limits, settings=FULL)
    session = sessions[()]
    session.prompts.set(1, 0, [PointPrompt(1, 0, (100, 100))])
    session.preview(1, 0)
    list(session.propagate())
    assert session.refine(1, 0).refined
    assert sum(item.result.refined for item in session.refine_track()) > 0
    assert same(sessions)


def test_models_and_contrasts_change_where_they_did(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    click(sessions[()], 1, 0)
    other = FakePredictor(reach=0.2)
    other._info = replace(other.info, name="other", weights_hash="fake-2")
    sessions.set_predictor(other)
    list(sessions[()].propagate())
    sessions.set_intensity(Intensity(((0.0, 90.0),)))
    click(sessions[()], 2, 1)
    assert sessions.folder is not None
    used = sessions.folder.actions.inputs()
    assert [(i.model.name, i.intensity.limits[0][1]) for i in used] == [
        ("fake", 255.0),
        ("other", 255.0),
        ("other", 90.0),
    ]
    models = {"fake": FakePredictor(), "other": other}
    labels = DraftAndResultLabels.make(sessions.stack)
    again = SessionGroup(sessions.stack, models["fake"], sessions.intensity, labels)
    replayer = ActionReplayer(again, lambda identity: models[identity.name])
    for logged in sessions.folder.actions:
        replayer.play(logged)
    assert state_of(again[()]) == state_of(sessions[()])


def test_positions_of_a_movie_of_volumes_are_repeated(tmp_path: Path) -> None:
    stack = open_stack(np.stack([MOVIE, MOVIE], axis=1), axes="TZYX", along="t")
    (tmp_path / "cells.npy").write_bytes(b"0")
    stack = replace(stack, source=replace(stack.source, files=(tmp_path / "cells.npy",)))
    limits = Intensity(((0.0, 255.0),))
    sessions = create_saved_sessions(stack, FakePredictor(), intensity=limits)
    low, high = sessions[(("z", 0),)], sessions[(("z", 1),)]
    click(low, 1, 0)
    click(high, 1, 2)
    list(high.propagate())
    high.lock(1, [1])
    low.end_object(1, 1)
    assert same(sessions)
    assert sessions.folder is not None
    assert sessions.folder.path is not None
    sessions.close()
    opened = open_session_folder(sessions.folder.path, stack, FakePredictor()).sessions
    opened.redraw()
    assert same(opened)
