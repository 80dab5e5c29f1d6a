"""DAVIS 2017: a generated data set, incomplete ones, and a part of the real one."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin
from napari_sam2.workflows.evaluation import davis as scoring
from napari_sam2.workflows.evaluation.davis import (
    DavisScores,
    evaluate_davis,
    score,
    track_sequence,
)
from napari_sam2.workflows.evaluation.davis_data import DavisSequence, Predictions, find_sequences
from tests.helpers.command import listing
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import iou, movie, straight

SHAPE = (64, 96)
FRAMES = 6
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]


def annotate(folder: Path, planes: np.ndarray) -> None:
    """Write label planes as DAVIS has them: pictures with a palette."""
    folder.mkdir(parents=True)
    for number, plane in enumerate(planes):
        picture = Image.fromarray(plane.astype(np.uint8))
        picture.putpalette(PALETTE)
        picture.save(folder / f"{number:05d}.png")


def write_list(root: Path, *names: str) -> None:
    (root / "ImageSets/2017").mkdir(parents=True, exist_ok=True)
    (root / "ImageSets/2017/val.txt").write_text("".join(f"{name}\n" for name in names))


def draw(root: Path, name: str, images: np.ndarray, labels: np.ndarray) -> None:
    folder = root / "JPEGImages/480p" / name
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        picture = Image.fromarray(np.repeat(image[..., None], 3, axis=2))
        picture.save(folder / f"{number:05d}.jpg", quality=95)
    annotate(root / "Annotations/480p" / name, labels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sequences: objects 1 and 3, of which 3 leaves; object 2 with a wrong annotation."""
    root = tmp_path / "DAVIS"
    write_list(root, "pair", "lone")
    stays, leaves = straight((20, 20), (1, 2), FRAMES), straight((45, 70), (0, -1), FRAMES)
    leaves[3:] = np.nan
    images = movie(SHAPE, [stays, leaves])
    left, right = images > 100, images > 100
    left[:, :, 48:] = right[:, :, :48] = False
    draw(root, "pair", images, left * 1 + right * 3)
    images = movie(SHAPE, [straight((30, 40), (0, 1), FRAMES)])
    labels = np.where(images > 100, 2, 0)
    labels[1:] = np.roll(labels[1:], 5, axis=2)
    draw(root, "lone", images, labels)
    return root


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePredictor:
    """The predictor that the command gets for any model name."""
    made = FakePredictor()
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: made)
    return made


def last(sequences: tuple[DavisSequence, ...], **more) -> DavisScores:
    *_, scores = evaluate_davis(sequences, FakePredictor(), **more)
    return scores


def by_object(scores: DavisScores) -> dict[tuple[str, int], float]:
    return {(s.sequence, s.object_id): s.region for s in scores.objects}


def test_sequences_are_found_with_their_frames_and_objects(root: Path) -> None:
    pair, lone = find_sequences(root)
    assert (pair.name, pair.objects, pair.n_frames, pair.shape) == ("pair", (1, 3), FRAMES, SHAPE)
    assert set(np.unique(pair.truth(0))) == {0, 1, 3}
    assert find_sequences(root, names=["lone"]) == (lone,)
    assert find_sequences(root, limit=1) == (pair,)


def test_the_mean_is_over_all_objects_and_not_over_sequences(root: Path) -> None:
    scores = last(find_sequences(root))
    region = by_object(scores)
    assert set(region) == {("pair", 1), ("pair", 3), ("lone", 2)}
    assert region["pair", 1] > 0.8
    assert region["pair", 3] > 0.8
    assert region["lone", 2] < 0.6
    assert scores.region == pytest.approx(np.mean(list(region.values())))
    of_sequences = ((region["pair", 1] + region["pair", 3]) / 2 + region["lone", 2]) / 2
    assert abs(scores.region - of_sequences) > 0.05
    both = (scores.region + scores.boundary) / 2
    assert scores.region_and_boundary == pytest.approx(both)


