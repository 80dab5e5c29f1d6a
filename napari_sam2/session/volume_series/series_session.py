"""Objects followed through the volumes of a series, in the sessions of its time points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from napari_sam2.core.errors import UserError
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.events import RunState, RunStatus, SessionEvents
from napari_sam2.session.volume_series.axis_run import SeriesParts
from napari_sam2.session.volume_series.series_run import SeriesProgress, SeriesRun
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.tracking.resume_state import NullJournal
from napari_sam2.tracking.volume_series.plan import SeriesPlan, VolumeStep, make_series_plan

if TYPE_CHECKING:
    from napari_sam2.images.coordinates import FixedPosition
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.refinement import Refined
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.session.history.edit_token import EditToken
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.session_group import SessionGroup

_Step = TypeVar("_Step")


def volume_position(time: int) -> FixedPosition:
    """Return the position of the session of a time point."""
    return (("t", time),)


@dataclass(frozen=True)
class SessionPrompts:
    """Prompts and locked masks of some objects in the sessions of a series.

    Parameters
    ----------
    volumes : mapping of int to SegmentationSession
        The sessions by time point, increasing.
    objects : tuple of int
        The objects.
    """

    volumes: dict[int, SegmentationSession]
    objects: tuple[int, ...]

    def times(self) -> dict[int, tuple[int, ...]]:
        """Return the prompted time points of each object, increasing.

        Those with a locked mask count for an object without prompts.
        """
        return {object_id: self._times(object_id) for object_id in self.objects}

    def _times(self, object_id: int) -> tuple[int, ...]:
        starts = {time: session.starts(object_id) for time, session in self.volumes.items()}
        prompted = tuple(time for time, found in starts.items() if any(found.values()))
        return prompted or tuple(time for time, found in starts.items() if found)

    def at(self, time: int) -> PromptStore:
        """Return the prompts in the volume of a time point, with frames along z."""
        return self.volumes[time].prompts

    def along_time(self) -> PromptStore:
        """Return the prompts of a series of one plane per time point, with frames along t."""
        store = PromptStore(axis="t")
        for time, session in self.volumes.items():
            mine = (prompt for prompt in session.prompts if prompt.object_id in self.objects)
            store.add(*(replace(prompt, frame=time) for prompt in mine))
        return store


class SessionWriter:
    """Stores the masks of a run in the sessions of their time points.

    Parameters
    ----------
    sessions : SessionGroup
        The sessions, with frames along z.
    """

    def __init__(self, sessions: SessionGroup) -> None:
        self._sessions = sessions

    def put(self, results: Sequence[FrameResult]) -> None:
        """Store masks; accepted and locked ones stay."""
        sessions = {r.index[0]: self._sessions[volume_position(r.index[0])] for r in results}
        with self._sessions.history.edit("Store masks"):
            for result in results:
                time, z = result.index
                sessions[time].store_tracked([replace(result, frame=z)])

    def clear(self, time: int, objects: Sequence[int]) -> None:
        """Delete what earlier runs have computed of some objects at a time point."""
        session = self._sessions[volume_position(time)]
        with self._sessions.history.edit("Delete masks"):
            for object_id in objects:
                session.delete_tracked(object_id)


@dataclass(frozen=True, slots=True)
class _Computed:
    """What an object's masks in a volume were computed from, and the planes that were settled.

    These have a mask, or must not have one.
    """

    origin: str
    planes: frozenset[int]


class SeriesSession:
    """Follows objects through a series of volumes, from prompts on any of its planes.

    Prompts, masks, locks and objects are those of the sessions, one for each time point, with
    frames along z. What is up to date is known until the sessions are closed.

    Parameters
    ----------
    sessions : SessionGroup
        The sessions, with frames along z and positions along t.
    notes : sequence of str
        What to know about the images, the prompts, the contrast and the model.

    Attributes
    ----------
    events : SessionEvents
        Its ``progress`` is emitted with the number of planes done and of all planes.
    """

    def __init__(self, sessions: SessionGroup, notes: Sequence[str] = ()) -> None:
        self.sessions = sessions
        self.notes = tuple(notes)
        self.events = SessionEvents()
        self._run = RunState(self.events)
        self._computed: dict[tuple[int, int], _Computed] = {}
        self._stopped: tuple[EditToken, int] | None = None

    @property
    def run(self) -> RunStatus:
        """Progress of the last run, in planes."""
        return self._run.status

    def cancel(self) -> None:
        """Stop the run after the current plane; any thread may call. Complete planes stay."""
        self._run.cancel()

    def volumes(self) -> dict[int, SegmentationSession]:
        """Return the sessions of the time points that have any, by increasing time point."""
        found = {dict(position)["t"]: session for position, session in self.sessions}
        return dict(sorted(found.items()))

    def prompted(self) -> tuple[int, ...]:
        """Return the objects with prompts at any time point, increasing."""
        found = (session.prompts.objects() for session in self.volumes().values())
        return tuple(sorted({object_id for objects in found for object_id in objects}))

    def plan(
        self,
        objects: Iterable[int] | None = None,
        direction: PropagationDirection = PropagationDirection.BOTH,
    ) -> SeriesPlan:
        """Return what :meth:`propagate` would compute; without steps if nothing has changed.

        A volume is computed again if the prompts that it is computed from, the model, the contrast
        or the settings have changed, or masks of it were deleted.

        Parameters
        ----------
        objects : iterable of int or None
            Ids; None for all objects with prompts.
        direction : PropagationDirection
            Directions in time, from the prompted time points.

        Raises
        ------
        UserError
            If one of the objects has no prompt.
        """
        prompts = self._prompts(objects)
        for object_id, times in prompts.times().items():
            if not times:
                raise UserError(f"Object {object_id} has no prompt. Click it on a plane first.")
        lengths = dict(zip(self._stack.label_axes, self._stack.label_shape, strict=True))
        plan = make_series_plan(prompts.times(), lengths["T"], direction)
        return plan.restricted(lambda step, object_id: not self._is_current(step, object_id))

    def n_planes(self, plan: SeriesPlan) -> int:
        """Return how many planes a plan computes."""
        return len(plan.steps) * self._stack.n_frames

    def propagate(
        self,
        objects: Iterable[int] | None = None,
        direction: PropagationDirection = PropagationDirection.BOTH,
    ) -> Iterator[SeriesProgress]:
        """Compute the volumes of :meth:`plan`, as one step of the history.

        A run after one that was stopped continues it, and is a part of its step: complete volumes
        are not computed again. Accepted and locked masks stay.

        Parameters
        ----------
        objects, direction
            See :meth:`plan`.

        Yields
        ------
        SeriesProgress
            After each plane was stored.

        Raises
        ------
        UserError
            If an object has no prompt, or nothing has changed since the last run.
        StackReadError
            If a plane cannot be read; planes that are complete stay.
        """
        prompts = self._prompts(objects)
        token = self._token(prompts.objects)
        with self.sessions.history.join(token):
            for object_id in prompts.objects:
                self.sessions.objects.add(object_id)
                for session in prompts.volumes.values():
                    for frame in session.trimmed(object_id):
                        session.preview(object_id, frame)
        plan = self.plan(prompts.objects, direction)
        if not plan.steps:
            raise UserError("All masks are up to date. Correct a plane first.")
        self._run.reset()
        run = SeriesRun(self._parts(), prompts, NullJournal(), direction, plan)
        return self._propagate(run, token)

    def _propagate(self, run: SeriesRun, token: EditToken) -> Iterator[SeriesProgress]:
        history, plan, complete = self.sessions.history, run.plan, 0
        origins = {(o, s.time): self._origin(s, o) for s in plan.steps for o in s.objects}
        self._stopped = (token, -1)
        with self._run.running(self.n_planes(plan)), history.keep_open(token):
            frames = run.run(self._run.cancelled)
            try:
                while (progress := self._next(frames, token)) is not None:
                    self._note(plan.steps[complete : progress.steps], origins)
                    complete = max(complete, progress.steps)
                    self._run.advance(progress.done, progress.total)
                    yield progress
                if not self._run.cancelled():
                    self._note(plan.steps[complete:], origins)
            finally:
                self._stopped = (token, len(history))

    def refine_track(self, objects: Iterable[int]) -> Iterator[Refined]:
        """Refine the masks of some objects in all volumes, as one step of the history.

        Each mask is refined by itself, see :meth:`SegmentationSession.refine_track`. What is up
        to date stays so.
        """
        ids, volumes, history = tuple(objects), self.volumes().values(), self.sessions.history
        token = history.action("Refine masks")
        self._run.reset()
        total = sum(len(session.scores.rows(o)) for session in volumes for o in ids)
        with self._run.running(total), history.keep_open(token):
            done = 0
            for session in volumes:
                masks = session.refine_track(ids)
                while (refined := self._next(masks, token)) is not None:
                    done += 1
                    self._run.advance(done)
                    yield refined
                    if self._run.cancelled():
                        return

    def _next(self, steps: Iterator[_Step], token: EditToken) -> _Step | None:
        with self.sessions.history.join(token):
            return next(steps, None)

    def _token(self, objects: Sequence[int]) -> EditToken:
        """Return the action of a run: that of a stopped run, if nothing was done since."""
        one = len(objects) == 1
        title = f"Propagate object {objects[0]}" if one else f"Propagate {len(objects)} objects"
        history = self.sessions.history
        if self._stopped is not None and self._run.status.cancelled:
            token, n_steps = self._stopped
            if (token.title, token.title, n_steps) == (title, history.undo_title, len(history)):
                return token
        return history.action(title)

    def _prompts(self, objects: Iterable[int] | None) -> SessionPrompts:
        ids = self.prompted() if objects is None else tuple(sorted(set(objects)))
        if not ids:
            raise UserError("No object has a prompt. Give at least one.")
        return SessionPrompts(self.volumes(), ids)

    def _parts(self) -> SeriesParts:
        group = self.sessions
        inputs = (group.stack, group.predictor, group.intensity, group.settings)
        return SeriesParts(
            *inputs, group.masks, MemoryMaskStore(), group.labels, writer=SessionWriter(group)
        )

    @property
    def _stack(self) -> Stack:
        return self.sessions.stack

    def _is_current(self, step: VolumeStep, object_id: int) -> bool:
        computed = self._computed.get((object_id, step.time))
        return (
            computed is not None
            and computed.origin == self._origin(step, object_id)
            and computed.planes <= self._settled(step, object_id)
        )

    def _origin(self, step: VolumeStep, object_id: int) -> str:
        """Return a text that changes with what a volume of an object is computed from."""
        group, start = self.sessions, step.starts[object_id]
        prompts = group[volume_position(start)].starts(object_id)
        given = {frame: digest for frame, digest in prompts.items() if digest}
        inputs = (group.predictor.info.identity, group.intensity, group.settings)
        return f"{start} {given} {' '.join(map(str, inputs))}"

    def _settled(self, step: VolumeStep, object_id: int) -> frozenset[int]:
        session = self.sessions[volume_position(step.time)]
        frames = {row.frame for row in session.scores.rows(object_id)}
        return frozenset(frames.union(session.absent(object_id)))

    def _note(self, steps: Iterable[VolumeStep], origins: dict[tuple[int, int], str]) -> None:
        """Remember that the volumes of some steps are up to date."""
        for step in steps:
            for object_id in step.objects:
                key = object_id, step.time
                self._computed[key] = _Computed(origins[key], self._settled(step, object_id))
