"""Runs along one axis of a series of volumes, at a fixed position on the other one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.masks.store import MaskRecord
from napari_sam2.prompts.plane_prompts import PlanePrompts, RunPrompts
from napari_sam2.prompts.resolver import PromptResolver
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.pipeline import InferencePipeline
from napari_sam2.session.volume_series.plane_masks import PlaneMasks
from napari_sam2.tracking.propagation import Propagation
from napari_sam2.tracking.resume_state import Journal, NullJournal

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.plane_readers import PlaneReader
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.features.feature_cache import FeatureCache
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.session.settings import SessionSettings
    from napari_sam2.tracking.plan import Plan


class VolumeWriter(Protocol):
    """Stores the masks of a run through a series of volumes in place of the run itself."""

    def put(self, results: Sequence[FrameResult]) -> None:
        """Store masks that no mask of a higher status blocks."""

    def clear(self, time: int, objects: Sequence[int]) -> None:
        """Delete what earlier runs have computed of some objects at a time point."""


@dataclass(frozen=True)
class SeriesParts:
    """What all runs through a series of volumes share.

    Parameters
    ----------
    stack : Stack
        The images, with axes t and z; its frames and its position do not matter.
    predictor : Predictor
        The model.
    intensity : Intensity
        Converts raw values to the image that the model is shown.
    settings : SessionSettings
        Settings that change results or resources.
    masks, drafts : MaskStore
        The masks, and drafts of forward sweeps; on disk if the run is to be resumable.
    labels : LabelArray or None
        The label image, updated with the masks.
    reader : Callable
        Returns what reads the planes of a stack; None reads from the stack itself.
    cache : FeatureCache or None
        Image features that runs along t and z share; None keeps those of each run apart.
    writer : VolumeWriter or None
        Stores the masks in ``masks`` and draws the labels; None does so without a history.
    """

    stack: Stack
    predictor: Predictor
    intensity: Intensity
    settings: SessionSettings
    masks: MaskStore
    drafts: MaskStore
    labels: LabelArray | None = None
    reader: Callable[[Stack], PlaneReader] | None = None
    cache: FeatureCache | None = None
    writer: VolumeWriter | None = None


class AxisRun:
    """A run along t at one depth, or along z at one time point.

    Parameters
    ----------
    parts : SeriesParts
        Images, model and masks.
    along : str
        The axis, lower case.
    position : Mapping[str, int]
        Position on the other axis.
    frames : range or None
        The frames whose masks are needed; None for all.
    """

    def __init__(
        self,
        parts: SeriesParts,
        along: str,
        position: Mapping[str, int],
        frames: range | None = None,
    ) -> None:
        self.stack = parts.stack.with_along(along, position)
        needed = range(self.stack.n_frames) if frames is None else frames
        masks = PlaneMasks(parts.masks, [self.stack.index(frame) for frame in needed])
        # The history keeps no step; it draws labels once per frame.
        edits = EditHistory(limit=0)
        self.store = SegmentationStore(self.stack, masks, parts.labels, parts.drafts, edits)
        self._parts = parts

    def conditioning(self, prompts: PromptStore) -> dict[int, tuple[int, ...]]:
        """Return the prompted frames of each object."""
        return self._resolver(prompts).conditioning_frames()

    def user_prompts(
        self, prompts: PromptStore, conditioning: Mapping[int, Sequence[int]]
    ) -> RunPrompts:
        """Return the user's prompts for a run."""
        resolved = self._resolver(prompts).resolve_run(conditioning)
        resolved.check()
        return resolved

    def stored_masks(self, conditioning: Mapping[int, Sequence[int]]) -> RunPrompts:
        """Return stored masks as prompts for a run."""
        found = {
            (object_id, frame): self.store.result(object_id, frame)
            for object_id, frames in conditioning.items()
            for frame in frames
        }
        return RunPrompts(
            {key: PlanePrompts(mask=r.own_crop) for key, r in found.items() if r is not None}
        )

    def area(self, object_id: int, frame: int) -> int:
        """Return the number of pixels of an object on a frame; 0 without a mask."""
        info = self.store.info(object_id, frame)
        return 0 if info is None else info.area

    def run(
        self,
        plan: Plan,
        prompts: RunPrompts,
        cancelled: Callable[[], bool],
        journal: Journal | None = None,
        run_id: str = "",
        *,
        resume: bool = False,
    ) -> Iterator[int]:
        """Run a plan, and yield the number of frames done after each was stored.

        Parameters
        ----------
        plan : Plan
            The sweeps.
        prompts : RunPrompts
            Prompts of all conditioning frames.
        cancelled : Callable
            Called before each frame; the run ends when it returns True.
        journal : Journal or None
            Stores checkpoints.
        run_id : str
            Identifies the run; a checkpoint of another one is not used.
        resume : bool
            Whether to continue from the last checkpoint of the same run.
        """
        parts = self._parts
        reader = self.stack if parts.reader is None else parts.reader(self.stack)
        shared = (self.stack, parts.predictor, parts.intensity, parts.settings)
        pipeline = InferencePipeline(*shared, prompts.get, reader, parts.cache)
        journal = journal or NullJournal()
        exclusion = pipeline.exclusion(plan, self.store)
        every = parts.settings.checkpoint_every
        with pipeline.prefetcher() as prefetcher:
            runner = partial(pipeline.sweep_runner, prefetcher, prompts)
            propagation = Propagation(runner, self.store, journal, every, run_id, exclusion)
            for frame in propagation.run(plan, cancelled, resume=resume):
                swept = frame.exclude()
                self._put([*swept.results, *swept.revised])
                yield frame.done

    def _put(self, results: Sequence[FrameResult]) -> None:
        writer = self._parts.writer
        if writer is None:
            self.store.put(results)
            return
        # Both directions are blended from the drafts of this run.
        self._parts.drafts.put(MaskRecord.from_result(r) for r in results if not r.final)
        writer.put(results)

    def _resolver(self, prompts: PromptStore) -> PromptResolver:
        return PromptResolver(prompts, self.store, self.stack.shape)
