"""Searches for candidates on one plane, whatever they look for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from napari_sam2.candidates.by_example import ExampleSearch
from napari_sam2.candidates.by_text import TextSearch
from napari_sam2.candidates.candidate import Candidate, CandidateSource
from napari_sam2.candidates.everything import EverythingSearch, Progress
from napari_sam2.candidates.examples import Examples
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.text_detector import TextDetector
from napari_sam2.masks.mask import MaskCrop


class CandidateSearch(Protocol):
    """Finds candidates on a plane."""

    def find(
        self,
        index: PlaneIndex,
        progress: Progress | None = None,
        occupied: Sequence[MaskCrop] = (),
    ) -> list[Candidate]:
        """Return candidates without common pixels, best first; ``occupied`` ones are left out."""


def make_search(
    target: SearchTarget,
    everything: EverythingSearch,
    *,
    detector: Callable[[], TextDetector],
    examples: Callable[[], Examples],
) -> CandidateSearch:
    """Return the search for a target.

    Parameters
    ----------
    target : SearchTarget
        What is searched for.
    everything : EverythingSearch
        The search for everything, whose model, views and limits other searches have, too.
    detector : callable
        Returns what finds boxes by text; called only if phrases are searched for.
    examples : callable
        Returns the examples; called only if objects like them are searched for.

    Raises
    ------
    UserError
        If the detector cannot be loaded, or an example has no mask.
    """
    if target.source is CandidateSource.TEXT:
        return TextSearch(
            everything.encoder,
            everything.placement,
            detector(),
            target.phrases,
            everything.limits,
        )
    if target.source is CandidateSource.EXAMPLE:
        return ExampleSearch(everything, examples())
    return everything
