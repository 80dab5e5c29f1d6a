"""Several models evaluated on one labeled stack, with time and memory."""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

import psutil

from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_MODEL
from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, evaluate
from napari_sam2.workflows.evaluation.metrics import MaskMetrics

if TYPE_CHECKING:
    from napari_sam2.masks.label_image import LabelSource
    from napari_sam2.workflows.evaluation.evaluate import Evaluation
    from napari_sam2.workflows.reporter import Reporter

_INTERVAL = 0.02
"""Seconds between two readings of the memory."""


@dataclass(frozen=True)
class ModelEvaluation:
    """The evaluation of one model of several.

    Parameters
    ----------
    model : str
        Name or path, as it was given.
    evaluation : Evaluation
        Scores and time.
    memory : int
        Highest memory in bytes of the process, with everything that it holds, while the model was
        loaded and evaluated.
    gpu_memory : int or None
        Highest memory in bytes that PyTorch took on a CUDA device; None on other devices.
    """

    model: str
    evaluation: Evaluation
    memory: int
    gpu_memory: int | None


def check_models(models: Sequence[str]) -> None:
    """Check the names of models before any of them is loaded.

    Raises
    ------
    UserError
        If there are fewer than two, one is repeated, or one is neither a name nor a file.
    """
    from sam2_model.checkpoint.registry import RELEASES

    if len(models) < 2:
        raise UserError("Give at least two models, e.g. --models micro,tiny. For one, use --model.")
    for name in models:
        if models.count(name) > 1:
            raise UserError(f"The model {name} is given twice. Leave one out.")
        known = name == AUTO_MODEL or RELEASES.find(name) is not None
        if not known and not Path(name).is_file():
            raise UserError(
                f"There is no model {name!r}, nor a weights file of this name. See napari-sam2 "
                "models list."
            )


def evaluate_models(
    images: Any,
    labels: LabelSource,
    models: Sequence[str],
    settings: EvaluationSettings | None = None,
    *,
    device: str = AUTO_DEVICE,
    reporter: Reporter | None = None,
    **places: Any,
) -> Iterator[ModelEvaluation]:
    """Evaluate models one after the other; each is yielded when it is done.

    Parameters
    ----------
    models : sequence of str
        Names or weights files.
    images, labels, settings, device, reporter
        As in :func:`napari_sam2.evaluate`; all models have the same prompts.
    **places
        Further options of :func:`napari_sam2.evaluate`.

    Raises
    ------
    UserError, SAM2Error
        If the names cannot be used, or as :func:`napari_sam2.evaluate`.
    """
    check_models(models)
    for model in models:
        gc.collect()
        with _MemoryMonitor() as monitor:
            found = evaluate(
                images,
                labels,
                model=model,
                settings=settings,
                device=device,
                reporter=reporter,
                **places,
            )
        yield ModelEvaluation(model, found, monitor.peak, monitor.gpu_peak)


def write_models_csv(found: Sequence[ModelEvaluation], path: Path) -> None:
    """Write one row per model, object and frame, with the columns of :class:`MaskMetrics`."""
    names = [field.name for field in fields(MaskMetrics)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model", *names, "iou"])
        for item in found:
            rows = item.evaluation.rows
            writer.writerows(
                [item.model, *(getattr(row, name) for name in names), round(row.iou, 6)]
                for row in rows
            )


class _MemoryMonitor:
    """Reads the memory of this process in a thread, as a context."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stopped = Event()
        self._thread = Thread(target=self._read, daemon=True)
        self.peak = self._process.memory_info().rss
        self.gpu_peak: int | None = None

    def __enter__(self) -> Self:
        import torch

        for number in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(number)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        self._stopped.set()
        self._thread.join()
        devices = range(torch.cuda.device_count())
        self.gpu_peak = max(map(torch.cuda.max_memory_allocated, devices), default=0) or None

    def _read(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            self.peak = max(self.peak, self._process.memory_info().rss)
