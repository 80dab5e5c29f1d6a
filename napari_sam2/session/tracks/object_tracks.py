"""What was tracked of the objects of one session, and on which frames they are absent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.tracks.track_record import TrackRecord
from napari_sam2.tracking.correction import Correction, TrackStatus, find_correction
from napari_sam2.tracking.plan import PropagationRequest

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.resolver import PromptResolver
    from napari_sam2.prompts.store import PromptStore


class ObjectTracks:
    """Finds the frames that must be propagated again, and keeps the frames without an object.

    Both are stored with the object, see :class:`napari_sam2.session.objects.SegmentedObject`.

    Parameters
    ----------
    stack : Stack
        The stack of the session.
    objects : ObjectList
        The objects.
    prompts : PromptStore
        The user's prompts.
    store : SegmentationStore
        The masks.
    resolver : PromptResolver
        Gives conditioning frames and the digests of prompts.
    """

    def __init__(
        self,
        stack: Stack,
        objects: ObjectList,
        prompts: PromptStore,
        store: SegmentationStore,
        resolver: PromptResolver,
    ) -> None:
        self._n_frames = stack.n_frames
        self._position = tuple((axis.lower(), at) for axis, at in stack.layout.fixed)
        self._objects = objects
        self._prompts = prompts
        self._store = store
        self._resolver = resolver

    def absent(self, object_id: int) -> FrameRanges:
        """Return the frames without an object by the user's decision.

        A prompt that is added on such a frame later makes the object present there.
        """
        return self._record(object_id).absent - FrameRanges.of(self._prompts.frames(object_id))

    def is_absent(self, object_id: int, frame: int) -> bool:
        """Return whether an object gets no mask on a frame by the user's decision."""
        absent = frame in self._record(object_id).absent
        return absent and not self._prompts.get(object_id, frame)

    def starts(self, object_id: int) -> dict[int, str]:
        """Return the frames from which runs track an object, each with a digest of its prompts.

        The digest of a locked mask without prompts is empty.
        """
        digests = self._resolver.digests(object_id)
        return {f: digests.get(f, "") for f in self._resolver.conditioning_frames_of(object_id)}

    def trimmed(self, object_id: int) -> tuple[int, ...]:
        """Return the frames whose prompts are points outside that correct a mask, increasing."""
        return tuple(self._resolver.trims(object_id))

    def kept(self, object_id: int) -> FrameRanges:
        """Return the frames on which runs change nothing: absent, emptied and locked ones."""
        emptied = FrameRanges.of(self._resolver.emptied(object_id))
        return self.absent(object_id) | emptied | self._locked(object_id)

    def without_mask(self, object_id: int) -> FrameRanges:
        """Return the frames that runs skip: absent and emptied ones."""
        return self.absent(object_id) | FrameRanges.of(self._resolver.emptied(object_id))

    def set_absent(self, object_id: int, frames: FrameRanges) -> None:
        """Replace the frames without an object; masks are not changed."""
        record = self._record(object_id)
        reopened = record.absent - frames
        changed = replace(record, absent=frames, computed=record.computed - reopened)
        self._objects.set_track(object_id, self._position, changed)

    def forget(self, object_id: int) -> None:
        """Forget what was tracked of an object, and where it is absent."""
        self._objects.set_track(object_id, self._position, TrackRecord())

    def split(self, source_id: int, target_id: int, frame: int) -> None:
        """Divide what was tracked of an object: from a frame on, it is of another object.

        Neither gets a mask on the frames of the other one.
        """
        earlier, later = FrameRanges(((0, frame),)), FrameRanges(((frame, self._n_frames),))
        record = self._record(source_id)
        for object_id, own, other in ((source_id, earlier, later), (target_id, later, earlier)):
            part = replace(
                record,
                prompts=tuple((at, digest) for at, digest in record.prompts if at in own),
                computed=record.computed & own,
                absent=(record.absent & own) | other,
            )
            self._objects.set_track(object_id, self._position, part)

    def check_removable(self, object_id: int, frames: FrameRanges) -> None:
        """Raise an error if an object has a locked mask or a prompt on one of some frames.

        Raises
        ------
        UserError
            Names the frames.
        """
        locked = self._locked(object_id) & frames
        if locked:
            raise UserError(f"Object {object_id} is locked on {locked.text}. Unlock first.")
        prompted = FrameRanges.of(self._prompts.frames(object_id)) & frames
        if prompted:
            raise UserError(
                f"Object {object_id} has prompts on {prompted.text}. Remove them first."
            )

    def correction(self, object_id: int, request: PropagationRequest) -> Correction | None:
        """Return the frames that must be propagated again; see :func:`find_correction`."""
        record, locked = self._record(object_id), self._locked(object_id)
        changed = {f for f in record.changed(self._resolver.digests(object_id)) if f not in locked}
        everything = FrameRanges(((0, self._n_frames),))
        status = TrackStatus(
            conditioning=self._resolver.conditioning_frames_of(object_id),
            changed=changed,
            outdated=everything - (record.computed & self._store.frames(object_id)),
            kept=self.kept(object_id),
            n_frames=self._n_frames,
        )
        return find_correction(object_id, status, request)

    def start_run(self, objects: Iterable[int]) -> list[TrackRecorder]:
        """Return a recorder for each object of a run that starts now."""
        return [self._recorder(object_id) for object_id in objects]

    def _recorder(self, object_id: int) -> TrackRecorder:
        before, locked = dict(self._record(object_id).prompts), self._locked(object_id)
        digests = {
            frame: before.get(frame, digest) if frame in locked else digest
            for frame, digest in self._resolver.digests(object_id).items()
        }
        outdated = self.correction(object_id, PropagationRequest())
        frames = FrameRanges() if outdated is None else outdated.frames
        return TrackRecorder(self._objects, self._position, object_id, digests, frames)

    def _record(self, object_id: int) -> TrackRecord:
        return self._objects.track(object_id, self._position)

    def _locked(self, object_id: int) -> FrameRanges:
        return FrameRanges.of(self._store.locked().get(object_id, ()))


class TrackRecorder:
    """Records which frames of one object a run computes.

    Parameters
    ----------
    objects : ObjectList
        Where the record is stored at the end.
    position : FixedPosition
        Position of the session.
    object_id : int
        The label value.
    digests : dict of int to str
        Digest of the prompts on each prompted frame, at the start of the run.
    outdated : FrameRanges
        The frames that were not up to date at the start of the run.
    """

    def __init__(
        self,
        objects: ObjectList,
        position: tuple[tuple[str, int], ...],
        object_id: int,
        digests: dict[int, str],
        outdated: FrameRanges,
    ) -> None:
        self.object_id = object_id
        self._objects = objects
        self._position = position
        self._digests = digests
        self._outdated = outdated
        self._drafts: set[int] = set()
        self._final: set[int] = set()

    def add(self, result: FrameResult) -> None:
        """Record a result of the object."""
        done, other = (self._final, self._drafts) if result.final else (self._drafts, self._final)
        done.add(result.frame)
        other.discard(result.frame)

    def finish(self) -> None:
        """Store what the run has computed; the rest of the frames it had to compute is outdated."""
        record = self._objects.track(self.object_id, self._position)
        lost = self._outdated | FrameRanges.of(self._drafts)
        changed = replace(
            record,
            prompts=tuple(sorted(self._digests.items())),
            computed=(record.computed - lost) | FrameRanges.of(self._final),
        )
        self._objects.set_track(self.object_id, self._position, changed)
