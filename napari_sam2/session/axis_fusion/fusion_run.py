"""A run along several axes of a volume, whose masks are fused at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from napari_sam2.images.interpolation import interpolated_stack
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.volume_series.axis_run import AxisRun, SeriesParts
from napari_sam2.session.volume_series.series_run import SeriesProgress
from napari_sam2.tracking.axis_fusion.axis_masks import AxisMasks
from napari_sam2.tracking.axis_fusion.cross_sections import cross_sections
from napari_sam2.tracking.axis_fusion.fusion import AxisFusion
from napari_sam2.tracking.plan import Plan, PropagationDirection, PropagationRequest, make_plan
from napari_sam2.tracking.volume_series.state import SeriesState, StepJournal

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.prompts.plane_prompts import RunPrompts
    from napari_sam2.tracking.axis_fusion.plan import FusionPlan
    from napari_sam2.tracking.resume_state import Journal


class AxisStores(NamedTuple):
    """Where the masks of a run along one axis are kept.

    Parameters
    ----------
    masks, drafts : MaskStore
        The masks, and drafts of forward sweeps; on disk if the run is to be resumable.
    """

    masks: MaskStore
    drafts: MaskStore


class FusionRun:
    """Follows objects along each axis of a plan, and stores the mean of their masks.

    Parameters
    ----------
    parts : SeriesParts
        Images with frames along z, model, and the fused masks.
    plan : FusionPlan
        The axes, and how planes are interpolated.
    prompts : PromptStore
        The prompts, with frames along z.
    stores : Mapping[str, AxisStores]
        The stores of each axis of the plan.
    journal : Journal
        Stores the state that an interrupted run resumes from.
    direction : PropagationDirection
        Directions along z, from the prompts.
    """

    def __init__(
        self,
        parts: SeriesParts,
        plan: FusionPlan,
        prompts: PromptStore,
        stores: Mapping[str, AxisStores],
        journal: Journal,
        direction: PropagationDirection = PropagationDirection.BOTH,
    ) -> None:
        self.plan = plan
        self._parts, self._prompts, self._journal = parts, prompts, journal
        self._stores, self._direction = stores, direction

    def run(
        self, cancelled: Callable[[], bool], *, resume: bool = False
    ) -> Iterator[SeriesProgress]:
        """Compute all masks, and yield the progress after each plane.

        Parameters
        ----------
        cancelled : Callable
            Called before each plane; the run ends when it returns True.
        resume : bool
            Continue from the last checkpoint of the journal; the masks are those of a run without
            interruption.

        Raises
        ------
        UserError
            If an object has only clicks outside on a plane.
        StackReadError
            If a plane cannot be read; what is complete stays.
        """
        data = self._journal.last_checkpoint() if resume else None
        state = SeriesState(0) if data is None else SeriesState.from_bytes(data)
        before = 0
        for number, axis in enumerate(self.plan.axes):
            n_planes = self._n_planes(axis)
            if number >= state.step:
                known = state if number == state.step else SeriesState(number)
                for done in self._follow(axis, known, cancelled, resume=resume):
                    yield SeriesProgress(before + done, self._total)
                if cancelled():
                    return
            before += n_planes
        if state.step <= len(self.plan.axes):
            yield from self._fuse(cancelled, before)

    @cached_property
    def _total(self) -> int:
        return sum(map(self._n_planes, self.plan.axes)) + self._parts.stack.n_frames

    def _n_planes(self, axis: str) -> int:
        """Return the number of planes of both sweeps along an axis."""
        return 2 * self._stack(axis).n_frames

    def _stack(self, axis: str) -> Stack:
        stack = interpolated_stack(self._parts.stack, self.plan.factor(axis))
        return stack.with_along(axis, self._position)

    def _run_along(self, axis: str) -> AxisRun:
        masks, drafts = self._stores[axis]
        stack = self._stack(axis)
        parts = replace(self._parts, stack=stack, masks=masks, drafts=drafts, labels=None)
        return AxisRun(parts, axis, self._position)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {axis.lower(): place for axis, place in self._parts.stack.layout.fixed}

    def _follow(
        self, axis: str, state: SeriesState, cancelled: Callable[[], bool], *, resume: bool
    ) -> Iterator[int]:
        """Compute the masks along one axis, and yield the number of planes that are done."""
        run = self._run_along(axis)
        plan, given = self._along_z(run) if axis == "z" else self._across(run, axis)
        journal = StepJournal(self._journal, state)
        self._journal.checkpoint(state.to_bytes())
        if plan is not None:
            yield from run.run(plan, given, cancelled, journal, axis, resume=resume)

    def _along_z(self, run: AxisRun) -> tuple[Plan, RunPrompts]:
        factor = self.plan.z_factor
        moved = [replace(prompt, frame=prompt.frame * factor) for prompt in self._prompts]
        prompts = PromptStore(moved, "z", self._prompts.position)
        request = PropagationRequest(direction=self._direction)
        plan = make_plan(request, run.conditioning(prompts), run.stack.n_frames)
        return plan, run.user_prompts(prompts, plan.conditioning)

    def _across(self, run: AxisRun, axis: str) -> tuple[Plan | None, RunPrompts]:
        """Return the plan and prompts along y or x; no plan if no object was found along z."""
        ids, factor = self._prompts.objects(), self.plan.row_factor
        prompts = cross_sections(self._masks("z"), ids, axis, factor)
        conditioning: dict[int, list[int]] = {}
        for object_id, frame in sorted(prompts.prompts):
            conditioning.setdefault(object_id, []).append(frame)
        if not conditioning:
            return None, prompts
        return make_plan(PropagationRequest(), conditioning, run.stack.n_frames), prompts

    def _masks(self, axis: str) -> AxisMasks:
        stack = self._stack(axis)
        planes = [stack.index(frame) for frame in range(stack.n_frames)]
        return AxisMasks(axis, self._stores[axis].masks, planes, self.plan.factor(axis))

    def _fuse(self, cancelled: Callable[[], bool], before: int) -> Iterator[SeriesProgress]:
        """Store the mean of all masks, slice by slice."""
        n_axes = len(self.plan.axes)
        self._journal.checkpoint(SeriesState(n_axes).to_bytes())
        stack, parts = self._parts.stack, self._parts
        edits = EditHistory(limit=0)
        store = SegmentationStore(stack, parts.masks, parts.labels, edits=edits)
        planes = [stack.index(frame) for frame in range(stack.n_frames)]
        runs = [self._masks(axis) for axis in self.plan.axes]
        fusion = AxisFusion(runs, planes, parts.settings.exclusion)
        for done, results in enumerate(fusion.slices(self._prompts.objects()), 1):
            store.put(results)
            yield SeriesProgress(before + done, self._total)
            if cancelled():
                return
        self._journal.checkpoint(SeriesState(n_axes + 1).to_bytes())
