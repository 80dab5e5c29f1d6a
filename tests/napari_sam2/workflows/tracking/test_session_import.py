"""Labels of other programs become sessions that can be corrected, replayed and exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.ctc import write_ctc
from napari_sam2.export.tracking.geff import write_geff
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.saved_sessions import open_session_folder
from napari_sam2.workflows.tracking import session_import
from napari_sam2.workflows.tracking.session_import import SessionImportJob, import_session
from tests.helpers.fakes import FakePredictor
from tests.helpers.label_outputs import write_labels_inside
from tests.helpers.lineages import LINEAGE, PRESENT, label_movie, table_of
from tests.helpers.session_states import replayed, state_of

WITHOUT_GAP = {**PRESENT, 3: (3, 4, 5)}


def write_image(folder: Path, labels: np.ndarray) -> Path:
    path = folder / "cells.tif"
    axes = "TYX" if labels.ndim == 3 else "TZYX"
    tifffile.imwrite(path, (labels > 0).astype(np.uint8) * 200, metadata={"axes": axes})
    return path


@pytest.mark.parametrize("depth", [0, 2])
def test_a_ctc_result_opens_with_its_masks_and_parents(tmp_path: Path, depth: int) -> None:
    labels = label_movie(WITHOUT_GAP, depth)
    image = write_image(tmp_path, labels)
    (tmp_path / "results").mkdir()
    result = tmp_path / "results" / "01_RES"
    write_ctc(result, table_of(labels))
    made = import_session(SessionImportJob(labels=result, image=image, model=FakePredictor()))
    assert made.n_objects == len(WITHOUT_GAP)
    opened = open_session_folder(made.path, predictor=FakePredictor()).sessions
    opened.redraw()
    np.testing.assert_array_equal(np.asarray(opened.labels.array), labels)
    assert opened.objects.lineage == LINEAGE
    assert {info.status for info in opened.masks.infos()} == {MaskStatus.ACCEPTED}
    again = replayed(opened)
    assert all(state_of(again[at]) == state_of(session) for at, session in opened)
    assert opened.history.undo_title == "Import labels"
    opened.close()


def test_parents_come_from_geff_and_masks_can_be_corrected(tmp_path: Path) -> None:
    pytest.importorskip("geff", reason="needs geff")
    labels = label_movie(WITHOUT_GAP)
    image = write_image(tmp_path, labels)
    tifffile.imwrite(tmp_path / "l.tif", labels.astype(np.uint16), metadata={"axes": "TYX"})
    write_geff(tmp_path / "l.geff", table_of(labels))
    job = SessionImportJob(
        labels=tmp_path / "l.tif",
        image=image,
        lineage=tmp_path / "l.geff",
        model=FakePredictor(),
    )
    made = import_session(job)
    sessions = open_session_folder(made.path, predictor=FakePredictor()).sessions
    assert sessions.objects.lineage == LINEAGE
    session = sessions[()]
    session.prompts.add(PointPrompt(8, 3, (14.0, 6.0)))
    assert session.preview(8, 3).result.area > 0
    sessions.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("shape", "shape"),
        ("no label", "No session was made"),
        ("parents", "Object 8 still exists on frame 7"),
        ("values", "holds fractions"),
    ],
)
def test_what_does_not_fit_makes_no_session(tmp_path: Path, change: str, message: str) -> None:
    labels = label_movie(WITHOUT_GAP).astype(np.uint16)
    image = write_image(tmp_path, labels)
    fractions = labels.astype(np.float32)
    fractions[-1] += 0.5
    written = {"shape": labels[:-1], "no label": labels * 0, "values": fractions}
    tifffile.imwrite(tmp_path / "l.tif", written.get(change, labels), metadata={"axes": "TYX"})
    (tmp_path / "p.csv").write_text("id,parent\n5,8\n" if change == "parents" else "id,parent\n")
    job = SessionImportJob(
        labels=tmp_path / "l.tif",
        image=image,
        lineage=tmp_path / "p.csv",
        model=FakePredictor(),
    )
    with pytest.raises(UserError, match=message):
        import_session(job)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.tif", "l.tif", "p.csv"]


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.uint64])
def test_ids_that_a_session_cannot_hold_are_refused(tmp_path: Path, dtype: type) -> None:
    labels = label_movie(WITHOUT_GAP)
    image = write_image(tmp_path, labels)
    large = labels.astype(dtype)
    large[-1][large[-1] > 0] += dtype(70000)
    np.save(tmp_path / "large.npy", large)
    job = SessionImportJob(
        labels=tmp_path / "large.npy", image=image, axes="TYX", model=FakePredictor()
    )
    with pytest.raises(UserError, match=r"at most 65535\. Renumber the labels"):
        import_session(job)
    assert not list(tmp_path.glob("*.sam2-session"))


def test_a_failed_import_leaves_no_session(tmp_path: Path, monkeypatch) -> None:
    labels = label_movie(WITHOUT_GAP)
    image = write_image(tmp_path, labels)
    tifffile.imwrite(tmp_path / "l.tif", labels.astype(np.uint16), metadata={"axes": "TYX"})
    inner = session_import.import_label_stack

    def failing(*arguments: object, **options: object) -> None:
        inner(*arguments, **options)
        raise OSError("No space left on device")

    monkeypatch.setattr(session_import, "import_label_stack", failing)
    job = SessionImportJob(labels=tmp_path / "l.tif", image=image, model=FakePredictor())
    with pytest.raises(OSError, match="No space"):
        import_session(job)
    assert not list(tmp_path.glob("*.sam2-session"))


def test_the_labels_inside_an_ome_zarr_are_imported(tmp_path: Path) -> None:
    labels = label_movie(WITHOUT_GAP).astype(np.uint16)
    image = write_image(tmp_path, labels)
    made = import_session(
        SessionImportJob(
            labels=write_labels_inside(tmp_path, labels), image=image, model=FakePredictor()
        )
    )
    assert made.n_objects == len(WITHOUT_GAP)
