"""Candidates by example: those of everything, ranked by how much they look like marked masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.candidates.appearance import N_PLAIN, describe
from napari_sam2.candidates.candidate import Candidate, CandidateLimits, CandidateSource
from napari_sam2.candidates.everything import EverythingSearch, Progress
from napari_sam2.candidates.examples import Example, Examples
from napari_sam2.candidates.selection import select_numbered
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import MaskCrop

MIN_MARKS = 5
"""From as many marks on, of both kinds, a logistic regression replaces the prototypes."""
_MAX_COMPONENTS = 12
_SHARPNESS = 4
"""Exponent of the closeness where the nearest example competes with a counter-example."""
_PENALTY = 1.0
"""Strength of the L2 penalty of the logistic regression, whose features have unit variance."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Candidates that were accepted and rejected, by their numbers in a ranking.

    Parameters
    ----------
    accepted, rejected : frozenset of int
        Further examples and counter-examples.
    """

    accepted: frozenset[int] = frozenset()
    rejected: frozenset[int] = frozenset()


NO_MARKS = Marks()
"""Only the examples of the search count."""


@dataclass(frozen=True)
class ExampleSearch:
    """Finds candidates that look like examples.

    Parameters
    ----------
    everything : EverythingSearch
        Finds the candidates that are compared; its limits are those of the result.
    examples : Examples
        What they are compared with.
    """

    everything: EverythingSearch
    examples: Examples

    def find(
        self,
        index: PlaneIndex,
        progress: Progress | None = None,
        occupied: Sequence[MaskCrop] = (),
    ) -> list[Candidate]:
        """Return candidates without common pixels, most similar first.

        Parameters
        ----------
        index : tuple of int
            Full index of the plane.
        progress : callable or None
            Called after each view.
        occupied : sequence of MaskCrop
            Masks of objects that exist already.
        """
        ranking = self.ranking(index, progress)
        return list(ranking.select(self.everything.limits, occupied).values())

    def ranking(self, index: PlaneIndex, progress: Progress | None = None) -> ExampleRanking:
        """Return all candidates on a plane with their appearance, to rank them repeatedly.

        Parameters are those of :meth:`find`.
        """
        limits = self.everything.limits
        # The score of a candidate is at least the square of its score by example.
        every = replace(self.everything, limits=CandidateLimits(min_score=limits.min_score**2))
        candidates = tuple(every.proposals(index, progress))
        encoder, placement = self.everything.encoder, self.everything.placement
        crops = [one.crop for one in candidates]
        return ExampleRanking(
            candidates,
            describe(encoder, placement, index, crops),
            encoder.shape,
            self._describe(self.examples.like),
            self._describe(self.examples.unlike),
        )

    def _describe(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Return the appearance of examples, whose planes are encoded once each."""
        encoder, placement = self.everything.encoder, self.everything.placement
        planes: dict[PlaneIndex, list[MaskCrop]] = {}
        for one in examples:
            planes.setdefault(one.index, []).append(one.crop)
        tables = [describe(encoder, placement, index, crops) for index, crops in planes.items()]
        return np.concatenate(tables) if tables else np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class ExampleRanking:
    """Ranks candidates by examples and counter-examples; marking one more needs no encoding.

    The score of a candidate is the geometric mean of its own score and its similarity.

    Parameters
    ----------
    candidates : tuple of Candidate
        Candidates of one plane, which may overlap; their positions are their numbers.
    features : NDArray[np.float64]
        (N, F) appearance of the candidates, see
        :func:`napari_sam2.candidates.appearance.describe`.
    shape : tuple of int
        Height and width of the plane.
    like, unlike : NDArray[np.float64]
        (K, F) and (L, F) appearance of examples and of counter-examples, on any plane. K is at
        least 1.
    """

    candidates: tuple[Candidate, ...]
    features: NDArray[np.float64]
    shape: tuple[int, int]
    like: NDArray[np.float64]
    unlike: NDArray[np.float64]

    def select(
        self,
        limits: CandidateLimits,
        occupied: Iterable[MaskCrop] = (),
        marks: Marks = NO_MARKS,
    ) -> dict[int, Candidate]:
        """Return candidates without common pixels by their numbers, most similar first.

        Parameters
        ----------
        limits : CandidateLimits
            Which candidates are kept.
        occupied : iterable of MaskCrop
            Masks of objects that exist already.
        marks : Marks
            Candidates that are examples and counter-examples, too.
        """
        if not self.candidates:
            return {}
        like = self._with(self.like, marks.accepted)
        unlike = self._with(self.unlike, marks.rejected)
        ranked = (
            Candidate(one.crop, float(np.sqrt(one.score * share)), CandidateSource.EXAMPLE)
            for one, share in zip(
                self.candidates, similarity(self.features, like, unlike), strict=True
            )
        )
        return select_numbered(ranked, self.shape, limits, occupied)

    def _with(self, examples: NDArray[np.float64], numbers: frozenset[int]) -> NDArray[np.float64]:
        width = self.features.shape[1]
        return np.concatenate((examples.reshape(-1, width), self.features[sorted(numbers)]))


