"""``napari-sam2 evaluate-davis``: J&F on DAVIS 2017, as papers give it."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.console import ExitCode
from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.workflows.evaluation.davis import DavisScores, ObjectScore
    from napari_sam2.workflows.evaluation.davis_data import DavisSequence, Predictions


def evaluate_davis(
    davis: Annotated[
        Path, typer.Argument(metavar="DAVIS", help="Holds ImageSets, JPEGImages, Annotations.")
    ],
    model: Annotated[str, typer.Option(help="Name, or a weights file.")] = "auto",
    split: Annotated[str, typer.Option(help="A list in ImageSets/2017.")] = "val",
    sequence: Annotated[
        list[str] | None, typer.Option(help="Only this sequence; repeatable.")
    ] = None,
    max_sequences: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    output: Annotated[Path | None, typer.Option(help="Folder for predicted PNG files.")] = None,
    csv: Annotated[Path | None, typer.Option(help="One row per sequence and object.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take what is in --output as it is.")
    ] = False,
) -> None:
    """Follow every object from its true mask on the first frame; J and F as DAVIS 2017 does.

    Exit codes: 0 done, 2 bad input and nothing written, 3 stopped part-way with what was done
    kept, 130 interrupted; --resume goes on.
    """
    from rich.console import Console

    from napari_sam2.cli.console import model_summary
    from napari_sam2.inference.sam2_predictor import load_predictor
    from napari_sam2.workflows.evaluation.davis_data import find_sequences

    sequences = find_sequences(davis, split, sequence or (), max_sequences)
    predictions = _predictions(output, sequences, resume)
    _check_csv(csv)
    predictor = load_predictor(model, device)
    info = predictor.info
    if predictions is not None:
        predictions.begin(sequences, f"{info.name} {info.weights_hash}")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(model_summary(info), markup=False)
    code, scores = _run(sequences, predictor, predictions, csv, console)
    if scores is not None:
        Console(soft_wrap=True).print(table(scores, f"{info.name}, {split}"))
    raise typer.Exit(code)


def table(scores: DavisScores, title: str) -> Table:
    """Return J and F of every object, and their means over all objects."""
    from rich.table import Table

    count = len({score.sequence for score in scores.objects})
    found = f"{title}: {count} sequence" + ("s" if count > 1 else "")
    made = Table("sequence", "object", "J", "F", "J&F", title=found, title_justify="left")
    for score in scores.objects:
        made.add_row(score.sequence, str(score.object_id), *_shown(score))
    made.add_section()
    made.add_row("mean over objects", str(len(scores.objects)), *_shown(scores))
    return made


def _shown(score: ObjectScore | DavisScores) -> Iterator[str]:
    values = (score.region, score.boundary, score.region_and_boundary)
    return (f"{value:.3f}" for value in values)


def _run(
    sequences: Sequence[DavisSequence],
    predictor: Predictor,
    predictions: Predictions | None,
    csv: Path | None,
    console: Console,
) -> tuple[ExitCode, DavisScores | None]:
    """Return how it ended and the scores of the sequences that were finished."""
    from napari_sam2.cli.console import bar, show
    from napari_sam2.workflows.evaluation.davis import evaluate_davis as follow_all
    from sam2_model.errors import SAM2Error

    ends = dict(zip(sequences, accumulate(s.n_frames for s in sequences), strict=True))
    scores = None
    try:
        with bar(console) as progress:
            task = progress.add_task("", total=0, speed="", memory="")

            def told(sequence: DavisSequence, done: int) -> None:
                progress.update(task, description=sequence.name)
                before = ends[sequence] - sequence.n_frames
                show(progress, task, before + done, max(ends.values()))

            for scores in follow_all(sequences, predictor, predictions, told):
                if csv is not None:
                    scores.write_csv(csv)
    except KeyboardInterrupt:
        console.print(f"Interrupted. {_hint(predictions)}", markup=False)
        return ExitCode.INTERRUPTED, scores
    except (OSError, UserError, SAM2Error) as error:
        console.print(f"Stopped: {error} {_hint(predictions)}", markup=False, style="red")
        return ExitCode.STOPPED_PART_WAY, scores
    return ExitCode.DONE, scores


def _hint(predictions: Predictions | None) -> str:
    if predictions is None:
        return "With --output, a run can be gone on with."
    return "Sequences that were finished are kept; the same command with --resume goes on."


def _predictions(
    output: Path | None, sequences: Sequence[DavisSequence], resume: bool
) -> Predictions | None:
    from napari_sam2.workflows.evaluation.davis_data import Predictions

    if output is None:
        if resume:
            raise UserError("--resume needs --output: the folder that holds the predictions.")
        return None
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file: give a folder for the predictions.")
    predictions = Predictions(output)
    if not resume:
        predictions.check_free(sequences)
    return predictions


def _check_csv(csv: Path | None) -> None:
    if csv is None:
        return
    if csv.is_dir():
        raise UserError(f"{csv} is a folder: give a file for the scores.")
    if not csv.absolute().parent.is_dir():
        raise UserError(f"There is no folder {csv.parent} for the scores.")