def test_the_predictions_are_pictures_of_ids_from_which_the_scores_follow(
    root: Path, tmp_path: Path
) -> None:
    kept = Predictions(tmp_path / "kept")
    kept.create((), "fake")
    sequences = find_sequences(root)
    region = by_object(last(sequences, predictions=kept))
    for sequence in sequences:
        planes = track_sequence(sequence, FakePredictor())
        paths = sorted((kept.folder / sequence.name).iterdir())
        assert [path.name for path in paths] == [path.name for path in sequence.annotations]
        for path, plane in zip(paths, planes, strict=True):
            with Image.open(path) as picture:
                assert picture.mode == "P"
                assert picture.getpalette()[:12] == PALETTE
                np.testing.assert_array_equal(np.asarray(picture), plane)
        for i in sequence.objects:
            inner = range(1, FRAMES - 1)
            found = [iou(planes[frame] == i, sequence.truth(frame) == i) for frame in inner]
            assert region[sequence.name, i] == pytest.approx(np.mean(found))


def test_the_first_and_the_last_frame_and_void_pixels_do_not_count(root: Path) -> None:
    sequence = find_sequences(root, names=["lone"])[0]
    planes = [sequence.truth(frame) for frame in range(FRAMES)]
    planes[0], planes[-1] = planes[0] * 0, planes[-1] * 0
    assert score(sequence, planes)[0].region_and_boundary == 1.0
    path = sequence.annotations[2]
    opened = planes[2].copy()
    opened[:10] = 255
    Image.fromarray(opened).save(path)
    planes[2][:10] = 2
    assert score(sequence, planes)[0].region_and_boundary == 1.0
    planes[2][20:30] = 2
    assert score(sequence, planes)[0].region_and_boundary < 1.0


def test_a_pixel_in_several_masks_is_assigned_to_the_highest_logit() -> None:
    results = [
        FrameResult(i, 0, (0,), MaskCrop(window, logits), 1.0, 1.0, MaskOrigin.FORWARD)
        for i, window, logits in (
            (1, Window(0, 0, 2, 2), np.array([[3.01, 20.0], [5.0, -1.0]], np.float32)),
            (7, Window(0, 0, 2, 3), np.array([[3.02, 20.5, 1], [5, -2, 0]], np.float32)),
        )
    ]
    labels = scoring._labels(results, (3, 3))
    np.testing.assert_array_equal(labels, [[7, 7, 7], [1, 0, 0], [0, 0, 0]])


def test_the_command_shows_objects_and_means_and_writes_a_table(
    root: Path, tmp_path: Path, fake: FakePredictor, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["evaluate-davis", str(root), "--csv", str(tmp_path / "scores.csv")]
    assert run([*given, "--sequence", "lone", "--sequence", "pair"]) == ExitCode.DONE
    out = capfd.readouterr().out
    scores = last(find_sequences(root))
    assert "fake, val: 2 sequences" in out
    assert f"{scores.region_and_boundary:.3f}" in out
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["sequence"], row["object_id"]) for row in rows] == [
        ("pair", "1"),
        ("pair", "3"),
        ("lone", "2"),
    ]
    assert float(rows[2]["J"]) == pytest.approx(scores.objects[2].region, abs=1e-6)
    assert run([*given, "--max-sequences", "1"]) == ExitCode.DONE
    assert "fake, val: 1 sequence\n" in capfd.readouterr().out


