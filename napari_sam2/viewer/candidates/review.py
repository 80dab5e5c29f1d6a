"""The candidates of one search: which are shown, and which became objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from napari_sam2.candidates.by_example import Marks
from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.viewer.layers.layer_set import LayerRole

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_sam2.candidates.by_example import ExampleRanking
    from napari_sam2.images.coordinates import FixedPosition
    from napari_sam2.prompts.types import MaskPrompt
    from napari_sam2.viewer.layer_sync import LayerSync


LOWEST_SCORE = 0.3
"""Score down to which is searched; what is shown can be limited further without a new search."""


def search_limits(limits: CandidateLimits) -> CandidateLimits:
    """Return the limits of a search of which candidates within other limits are shown."""
    return replace(limits, min_score=min(limits.min_score, LOWEST_SCORE), max_objects=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A candidate, and the prompt of the object that was made of it."""

    candidate: Candidate
    prompt: MaskPrompt


class CandidateReview:
    """Shows the candidates of one frame, and makes objects of those that are accepted.

    A click on a candidate accepts it; Alt+click rejects it, and a second one takes this back. A
    candidate whose object is undone or deleted is offered again. With a ranking by example,
    accepted candidates are further examples, and rejected ones counter-examples: the others are
    ranked again after each change.

    Parameters
    ----------
    sync : LayerSync
        The segmentation.
    fixed, frame : FixedPosition and int
        Where they were found.
    found : mapping of int to Candidate
        The candidates by their numbers, best first.
    limits : CandidateLimits
        Which of them are shown.
    ranking : ExampleRanking or None
        Ranks the candidates by example, which have its numbers; None if their scores are fixed.
    """

    def __init__(
        self,
        sync: LayerSync,
        fixed: FixedPosition,
        frame: int,
        found: Mapping[int, Candidate],
        limits: CandidateLimits,
        ranking: ExampleRanking | None = None,
    ) -> None:
        self.fixed, self.frame = fixed, frame
        self.found = dict(found)
        self.limits = limits
        self._sync = sync
        self._ranking = ranking
        self._ranked = Marks()
        self._layer: Labels | None = None
        self._rejected: set[int] = set()
        self._made: dict[int, _Made] = {}
        self._accepted: set[int] = set()
        self._ended = False

    @property
    def open(self) -> list[int]:
        """Numbers of the candidates within the limits that are neither accepted nor rejected."""
        return [number for number in self._offered() if number not in self._rejected]

    def _offered(self) -> list[int]:
        limits = self.limits
        return [
            number
            for number, one in self.found.items()
            if number not in self._accepted
            and one.score >= limits.min_score
            and limits.allows(one.crop.area)
        ]

    def show(self) -> None:
        """Draw the candidates; the layer is made if it is not in the viewer."""
        if self._ended:
            return
        layer = self._sync.layers.candidates
        if layer.layer is not self._layer:
            layer.follow_clicks(self.click)
            self._layer = layer.layer
        shown = [(n, self.found[n], n in self._rejected) for n in self._offered()]
        layer.show(self.fixed, self.frame, self._sync.session.stack.shape, shown)

    def activate(self) -> None:
        """Make the layer of the candidates the active one, so that clicks are about them."""
        if self._layer is not None:
            self._layer.visible = True
            self._sync.viewer.layers.selection.active = self._layer

    def end(self) -> None:
        """Let the layer be, which shows other candidates from now on; clicks have no effect."""
        self._ended = True

    def close(self) -> None:
        """Remove the layer."""
        self.end()
        layer = self._sync.layers.find(LayerRole.CANDIDATES)
        if layer is not None:
            self._sync.layers.forget(LayerRole.CANDIDATES)
            self._sync.viewer.layers.remove(layer)

    def limit(self, limits: CandidateLimits) -> None:
        """Show the candidates within other limits."""
        if limits != self.limits:
            self.limits = limits
            self.show()

    def click(self, number: int, reject: bool) -> None:
        """Accept a candidate, or reject it; a rejected one is taken back by either."""
        if self._ended or number not in self.found:
            return
        if number in self._rejected or reject:
            self._rejected ^= {number}
            self._marked()
        else:
            self.accept([number])
        self._sync.events.objects.emit()

    def accept_all(self) -> None:
        """Make an object of each open candidate, as one step."""
        self.accept(self.open)

    def accept(self, numbers: Iterable[int]) -> None:
        """Make an object of each of some candidates as one step, apart from other objects."""
        chosen = [number for number in numbers if number not in self._accepted]
        session = self._sync.sessions[self.fixed]
        limits = replace(self.limits, max_objects=None)
        found = {number: self.found[number] for number in chosen}
        work = partial(session.search.without_objects, self.frame, found.values(), limits)
        self._sync.prompts.execute(work, partial(self._make_objects, found))

    def _make_objects(self, chosen: Mapping[int, Candidate], free: Sequence[Candidate]) -> None:
        sync = self._sync
        numbers = {_key(one): number for number, one in chosen.items()}
        left_out = len(chosen) - len(free)
        if free:
            first = sync.start_object()
            after = max(item.id for item in sync.sessions.objects)
            ids = [first, *range(after + 1, after + len(free))]
            prompts = [one.prompt(i, self.frame) for i, one in zip(ids, free, strict=True)]
            several = len(prompts) > 1
            title = f"Accept {len(prompts)} candidates" if several else "Accept a candidate"
            for one, prompt in zip(free, prompts, strict=True):
                number = numbers[_key(one)]
                self._made[number] = _Made(chosen[number], prompt)
            sync.prompt_layers.replace(self.fixed, prompts, title)
        self.update()
        sync.events.notice.emit(_accepted_text(len(free), left_out))
        sync.events.objects.emit()

    def update(self) -> None:
        """Offer the candidates again whose objects are gone, and draw what has changed."""
        accepted = {number for number in self._made if self._has_object(number)}
        if accepted != self._accepted:
            self._accepted = accepted
            self._marked()

    def _marked(self) -> None:
        """Draw the candidates after a change of the marks, and rank them again."""
        self.show()
        marks = Marks(frozenset(self._accepted), frozenset(self._rejected))
        if self._ranking is None or marks == self._ranked:
            return
        # A message about accepted candidates stays.
        tell = marks.accepted == self._ranked.accepted
        self._ranked = marks
        work = partial(self._rank, self._ranking, marks, dict(self.found))
        self._sync.prompts.execute(work, partial(self._show_ranked, marks, tell))

    def _rank(
        self, ranking: ExampleRanking, marks: Marks, found: Mapping[int, Candidate]
    ) -> dict[int, Candidate]:
        """Return the candidates in a new order; those that are marked stay as they are."""
        occupied = self._sync.sessions[self.fixed].search.occupied(self.frame)
        rejected = {number: found[number] for number in marks.rejected}
        made = {number: self._made[number] for number in marks.accepted}
        # The masks of objects that were made just now may not be stored yet.
        awaited = [one.candidate for one in made.values() if one.prompt.object_id not in occupied]
        crops = [one.crop for one in (*rejected.values(), *awaited)]
        limits = search_limits(self.limits)
        ranked = ranking.select(limits, [*occupied.values(), *crops], marks)
        return {**ranked, **rejected, **{n: one.candidate for n, one in made.items()}}

    def _show_ranked(self, marks: Marks, tell: bool, found: dict[int, Candidate]) -> None:
        if marks != self._ranked:
            return
        self.found = found
        self.show()
        if tell:
            count, rejected = len(self.open), len(marks.rejected)
            self._sync.events.notice.emit(
                f"{count} candidate{'s' * (count != 1)} after ranking again, with {rejected} "
                f"counter-example{'s' * (rejected != 1)}."
            )
        self._sync.events.objects.emit()

    def _has_object(self, number: int) -> bool:
        """Return whether a candidate is an object, which may have been corrected since."""
        made = self._made[number].prompt
        if made.object_id not in self._sync.sessions.objects:
            return False
        prompts = self._sync.sessions[self.fixed].prompts.get(made.object_id, self.frame)
        return made in prompts or (number in self._accepted and bool(prompts))


def _key(candidate: Candidate) -> tuple[object, float]:
    """Return what is equal for a candidate and the part of it that is free."""
    return candidate.crop.window, candidate.score


def _accepted_text(made: int, left_out: int) -> str:
    if not made:
        return "Objects are where the candidates were, so nothing was accepted."
    text = f"{made} object{'s' * (made > 1)} made of candidates."
    if not left_out:
        return text
    verb = "was" if left_out == 1 else "were"
    return f"{text} {left_out} {verb} left out, where objects are now."
