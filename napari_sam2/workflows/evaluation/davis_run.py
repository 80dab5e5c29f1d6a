"""Evaluate a model on DAVIS 2017, with progress, stored predictions and resuming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL, predictor_of
from napari_sam2.workflows.evaluation.davis import DavisScores, evaluate_davis
from napari_sam2.workflows.evaluation.davis_data import DavisSequence, Predictions, find_sequences
from napari_sam2.workflows.model_summary import model_summary
from napari_sam2.workflows.reporter import NullReporter, Reporter, RunEnding
from napari_sam2.workflows.score_files import check_csv_path

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import ModelInfo, Predictor


@dataclass(frozen=True, kw_only=True)
class DavisJob:
    """An evaluation on DAVIS 2017, as the command ``evaluate-davis`` runs it.

    Parameters
    ----------
    davis : Path
        Folder with the subfolders ImageSets, JPEGImages and Annotations.
    model : str or Path
        A model name or a weights file, see :func:`napari_sam2.load_predictor`.
    split : str
        Name of a list in ImageSets/2017.
    sequences : sequence of str
        Names of the sequences to evaluate; empty evaluates all.
    max_sequences : int or None
        Maximum number of sequences; None evaluates all.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    dtype : str
        Number format: ``"auto"``, ``"float32"``, ``"mixed"``, ``"bfloat16"`` or ``"float16"``.
    input_size : int or None
        Side of the model's square input in pixels; None for that of its training.
    output : Path or None
        Folder for predictions as PNG files; None stores none.
    csv : Path or None
        CSV file for the scores, with one row per sequence and object.
    resume : bool
        Score the predictions found in ``output`` without tracking their sequences again.
    """

    davis: Path
    model: str | Path = AUTO_MODEL
    split: str = "val"
    sequences: Sequence[str] = ()
    max_sequences: int | None = None
    device: str = AUTO_DEVICE
    dtype: str = AUTO_DTYPE
    input_size: int | None = None
    output: Path | None = None
    csv: Path | None = None
    resume: bool = False


@dataclass(frozen=True)
class DavisOutcome:
    """Result of :func:`run_davis`.

    Parameters
    ----------
    ending : RunEnding
        How the evaluation ended.
    scores : DavisScores or None
        Scores of the finished sequences; None if none was finished.
    model : ModelInfo
        The model that was evaluated.
    error : str
        Why the evaluation stopped part-way; empty otherwise.
    """

    ending: RunEnding
    scores: DavisScores | None
    model: ModelInfo
    error: str = ""


def run_davis(job: DavisJob, reporter: Reporter | None = None) -> DavisOutcome:
    """Track every object from its ground truth mask on the first frame, and compute J and F.

    Parameters
    ----------
    job : DavisJob
        What to evaluate.
    reporter : Reporter or None
        Receives messages and progress; None discards them.

    Returns
    -------
    DavisOutcome
        Interrupted if KeyboardInterrupt was raised. Stopped part-way if an image is damaged or a
        file cannot be written.

    Raises
    ------
    UserError
        If the data set, an option or an output cannot be used; nothing has been written then.
    SAM2Error
        If the model or the device is not available.
    """
    reporter = reporter or NullReporter()
    sequences = find_sequences(job.davis, job.split, job.sequences, job.max_sequences)
    predictions = _predictions(job, sequences)
    if job.csv is not None:
        check_csv_path(job.csv)
    predictor = predictor_of(job.model, job.device, job.dtype, job.input_size)
    info = predictor.info
    if predictions is not None:
        predictions.create(sequences, f"{info.name} {info.identity}")
    for text in (model_summary(info), *info.notes):
        reporter.message(text)
    return _evaluate(job, sequences, predictor, predictions, reporter)


def _evaluate(
    job: DavisJob,
    sequences: Sequence[DavisSequence],
    predictor: Predictor,
    predictions: Predictions | None,
    reporter: Reporter,
) -> DavisOutcome:
    from sam2_model.errors import SAM2Error

    ends = dict(zip(sequences, accumulate(s.n_frames for s in sequences), strict=True))
    scores: DavisScores | None = None

    def report(sequence: DavisSequence, done: int) -> None:
        before = ends[sequence] - sequence.n_frames
        reporter.progress(sequence.name, before + done, max(ends.values()))

    try:
        with reporter.running():
            for scores in evaluate_davis(sequences, predictor, predictions, report):
                if job.csv is not None:
                    scores.write_csv(job.csv)
    except KeyboardInterrupt:
        return DavisOutcome(RunEnding.INTERRUPTED, scores, predictor.info)
    except (OSError, UserError, SAM2Error) as error:
        return DavisOutcome(RunEnding.STOPPED_PART_WAY, scores, predictor.info, str(error))
    return DavisOutcome(RunEnding.DONE, scores, predictor.info)


def _predictions(job: DavisJob, sequences: Sequence[DavisSequence]) -> Predictions | None:
    if job.output is None:
        if job.resume:
            raise UserError("--resume needs --output, the folder that holds the predictions.")
        return None
    if job.output.exists() and not job.output.is_dir():
        raise UserError(f"{job.output} is a file. Give a folder for the predictions.")
    predictions = Predictions(job.output)
    if not job.resume:
        predictions.check_free(sequences)
    return predictions
