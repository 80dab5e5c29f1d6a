"""The batch command: options, bad input, exit codes and the printed table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.batch import stack_task
from napari_sam2.batch.stacks import StackEntry
from napari_sam2.cli.app import run
from napari_sam2.cli.commands.batch.stack_options import StackOptions, merged, stack_job
from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.tracking.divisions import DivisionMode
from tests.helpers.batch_files import BatchFiles, labels, threads_cluster
from tests.helpers.fakes import FakePredictor


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with threads_cluster(2) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    stack_task.forget_model()
    yield
    stack_task.forget_model()


@pytest.fixture
def files(tmp_path: Path) -> BatchFiles:
    return BatchFiles(tmp_path / "in").create()


def refused(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the message of a batch that is refused and writes nothing."""
    assert run(["batch", *map(str, arguments)]) == ExitCode.BAD_INPUT
    error = capfd.readouterr().err
    assert "Traceback" not in error
    return " ".join(error.split())


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_a_folder_in_two_shards(
    files: BatchFiles, scheduler: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (files.folder / "notes.txt").write_text("x")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    common = ["batch", str(files.folder), "--scheduler", scheduler, "--model", "fake"]
    assert run([*common, "--output", str(whole)]) == ExitCode.DONE
    printed = capfd.readouterr().err
    assert "Left out: notes.txt: not an image." in printed
    assert printed.index("Left out") < printed.index("workers at")
    assert "3 done, 1 left out. Report:" in printed
    for shard in ("0/2", "1/2", "7/8"):
        given = ["--output", str(parts), "--shard", shard]
        assert run([*common, *given]) == ExitCode.DONE
    assert "Shard 7/8 has no stack" in capfd.readouterr().err
    expected, found = labels(whole), labels(parts)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(found[name], image) for name, image in expected.items())
    names = [set(rows(parts / f"report-{i}-of-2.csv")) for i in range(2)]
    assert names == [{"s0", "s2", "notes.txt"}, {"s1", "notes.txt"}]


def test_a_job_file_whose_stacks_override_options(
    files: BatchFiles, scheduler: str, tmp_path: Path
) -> None:
    jobs = files.folder / "jobs.yaml"
    jobs.write_text(
        "options: {model: fake, range: 0:2, exclusion: false}\n"
        "stacks:\n"
        "  - {input: s0.tif, prompts: s0.prompts.json}\n"
        "  - {input: s1.tif, prompts: s1.prompts.json, name: other, range: 0:4}\n"
        "  - {input: absent.tif, prompts: s1.prompts.json}\n"
    )
    out = tmp_path / "out"
    given = ["--output", str(out), "--scheduler", scheduler]
    assert run(["batch", str(jobs), *given]) == ExitCode.STOPPED_PART_WAY
    found = labels(out)
    assert {name: int(image.any((1, 2)).sum()) for name, image in found.items()} == {
        "other.labels.tif": 4,
        "s0.labels.tif": 2,
    }
    report = rows(out / "report.csv")
    assert report["absent"]["state"] == "failed"
    assert "absent.tif" in report["absent"]["message"]


def test_bad_input_is_refused_before_anything_is_computed(
    files: BatchFiles, scheduler: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out = files.folder, tmp_path / "out"
    common = (folder, "--output", out, "--scheduler", scheduler)
    assert "No such option: --nope" in refused(capfd, *common, "--nope", 1)
    assert "--memory" in refused(capfd, *common, "--memory", "none")
    assert "scores is decided by the batch" in refused(capfd, *common, "--scores", "s.csv")
    assert "extra.tif is not an option" in refused(capfd, *common, "extra.tif")
    assert "Use I/N" in refused(capfd, *common, "--shard", "2/2")
    assert "Give one of" in refused(capfd, *common, "--workers", 2)
    assert "must end in" in refused(capfd, *common, "--format", ".jpg")
    assert "before --model" in refused(capfd, "--model", "fake", *common)
    assert "neither a folder nor a .yaml" in refused(capfd, tmp_path / "none", *common[1:])
    jobs = folder / "jobs.yaml"
    jobs.write_text("stacks: [{input: s0.tif, taste: red}]")
    assert "unknown key taste" in refused(capfd, jobs, *common[1:])
    jobs.write_text("stacks: [{input: s0.tif, along: [t, z]}]")
    assert "along has 2 values" in refused(capfd, jobs, *common[1:])
    jobs.write_text("stacks: [{input: s0.tif, refine: maybe}]")
    assert "Give true or false" in refused(capfd, jobs, *common[1:])
    assert not out.exists()


def options(**fields: Any) -> dict[str, Any]:
    return StackOptions().parse_mapping(fields, "here")


def test_options_of_a_job_file_are_those_of_the_command_line(tmp_path: Path) -> None:
    found = options(min_size="5", channel=("0", "2"), exclusion="false", direction="forward")
    arguments = ["--min-size", "5", "--channel", "0", "--channel", "2", "--no-exclusion"]
    given = StackOptions().parse([*arguments, "--direction", "forward"], "here")
    assert found == given
    job = stack_job(found, StackEntry(name="a", source="a.tif"), tmp_path, ".ome.zarr")
    assert job.limits.min_area == 5
    assert (job.channels, job.exclusion) == ([0, 2], False)
    assert job.direction is PropagationDirection.FORWARD
    assert job.output == tmp_path / "a.labels.ome.zarr"
    assert job.lineage is None


def test_flags() -> None:
    assert options(refine="true") == {"refine": True}
    assert merged(options(refine="true"), options(refine="false")) == {"refine": False}
    assert options(no_exclusion="true") == {"exclusion": False}
    assert options(no_exclusion="false") == {"exclusion": True}


def test_divisions_get_a_table(tmp_path: Path) -> None:
    job = stack_job(
        options(divisions="auto"), StackEntry(name="a", source="a.tif"), tmp_path, ".tif"
    )
    assert (job.divisions, job.lineage) == (DivisionMode.AUTO, tmp_path / "a.lineage.csv")


def test_prompts_of_a_stack_override_a_search() -> None:
    shared, own = options(find="everything"), options(prompts="a.json")
    assert merged(shared, own) == {"prompts": Path("a.json")}
    assert merged(own, shared) == shared
    like = options(find="like:1")
    assert merged(like, own) == {**like, **own}
    assert merged(merged(like, own), shared) == shared
    assert merged(options(model="a", along="t"), options(model="b")) == options(
        model="b", along="t"
    )


@pytest.mark.parametrize("name", ["output", "resume", "lineage", "source"])
def test_options_that_the_batch_decides_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"decided by the batch|unknown key"):
        options(**{name: "x"})


def test_options_of_a_search_do_not_apply_to_stacks_with_prompts() -> None:
    shared = {"find": "everything", "find_every": 2, "max_objects": 3, "min_area": 4.0}
    assert merged(shared | {"model": "micro"}, {"prompts": "a.json"}) == {
        "model": "micro",
        "prompts": "a.json",
    }
    assert merged(shared, {}) == shared


def test_shared_prompts_of_a_folder_are_refused(tmp_path: Path, capsys) -> None:
    command = ["batch", str(tmp_path), "--output", str(tmp_path / "out"), "--prompts", "x.json"]
    assert run(command) == ExitCode.BAD_INPUT
    assert "--prompts has no effect" in " ".join(capsys.readouterr().err.split())