def similarity(
    features: NDArray[np.float64], like: NDArray[np.float64], unlike: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much candidates look like examples and not like counter-examples.

    All are whitened over the candidates. Up to :data:`MIN_MARKS` marks, the nearest example and
    the nearest counter-example count; then a logistic regression, if there are marks of both
    kinds.

    Parameters
    ----------
    features : NDArray[np.float64]
        (N, F) of the candidates.
    like, unlike : NDArray[np.float64]
        (K, F) and (L, F); K is at least 1.

    Returns
    -------
    NDArray[np.float64]
        (N,), in 0..1.
    """
    if not len(features):
        return np.zeros(0)
    whitened, near, far = _whiten(features, (features, like, unlike))
    if len(far) and len(near) + len(far) >= MIN_MARKS:
        return _regression(whitened, near, far)
    close = _closeness(whitened, near)
    if not len(far):
        return close
    near_weight, far_weight = close**_SHARPNESS, _closeness(whitened, far) ** _SHARPNESS
    return close * near_weight / np.maximum(near_weight + far_weight, 1e-12)


def _whiten(
    features: NDArray[np.float64], tables: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return tables with unit variance over the candidates, the model's features decorrelated.

    The model's features and the plain ones have equal shares of a squared distance, whose mean
    over pairs of candidates is 2.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    usual = np.where(spread > 1e-9, spread, 1.0)
    model = ((features - mean) / usual)[:, :-N_PLAIN]
    _, values, axes = np.linalg.svd(model, full_matrices=False)
    kept = (values > 1e-6 * values.max(initial=1e-6)) & (np.arange(len(values)) < _MAX_COMPONENTS)
    scales = values[kept] / np.sqrt(len(model))
    whitened = []
    for table in tables:
        standard = (table.reshape(-1, features.shape[1]) - mean) / usual
        parts = (standard[:, :-N_PLAIN] @ axes[kept].T / scales, standard[:, -N_PLAIN:])
        whitened.append(
            np.concatenate([part / np.sqrt(2 * max(part.shape[1], 1)) for part in parts], axis=1)
        )
    return whitened


def _closeness(table: NDArray[np.float64], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return exp(-d^2 / 8) for the distance d of each row to the nearest mark."""
    squares = ((table[:, None] - marks) ** 2).sum(axis=2).min(axis=1)
    return np.asarray(np.exp(-squares / 8))


def _regression(
    table: NDArray[np.float64], near: NDArray[np.float64], far: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return probabilities of an L2-penalized logistic regression, by Newton's method.

    Both kinds of marks have equal weight in total.
    """
    scale = np.sqrt(table.shape[1])
    rows = np.concatenate((near, far)) * scale
    x = np.concatenate((rows, np.ones((len(rows), 1))), axis=1)
    y = np.repeat((1.0, 0.0), (len(near), len(far)))
    weights = np.repeat((0.5 / len(near), 0.5 / len(far)), (len(near), len(far))) * len(rows)
    penalty = np.diag([*np.full(rows.shape[1], _PENALTY), 1e-6])
    beta = np.zeros(x.shape[1])
    for _ in range(20):
        p = _sigmoid(x @ beta)
        gradient = x.T @ (weights * (p - y)) + penalty @ beta
        hessian = (x.T * (weights * np.maximum(p * (1 - p), 1e-6))) @ x + penalty
        beta -= np.linalg.solve(hessian, gradient)
    return _sigmoid(table * scale @ beta[:-1] + beta[-1])


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))
