"""Tables of sessions, runs and labels with parents."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_sam2.cli.app import run
from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.ctc import write_ctc
from napari_sam2.images.stack import open_stack
from napari_sam2.session.saved_sessions import create_saved_sessions
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage.session_archive import pack_session
from napari_sam2.workflows.measurements.job import MeasurementJob
from napari_sam2.workflows.measurements.measure import measure_labels
from napari_sam2.workflows.reporter import RecordingReporter
from tests.helpers.fakes import FakePredictor
from tests.helpers.label_outputs import write_labels_inside
from tests.helpers.lineages import LINEAGE, PRESENT, label_movie, table_of
from tests.napari_sam2.session.history.test_edit_history import MOVIE
from tests.napari_sam2.workflows.tracking.test_export import saved

WITHOUT_GAP = {**PRESENT, 3: (3, 4, 5)}


def closed(sessions: SessionGroup, packed: bool = False) -> Path:
    """Close sessions and return their folder, or the packed session."""
    assert sessions.folder is not None
    path = sessions.folder.path
    assert path is not None
    sessions.close()
    return pack_session(path) if packed else path


@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_session_is_measured_with_classes_parents_and_its_image(tmp_path: Path, packed) -> None:
    sessions = saved(tmp_path)
    sessions.objects.change(2, label_class="late, round", name="first")
    sessions[()].reopen(2, [3])
    labels = np.asarray(sessions.labels.array)
    source = closed(sessions, packed)
    output = tmp_path / "table.csv"
    outcome = measure_labels(MeasurementJob(labels=source, output=output))
    rows = pd.read_csv(output)
    assert outcome.rows == len(rows)
    assert any("not accepted are left out" in text for text in outcome.messages)
    for row in rows.itertuples():
        mask = labels[row.frame] == row.label
        assert row.area == mask.sum()
        assert row.intensity_mean == pytest.approx(MOVIE[row.frame][mask].mean())
    first = rows[rows.label == 2]
    assert set(first["class"]) == {"late, round"}
    assert (set(first["name"]), set(first["parent"])) == ({"first"}, {1})
    assert rows[rows.label == 1][["class", "parent"]].isna().all(axis=None)
    left_out = len(rows)
    again = MeasurementJob(labels=source, output=output, drafts=True, overwrite=True)
    assert measure_labels(again).rows == left_out + 1


@pytest.mark.parametrize(
    ("options", "words"), [({"axes": "TYX"}, "--axes"), ({"lineage": Path("a.csv")}, "--lineage")]
)
def test_options_of_labels_are_refused_for_a_session(tmp_path: Path, options, words) -> None:
    source = closed(saved(tmp_path))
    job = MeasurementJob(labels=source, output=tmp_path / "t.csv", **options)
    with pytest.raises(UserError, match=f"{words} is for labels only"):
        measure_labels(job)
    assert not job.output.exists()


def test_a_result_of_the_cell_tracking_challenge_has_parents(tmp_path: Path) -> None:
    result = tmp_path / "01_RES"
    write_ctc(result, table_of(label_movie(WITHOUT_GAP)))
    output = tmp_path / "t.csv"
    outcome = measure_labels(MeasurementJob(labels=result, output=output))
    assert any(text.startswith("01_RES states no pixel size") for text in outcome.messages)
    rows = pd.read_csv(output)
    parents = rows.dropna(subset="parent").set_index("label")["parent"].astype(int).to_dict()
    assert parents == LINEAGE.parents
    assert len(rows) == sum(map(len, WITHOUT_GAP.values()))


def test_the_labels_inside_an_ome_zarr_are_measured(tmp_path: Path) -> None:
    labels = label_movie(PRESENT).astype(np.uint16)
    path = write_labels_inside(tmp_path, labels)
    measure_labels(MeasurementJob(labels=path, output=tmp_path / "t.csv"))
    rows = pd.read_csv(tmp_path / "t.csv")
    assert len(rows) == sum(map(len, PRESENT.values()))
    for row in rows.itertuples():
        assert row.area == pytest.approx((labels[row.frame] == row.label).sum() * 0.5**2)


def test_a_mask_with_smooth_edges_is_one_object(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    edge = np.clip(20.5 - np.hypot(y - 32, x - 32), 0, 1)
    tifffile.imwrite(tmp_path / "mask.tif", (edge * 255).round().astype(np.uint8))
    job = MeasurementJob(labels=tmp_path / "mask.tif", output=tmp_path / "t.csv")
    outcome = measure_labels(job)
    rows = pd.read_csv(tmp_path / "t.csv")
    assert rows.label.tolist() == [255]
    assert rows.area.tolist() == [(edge * 255 >= 127.5).sum()]
    assert any("mask of two gray levels" in text for text in outcome.messages)


@pytest.mark.parametrize("name", ["plane.png", "frames"])
def test_the_indices_of_palette_images_are_labels(tmp_path: Path, name: str) -> None:
    labels = np.zeros((16, 20), np.uint8)
    labels[2:6, 3:9], labels[8:12, 4:6] = 1, 2
    picture = Image.fromarray(labels, "P")
    picture.putpalette([0, 0, 0, 9, 9, 9, 200, 200, 200])
    (tmp_path / "frames").mkdir()
    for path in ("plane.png", "frames/0.png", "frames/1.png"):
        picture.save(tmp_path / path)
    measure_labels(MeasurementJob(labels=tmp_path / name, output=tmp_path / "t.csv"))
    rows = pd.read_csv(tmp_path / "t.csv")
    found = rows.groupby("label").area.first().to_dict()
    assert found == {1: 24, 2: 8}


def test_gray_colors_are_labels(tmp_path: Path) -> None:
    labels = label_movie(PRESENT)[0].astype(np.uint8)
    tifffile.imwrite(tmp_path / "l.tif", np.stack([labels] * 3, -1), photometric="rgb")
    measure_labels(MeasurementJob(labels=tmp_path / "l.tif", output=tmp_path / "t.csv"))
    rows = pd.read_csv(tmp_path / "t.csv")
    found = dict(zip(rows.label, rows.area, strict=True))
    assert found == {i: (labels == i).sum() for i in np.unique(labels[labels > 0])}


def test_guessed_axes_are_reported(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", label_movie(PRESENT).astype(np.uint16))
    outcome = measure_labels(MeasurementJob(labels=tmp_path / "l.npy", output=tmp_path / "t.csv"))
    assert any("read as TYX" in text for text in outcome.messages)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"channels": [1]}, "--channel"), ({"image_axes": "TYX"}, "--image-axes")],
)
def test_options_of_an_image_need_one(tmp_path: Path, options, words) -> None:
    np.save(tmp_path / "l.npy", label_movie(PRESENT).astype(np.uint16))
    job = MeasurementJob(labels=tmp_path / "l.npy", output=tmp_path / "t.csv", **options)
    with pytest.raises(UserError, match=f"{words} is for the image, but none is given"):
        measure_labels(job)


def test_the_folder_of_a_run_gives_its_labels(tmp_path: Path) -> None:
    labels, folder = tmp_path / "labels.tif", tmp_path / "labels.tif.sam2"
    tifffile.imwrite(labels, label_movie(PRESENT).astype(np.uint16), metadata={"axes": "TYX"})
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    job = MeasurementJob(labels=folder, output=tmp_path / "t.csv", overwrite=True)
    outcome = measure_labels(job)
    assert outcome.rows == sum(map(len, PRESENT.values()))
    assert any("complete it first" in text for text in outcome.messages)
    labels.rename(tmp_path / "elsewhere.tif")
    with pytest.raises(UserError, match="has no labels"):
        measure_labels(job)


def test_a_parquet_has_the_rows_of_the_csv_with_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    labels, parents = tmp_path / "labels.tif", tmp_path / "parents.csv"
    tifffile.imwrite(labels, label_movie(PRESENT).astype(np.uint16), metadata={"axes": "TYX"})
    parents.write_text("id,parent\n2,1\n3,1\n")
    for name in ("t.csv", "t.parquet"):
        job = MeasurementJob(labels=labels, output=tmp_path / name, lineage=parents)
        measure_labels(job)
    table = parquet.read_table(tmp_path / "t.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["label"], types["parent"], types["area"]) == ("int64", "int64", "double")
    assert (types["unit"], types["speed_unit"], types["bbox-0"]) == ("string", "string", "int64")
    rows = pd.read_csv(tmp_path / "t.csv")
    for name in rows:
        expected = [None if pd.isna(value) else value for value in rows[name]]
        assert table[name].to_pylist() == expected


def test_a_parquet_without_pyarrow_has_advice(tmp_path: Path, monkeypatch, capsys) -> None:
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.ones((4, 5), np.uint8))
    table = "napari_sam2.analysis.measurements.table.find_spec"
    monkeypatch.setattr(table, lambda name: None)
    assert run(["measure", str(labels), "--output", str(tmp_path / "t.parquet")]) == 2
    assert "pip install 'napari-sam2[parquet]'" in " ".join(capsys.readouterr().err.split())


def test_a_table_does_not_replace_what_is_read(tmp_path: Path) -> None:
    source = closed(saved(tmp_path))
    job = MeasurementJob(labels=source, output=source / "t.csv")
    with pytest.raises(UserError, match="would change"):
        measure_labels(job, RecordingReporter(None))


def test_labels_without_sizes_have_those_of_the_image(tmp_path: Path) -> None:
    labels, image = tmp_path / "labels.tif", tmp_path / "image.tif"
    array = np.ones((4, 6, 5), np.uint8)
    tifffile.imwrite(labels, array, photometric="minisblack", metadata={"axes": "ZYX"})
    facts = {"axes": "ZYX", "unit": "um", "spacing": 2.0}
    tifffile.imwrite(image, array, imagej=True, resolution=(4, 4), metadata=facts)
    job = MeasurementJob(labels=labels, image=image, output=tmp_path / "t.csv")
    messages = measure_labels(job).messages
    [row] = pd.read_csv(job.output).itertuples()
    assert (row.volume, row.unit) == (120 * 0.125, "µm³")
    assert "labels.tif states no pixel size: that of the image is used." in messages


def test_labels_on_a_mirrored_grid_are_refused(tmp_path: Path) -> None:
    for name, sign in (("labels", -1), ("image", 1)):
        pixels = nibabel.Nifti1Image(np.ones((5, 6, 4), np.int16), np.diag([sign, 1, 1, 1.0]))
        nibabel.save(pixels, tmp_path / f"{name}.nii")
    output = tmp_path / "t.csv"
    job = MeasurementJob(
        labels=tmp_path / "labels.nii", image=tmp_path / "image.nii", output=output
    )
    with pytest.raises(UserError, match="other directions"):
        measure_labels(job)
    assert not output.exists()


def volume_session(folder: Path, along: str) -> Path:
    """Save a session of two boxes in a calibrated volume, made along an axis."""
    image = np.arange(6 * 20 * 30, dtype=np.uint16).reshape(6, 20, 30)
    labels = np.zeros(image.shape, np.uint8)
    labels[1:4, 3:9, 5:17] = 1
    labels[2:6, 12:18, 20:28] = 2
    path = folder / "volume.nii.gz"
    affine = np.diag([0.5, 0.8, 2.0, 1.0])
    for array, file in ((image, path), (labels, folder / "labels.nii.gz")):
        volume = nibabel.Nifti1Image(array.T, affine)
        volume.header.set_xyzt_units("mm")
        nibabel.save(volume, file)
    stack = open_stack(path, along=along)
    sessions = create_saved_sessions(stack, FakePredictor())
    with sessions.history.step("Import"):
        for frame in range(stack.n_frames):
            sessions[()].import_labels(frame, np.take(labels, frame, "zyx".index(along)))
    return closed(sessions)


@pytest.mark.parametrize("along", ["x", "y", "z"])
def test_a_session_along_any_axis_has_the_volumes_of_its_labels(tmp_path: Path, along) -> None:
    session = volume_session(tmp_path, along)
    found, expected = tmp_path / "found.csv", tmp_path / "expected.csv"
    outcome = measure_labels(MeasurementJob(labels=session, output=found))
    image, labels = tmp_path / "volume.nii.gz", tmp_path / "labels.nii.gz"
    measure_labels(MeasurementJob(labels=labels, image=image, output=expected))
    rows, others = pd.read_csv(found), pd.read_csv(expected)
    columns = [name for name in others.columns if name != "parent"]
    pd.testing.assert_frame_equal(rows[columns], others[columns])
    assert rows.volume.tolist() == pytest.approx([3 * 6 * 12 * 0.8, 4 * 6 * 8 * 0.8])
    assert set(rows.unit) == {"mm³"}
    assert any(f"made along {along}" in text for text in outcome.messages) is (along != "z")


def test_a_movie_session_along_y_has_a_row_for_each_time(tmp_path: Path) -> None:
    labels = np.zeros((5, 20, 30), np.uint8)
    labels[1:4, 3:9, 5:17] = 3
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.full_like(labels, 7), metadata={"axes": "TYX"})
    sessions = create_saved_sessions(open_stack(path, along="y"), FakePredictor())
    with sessions.history.step("Import"):
        for frame in range(20):
            sessions[()].import_labels(frame, labels[:, frame])
    output = tmp_path / "t.csv"
    measure_labels(MeasurementJob(labels=closed(sessions), output=output))
    rows = pd.read_csv(output)
    assert rows.frame.tolist() == [1, 2, 3]
    assert rows.area.tolist() == [72] * 3
    assert rows.intensity_mean.tolist() == [7] * 3
    assert (rows["centroid-0"].tolist(), rows["centroid-1"].tolist()) == ([5.5] * 3, [10.5] * 3)


def test_labels_along_x_that_do_not_fit_on_the_disk_are_refused(
    tmp_path: Path, monkeypatch
) -> None:
    session = volume_session(tmp_path, "x")
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    job = MeasurementJob(labels=session, output=tmp_path / "t.csv")
    with pytest.raises(UserError, match="set TMPDIR to another folder, or save the labels"):
        measure_labels(job)
    assert not job.output.exists()
