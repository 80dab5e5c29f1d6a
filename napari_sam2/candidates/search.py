"""Searches for candidates on one plane, whatever they look for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from napari_sam2.candidates.by_text import TextSearch
from napari_sam2.candidates.candidate import Candidate, CandidateLimits, CandidateSource
from napari_sam2.candidates.everything import EverythingSearch, Progress
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.text_detector import TextDetector
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement


class CandidateSearch(Protocol):
    """Finds candidates on a plane."""

    def find(self, index: PlaneIndex, progress: Progress | None = None) -> list[Candidate]:
        """Return candidates without common pixels, best first."""


def make_search(
    target: SearchTarget,
    encoder: ViewEncoder,
    placement: ViewPlacement,
    limits: CandidateLimits,
    *,
    load_detector: Callable[[], TextDetector],
    diameter: float | None = None,
) -> CandidateSearch:
    """Return the search for a target.

    Parameters
    ----------
    target : SearchTarget
        What is searched for.
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    limits : CandidateLimits
        Which candidates are kept.
    load_detector : callable
        Returns what finds boxes by text; called only if phrases are searched for.
    diameter : float or None
        Expected diameter of the objects in pixels; None measures it.

    Raises
    ------
    UserError
        If the detector cannot be loaded, or the diameter is not positive.
    """
    if target.source is CandidateSource.TEXT:
        return TextSearch(encoder, placement, load_detector(), target.phrases, limits)
    return EverythingSearch(encoder, placement, limits, diameter)