def test_finished_sequences_are_kept_and_resumed(
    root: Path,
    tmp_path: Path,
    fake: FakePredictor,
    capfd: pytest.CaptureFixture[str],
) -> None:
    kept, table = tmp_path / "kept", tmp_path / "scores.csv"
    given = ["evaluate-davis", str(root), "--output", str(kept), "--csv", str(table)]
    frame = root / "JPEGImages/480p/lone/00003.jpg"
    whole = frame.read_bytes()
    frame.write_bytes(whole[:-100])
    assert run(given) == ExitCode.STOPPED_PART_WAY
    out, messages = capfd.readouterr()
    assert "fake, val: 1 sequence\n" in out
    assert "00003.jpg" in messages
    assert "--resume" in messages
    assert {path.name for path in kept.iterdir()} == {"pair", "model.txt"}
    assert len(list((kept / "pair").iterdir())) == FRAMES
    assert len(table.read_text().splitlines()) == 3
    before = listing(kept / "pair")
    frame.write_bytes(whole)
    assert run(given) == ExitCode.BAD_INPUT
    assert "--resume" in capfd.readouterr().err
    fake.calls.clear()
    assert run([*given, "--resume"]) == ExitCode.DONE
    assert fake.calls["track"] == FRAMES - 1
    assert listing(kept / "pair") == before
    assert len(table.read_text().splitlines()) == 4
    (kept / "model.txt").write_text("other weights\n")
    assert run([*given, "--resume"]) == ExitCode.BAD_INPUT
    assert "were made by other weights" in " ".join(capfd.readouterr().err.split())


