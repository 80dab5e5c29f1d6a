"""The prompts of a session, with a signal for changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from psygnal import Signal

from napari_sam2.core.edit_log import EditLog, NullEditLog
from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.prediction_states import PredictionStates
from napari_sam2.prompts.types import Prompt, PromptKey, arrange, describe


@dataclass(frozen=True, slots=True)
class PromptSnapshot:
    """The prompts at one moment, as an immutable value.

    Parameters
    ----------
    axis : str or None
        The propagated axis, lower case.
    prompts : tuple of Prompt
        By object, then frame, then in the order of :func:`napari_sam2.prompts.types.arrange`.
    position : FixedPosition
        Position on the other axes.
    """

    axis: str | None
    prompts: tuple[Prompt, ...]
    position: FixedPosition = ()


class PromptStore:
    """Prompts keyed by object and frame.

    Use a store from one thread, and pass a :meth:`snapshot` to others.

    Parameters
    ----------
    prompts : iterable of Prompt
        Initial prompts.
    axis : str or None
        The propagated axis; None if unknown.
    position : FixedPosition
        Position of the session on the other axes.

    Attributes
    ----------
    predictions : PredictionStates
        What is known about the masks predicted from the prompts.
    notes : tuple of str
        Messages for the user about how the prompts were read.
    changed : psygnal.Signal
        Emitted with (object id, frame) after each change of their prompts.
    """

    changed: Final = Signal(int, int)

    def __init__(
        self,
        prompts: Iterable[Prompt] = (),
        axis: str | None = None,
        position: FixedPosition = (),
    ) -> None:
        self.axis = axis
        self.position = position
        self.predictions = PredictionStates(position)
        self._edits: EditLog = NullEditLog()
        self.notes: tuple[str, ...] = ()
        self._prompts: dict[tuple[int, int], tuple[Prompt, ...]] = {}
        self._frames: dict[int, tuple[int, ...]] = {}
        for prompt in prompts:
            self.add(prompt)

    def record_in(self, edits: EditLog) -> None:
        """Record edits in a log from now on."""
        self._edits = self.predictions.edits = edits

    def add(self, *prompts: Prompt) -> None:
        """Add prompts, all or none.

        Raises
        ------
        UserError
            If prompts cannot be combined, see :func:`napari_sam2.prompts.types.arrange`.
        """
        new: dict[tuple[int, int], list[Prompt]] = {}
        for prompt in prompts:
            new.setdefault((prompt.object_id, prompt.frame), []).append(prompt)
        self._apply({key: (*self.get(*key), *added) for key, added in new.items()})

    def remove(self, prompt: Prompt) -> None:
        """Remove one prompt.

        Raises
        ------
        UserError
            If the store does not contain it.
        """
        key = (prompt.object_id, prompt.frame)
        at = self._position(prompt)
        here = self.get(*key)
        self._apply({key: here[:at] + here[at + 1 :]})

    def replace(self, old: Prompt, new: Prompt) -> None:
        """Replace a prompt by another, e.g. a point that was moved.

        Raises
        ------
        UserError
            If the store does not contain ``old``, or ``new`` cannot be combined with the others.
        """
        at, source = self._position(old), (old.object_id, old.frame)
        target = (new.object_id, new.frame)
        here = self.get(*source)
        if source == target:
            self._apply({source: (*here[:at], new, *here[at + 1 :])})
        else:
            self._apply({source: here[:at] + here[at + 1 :], target: (*self.get(*target), new)})

    def set(self, object_id: int, frame: int, prompts: Iterable[Prompt]) -> None:
        """Replace all prompts of an object on a frame.

        Raises
        ------
        UserError
            If a prompt is of another object or frame, or prompts cannot be combined.
        """
        new = tuple(prompts)
        for prompt in new:
            if (prompt.object_id, prompt.frame) != (object_id, frame):
                raise UserError(f"{describe(prompt)} is not of object {object_id}, frame {frame}.")
        self._apply({(object_id, frame): new})

    def clear(self, object_id: int | None = None, frame: int | None = None) -> None:
        """Remove all prompts, or only those of an object, of a frame, or of both."""
        keys = [
            key for key in self._prompts if object_id in (None, key[0]) and frame in (None, key[1])
        ]
        self._apply(dict.fromkeys(keys, ()))

    def get(self, object_id: int, frame: int) -> tuple[Prompt, ...]:
        """Return the prompts of an object on a frame; empty if there are none."""
        return self._prompts.get((object_id, frame), ())

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects with prompts, increasing."""
        return tuple(sorted(self._frames))

    def frames(self, object_id: int | None = None) -> tuple[int, ...]:
        """Return the prompted frames of an object, or of all, increasing."""
        if object_id is not None:
            return self._frames.get(object_id, ())
        return tuple(sorted({frame for _, frame in self._prompts}))

    def snapshot(self) -> PromptSnapshot:
        """Return the present prompts as an immutable value."""
        return PromptSnapshot(self.axis, tuple(self), self.position)

    def restore(self, snapshot: PromptSnapshot) -> None:
        """Replace all prompts by those of a snapshot; unchanged frames emit no signal."""
        wanted: dict[tuple[int, int], list[Prompt]] = {}
        for prompt in snapshot.prompts:
            wanted.setdefault((prompt.object_id, prompt.frame), []).append(prompt)
        self.axis = snapshot.axis
        self._apply({key: tuple(wanted.get(key, ())) for key in {*self._prompts, *wanted}})

    def _position(self, prompt: Prompt) -> int:
        here = self.get(prompt.object_id, prompt.frame)
        if prompt not in here:
            raise UserError(f"{describe(prompt)} does not exist any more.")
        return here.index(prompt)

    def exchange(self, object_id: int, frame: int, new: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
        """Set the prompts of an object on a frame, emit no signal, and return those before."""
        before = self.get(object_id, frame)
        with self._edits.edit("Set prompts"):
            self._write({(object_id, frame): new})
        return before

    def _apply(self, edits: dict[tuple[int, int], tuple[Prompt, ...]]) -> None:
        arranged = {key: arrange(prompts) for key, prompts in edits.items()}
        changed = {k: new for k, new in sorted(arranged.items()) if self.get(*k) != new}
        if not changed:
            return
        with self._edits.edit("Edit prompts"):
            self._write(changed)
            for key, new in changed.items():
                self.predictions.prompts_changed(*key, prompted=bool(new))
        for object_id, frame in changed:
            self.changed.emit(object_id, frame)

    def _write(self, changed: Mapping[tuple[int, int], tuple[Prompt, ...]]) -> None:
        for key, new in changed.items():
            self._edits.record(PromptKey(self.position, *key), self.get(*key), new)
        # Replaced as a whole, so that another thread can iterate over the earlier prompts.
        self._prompts = {k: new for k, new in {**self._prompts, **changed}.items() if new}
        frames = {object_id: set(self.frames(object_id)) for object_id, _ in changed}
        for (object_id, frame), new in changed.items():
            (frames[object_id].add if new else frames[object_id].discard)(frame)
        edited = {object_id: tuple(sorted(found)) for object_id, found in frames.items()}
        self._frames = {o: found for o, found in {**self._frames, **edited}.items() if found}

    def __iter__(self) -> Iterator[Prompt]:
        prompts = self._prompts
        for key in sorted(prompts):
            yield from prompts[key]

    def __len__(self) -> int:
        return sum(len(prompts) for prompts in self._prompts.values())

    def __eq__(self, other: object) -> bool:
        return (
            self.snapshot() == other.snapshot()
            if isinstance(other, PromptStore)
            else NotImplemented
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<PromptStore: {len(self)} prompts of {len(self.objects())} objects>"
