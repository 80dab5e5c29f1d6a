"""The mean of the masks of runs along several axes, voxel by voxel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.tuning import FUSION_LOGIT
from napari_sam2.masks.mask import MAX_LOGIT, RIM, FrameResult, MaskCrop, MaskOrigin
from napari_sam2.tracking.axis_fusion.axis_masks import AxisMasks, Box
from napari_sam2.tracking.ownership import Contender, Precedence, settle

SLAB_BYTES = 64 * 1024**2
"""Memory for the logits of one object in the slices that are fused at once."""


@dataclass(frozen=True)
class AxisFusion:
    """Fuses the masks of runs along several axes of one volume.

    A voxel belongs to the object if the mean of its logits, each bounded by
    :data:`FUSION_LOGIT`, is positive. Where objects meet, the higher mean decides. The logits of
    fused masks are the means in units of the bound, times ``MAX_LOGIT``. Masks made from prompts
    stay as they are.

    Parameters
    ----------
    runs : sequence of AxisMasks
        The runs; the first one is along z.
    planes : sequence of tuple of int
        Full index of each slice of the volume.
    exclusion : bool
        Whether each voxel belongs to one object.
    """

    runs: Sequence[AxisMasks]
    planes: Sequence[PlaneIndex]
    exclusion: bool

    def slices(self, ids: Iterable[int]) -> Iterator[list[FrameResult]]:
        """Yield the fused masks of each slice, of all objects by id.

        The frames are positions along z. With a single run they are its masks as they are.
        """
        boxes = {object_id: self._box(object_id) for object_id in ids}
        windows = [box.window.shape for box in boxes.values() if box is not None]
        size = max((4 * height * width for height, width in windows), default=1)
        step = max(SLAB_BYTES // size, 1)
        depth = len(self.planes)
        for start in range(0, depth, step):
            slab = range(start, min(start + step, depth))
            fused = {o: self._crops(o, slab, box) for o, box in boxes.items()}
            for number, position in enumerate(slab):
                crops = {o: crops[number] for o, crops in fused.items()}
                yield self._results(position, crops)

    def _box(self, object_id: int) -> Box | None:
        found: Box | None = None
        for run in self.runs:
            box = run.box(object_id)
            if box is not None:
                found = box if found is None else found.union(box)
        return found

    def _crops(self, object_id: int, slab: range, box: Box | None) -> list[MaskCrop]:
        """Return an object's mean mask on each slice of a slab."""
        inside = range(0) if box is None else _common(slab, box.slices)
        crops = [MaskCrop.empty()] * len(slab)
        if box is None or not inside:
            return crops
        total = np.zeros((len(inside), *box.window.shape), np.float32)
        for run in self.runs:
            run.add_to(total, object_id, replace(box, slices=inside), MAX_LOGIT / FUSION_LOGIT)
        total /= len(self.runs)
        for number, position in enumerate(inside):
            crops[position - slab.start] = _trimmed(MaskCrop(box.window, total[number]))
        return crops

    def _results(self, position: int, crops: Mapping[int, MaskCrop]) -> list[FrameResult]:
        """Return the results of a slice, after the objects have competed for its pixels."""
        results = [self._result(position, o, crop) for o, crop in crops.items()]
        if not self.exclusion or len(self.runs) == 1:
            return results
        lost = settle(list(map(_contender, results)), exclude=False).lost
        return [replace(result, lost=lost.get(result.object_id)) for result in results]

    def _result(self, position: int, object_id: int, crop: MaskCrop) -> FrameResult:
        along_z, index = self.runs[0], self.planes[position]
        record = along_z.masks.get(object_id, along_z.planes[position * along_z.factor])
        if record is None:
            return FrameResult(
                object_id, position, index, crop, 0.0, _score(crop), MaskOrigin.BLEND
            )
        result = replace(record.result(position), index=index)
        if len(self.runs) == 1:
            return result
        bare = replace(result, lost=None, excluded=None)
        if result.origin is MaskOrigin.PROMPT:
            return replace(bare, crop=result.own_crop)
        ended, score = result.ended and not crop.area, _score(crop)
        return replace(bare, crop=crop, object_score=score, origin=MaskOrigin.BLEND, ended=ended)


def _contender(result: FrameResult) -> Contender:
    prompted = result.origin is MaskOrigin.PROMPT
    precedence = Precedence.PROMPTED if prompted else Precedence.TRACKED
    return Contender(result.object_id, result.crop, precedence, result.object_score)


def _score(crop: MaskCrop) -> float:
    """Return the highest logit of a mask, as the logit of the object being visible."""
    return float(crop.logits.max()) if crop.area else -MAX_LOGIT


def _common(first: range, second: range) -> range:
    return range(max(first.start, second.start), min(first.stop, second.stop))


def _trimmed(crop: MaskCrop) -> MaskCrop:
    """Return a crop with a rim around its positive pixels; an empty one without any."""
    box = crop.box
    if box is None:
        return MaskCrop.empty()
    window = box.grow(RIM).intersect(crop.window)
    return MaskCrop(window, np.ascontiguousarray(crop.part(window)))