def test_ctrl_c_keeps_finished_sequences(
    root: Path, tmp_path: Path, fake: FakePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(sequence: DavisSequence, *given) -> list[np.ndarray]:
        if sequence.name == "lone":
            raise KeyboardInterrupt
        return track_sequence(sequence, *given)

    monkeypatch.setattr(scoring, "track_sequence", interrupt)
    kept = tmp_path / "kept"
    annotate(kept / ".pair.part", np.zeros((FRAMES + 1, 5, 5)))  # of a run that was killed
    assert run(["evaluate-davis", str(root), "--output", str(kept)]) == ExitCode.INTERRUPTED
    assert {path.name for path in kept.iterdir()} == {"pair", "model.txt"}
    assert len(list((kept / "pair").iterdir())) == FRAMES


def without_list(root: Path) -> None:
    (root / "ImageSets/2017/val.txt").rename(root / "ImageSets/2017/train.txt")


def empty_list(root: Path) -> None:
    write_list(root)


def list_with_a_parent_folder(root: Path) -> None:
    write_list(root, "../pair")


def without_frames(root: Path) -> None:
    shutil.rmtree(root / "JPEGImages/480p/lone")


def without_annotations(root: Path) -> None:
    shutil.rmtree(root / "Annotations/480p/lone")


def no_pictures(root: Path) -> None:
    for path in (root / "JPEGImages/480p/lone").iterdir():
        path.unlink()


def first_annotation_only(root: Path) -> None:
    for path in sorted((root / "Annotations/480p/lone").iterdir())[1:]:
        path.unlink()


def other_name(root: Path) -> None:
    folder = root / "Annotations/480p/lone"
    (folder / "00005.png").rename(folder / "00006.png")


def two_frames(root: Path) -> None:
    for number in range(2, FRAMES):
        (root / f"JPEGImages/480p/lone/{number:05d}.jpg").unlink()
        (root / f"Annotations/480p/lone/{number:05d}.png").unlink()


def replacing_annotation(number: int, picture: Image.Image) -> Callable[[Path], None]:
    return lambda root: picture.save(root / f"Annotations/480p/lone/{number:05d}.png")


def noise(root: Path) -> None:
    (root / "Annotations/480p/lone/00002.png").write_bytes(bytes(range(256)))


HEIGHT, WIDTH = SHAPE


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "holds ImageSets, JPEGImages and Annotations"),
        (without_list, "val.txt. Choose from train"),
        (empty_list, "is empty"),
        (list_with_a_parent_folder, "'../pair', which is not the name"),
        (without_frames, "lists lone, but there is no folder"),
        (without_annotations, "lists lone, but there is no folder"),
        (no_pictures, "holds no images"),
        (first_annotation_only, "6 frames but 1 annotations"),
        (other_name, "the frame 00005 where the annotation is 00006"),
        (two_frames, "at least three"),
        (replacing_annotation(4, Image.new("L", (WIDTH, 9))), "96 x 9 pixels, but its frame has"),
        (replacing_annotation(3, Image.new("RGB", (WIDTH, HEIGHT))), "mode RGB"),
        (replacing_annotation(0, Image.new("L", (WIDTH, HEIGHT))), "has no object"),
        (replacing_annotation(0, Image.new("L", (WIDTH, HEIGHT), 255)), "DAVIS 2016"),
        (noise, "00002.png is not a readable image"),
    ],
)
def test_an_incomplete_data_set_is_refused_before_the_model_is_loaded(
    root: Path, spoil, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(root)
    refused(root, capfd, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sequence", "nobody"], "nobody is not in val.txt. Choose from pair, lone"),
        (["--split", "test-dev"], "test-dev.txt. Choose from val"),
        (["--resume"], "--resume needs --output"),
        (["--output", "{root}/Annotations/480p"], "has predictions of pair"),
        (["--output", "{root}/ImageSets/2017/val.txt"], "is a file"),
        (["--csv", "{root}"], "is a folder"),
        (["--csv", "{root}/none/scores.csv"], "There is no folder"),
    ],
)
def test_wrong_options_are_refused_before_the_model_is_loaded(
    root: Path, options: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    refused(root, capfd, message, *(option.format(root=root) for option in options))


def refused(root: Path, capfd: pytest.CaptureFixture[str], message: str, *options: str) -> None:
    before = listing(root.parent)
    given = ["evaluate-davis", str(root), "--model", "no-such-model", *options]
    assert run(given) == ExitCode.BAD_INPUT
    output = " ".join(capfd.readouterr().err.split())
    assert message in output
    assert "no-such-model" not in output
    assert listing(root.parent) == before


def test_damaged_predictions_or_of_another_model_are_refused(root: Path, tmp_path: Path) -> None:
    sequence = find_sequences(root, names=["lone"])[0]
    kept = Predictions(tmp_path / "kept")
    annotate(kept.folder / "lone", np.zeros((FRAMES, 5, 5)))
    with pytest.raises(UserError, match="not known which model"):
        kept.create([sequence], "fake")
    with pytest.raises(UserError, match="5 x 5 pixels"):
        kept.read(sequence)
    (kept.folder / "lone/00000.png").unlink()
    with pytest.raises(UserError, match="not a readable image"):
        kept.read(sequence)


@pytest.fixture
def real(tmp_path: Path, shared: Path) -> Path:
    """The first frames of two DAVIS sequences of one object each, in the official layout."""
    root, names = tmp_path / "DAVIS", ("car-shadow", "dog")
    write_list(root, *names)
    for name in names:
        source = shared / "data/davis" / name
        folder = root / "JPEGImages/480p" / name
        folder.mkdir(parents=True)
        for number in range(7):
            frame = f"{number:05d}.jpg"
            (folder / frame).symlink_to(source / "frames" / frame)
        files = [source / "masks" / f"{number:05d}.png" for number in range(7)]
        annotate(root / "Annotations/480p" / name, np.stack([_foreground(path) for path in files]))
    return root


def _foreground(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture) > 0


def test_the_bundled_model_is_better_than_copying_on_real_sequences(
    real: Path, tmp_path: Path
) -> None:
    sequences = find_sequences(real)
    table = tmp_path / "scores.csv"
    given = ["evaluate-davis", str(real), "--model", "micro", "--device", "cpu"]
    assert run([*given, "--csv", str(table)]) == ExitCode.DONE
    with table.open(newline="") as file:
        found = {row["sequence"]: float(row["J&F"]) for row in csv.DictReader(file)}
    for sequence in sequences:
        copied = score(sequence, [sequence.truth(0)] * sequence.n_frames)[0]
        assert copied.region_and_boundary + 0.02 < found[sequence.name] < 0.9
