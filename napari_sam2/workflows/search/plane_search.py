"""Searches for candidates on the planes of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_sam2.candidates.candidate import Candidate, CandidateSource
from napari_sam2.candidates.everything import EverythingSearch
from napari_sam2.candidates.search import make_search
from napari_sam2.core.errors import UserError
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL
from napari_sam2.inference.text_detector import TextDetector, load_text_detector
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.workflows.reporter import NullReporter

if TYPE_CHECKING:
    from napari_sam2.candidates.candidate import CandidateLimits
    from napari_sam2.candidates.examples import Examples
    from napari_sam2.candidates.target import SearchTarget
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.mask import MaskCrop
    from napari_sam2.workflows.image_job import ImageJob
    from napari_sam2.workflows.reporter import Reporter


@dataclass(frozen=True)
class PlaneSearch:
    """Searches planes of a stack with the options of a job.

    Parameters
    ----------
    job : ImageJob
        Has the text model, the limits and the diameter.
    target : SearchTarget
        What is searched for.
    stack : Stack
        The images.
    intensity : Intensity
        Contrast of the images shown to the model.
    predictor : Predictor
        The model.
    examples : Examples or None
        The examples of a search by example.
    """

    job: ImageJob
    target: SearchTarget
    stack: Stack
    intensity: Intensity
    predictor: Predictor
    examples: Examples | None = None

    def find(
        self,
        frame: int,
        reporter: Reporter | None = None,
        *,
        limits: CandidateLimits | None = None,
        occupied: Sequence[MaskCrop] = (),
    ) -> list[Candidate]:
        """Return candidates on one frame, best first.

        Parameters
        ----------
        frame : int
            Position along the propagated axis.
        reporter : Reporter or None
            Receives the progress; None discards it.
        limits : CandidateLimits or None
            Which candidates are kept; None for those of the job.
        occupied : sequence of MaskCrop
            Masks of objects that exist already: a candidate that they explain is left out, see
            :func:`napari_sam2.candidates.selection.select_disjoint`.

        Raises
        ------
        UserError
            If the text model cannot be loaded.
        """
        encoder = ViewEncoder(self.stack, self.intensity, self.predictor, FeatureCache(0))
        everything = EverythingSearch(
            encoder, _placement(encoder), limits or self.job.limits, self.job.diameter
        )
        search = make_search(
            self.target, everything, detector=lambda: self._detector, examples=self._examples
        )
        shown = reporter or NullReporter()
        with shown.running():
            return search.find(
                self.stack.index(frame),
                lambda done, total: shown.progress("Searching", done, total),
                occupied,
            )

    @cached_property
    def _detector(self) -> TextDetector:
        return load_text_detector(self.job.text_model, self.predictor.info.device)

    def _examples(self) -> Examples:
        if self.examples is None:
            raise ValueError(f"{self.target} needs examples.")
        return self.examples


def _placement(encoder: ViewEncoder) -> ViewPlacement:
    info = encoder.predictor.info
    return ViewPlacement(
        encoder.shape, encoder.levels, info.image_size, info.token_stride, ViewPolicy()
    )


def check_search_options(job: ImageJob, target: SearchTarget) -> None:
    """Raise UserError if an option has no effect on what is searched for, or masks are missing."""
    by_text = target.source is CandidateSource.TEXT
    if by_text and job.diameter is not None:
        raise UserError("--diameter has no effect on a search by text. Leave it out.")
    if not by_text and job.text_model != DEFAULT_TEXT_MODEL:
        raise UserError("--text-model has no effect without a phrase. Add --find text:PHRASE.")
    if target.source is CandidateSource.EXAMPLE and job.prompts is None:
        raise UserError("A search by example needs the masks of the examples: add --prompts FILE.")
