"""The parts of a session that run the model, assembled for one stack."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam2.images.plane_readers import PlaneReader, Prefetcher
from napari_sam2.images.view import ViewMode
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.features.folder import FeatureFolder, default_folder
from napari_sam2.inference.preview import ClickPredictor
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.prompts.plane_prompts import PlanePrompts, RunPrompts
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.exclusion import Exclusion, share_pixels
from napari_sam2.tracking.plan import Plan, Sweep
from napari_sam2.tracking.sweep import SweepRunner
from napari_sam2.tracking.track_start import TrackInitializer

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.masks.segmentation_store import SegmentationStore

MAX_PREFETCHED = 32
"""Largest number of views that are read in advance."""


class InferencePipeline:
    """Encoder, view placement and click predictor of a session; makes the runners of sweeps.

    Parameters
    ----------
    stack : Stack
        The stack.
    predictor : Predictor
        The model.
    intensity : Intensity
        Converts raw values to the image that the model is shown.
    settings : SessionSettings
        Settings of the session.
    resolve : Callable
        Returns the prompts of (object id, frame).
    reader : PlaneReader
        Reads planes of the stack.
    cache : FeatureCache or None
        Keeps image features by the full index of the plane; None makes one.
    """

    def __init__(
        self,
        stack: Stack,
        predictor: Predictor,
        intensity: Intensity,
        settings: SessionSettings,
        resolve: Callable[[int, int], PlanePrompts],
        reader: PlaneReader,
        cache: FeatureCache | None = None,
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._along = stack.along
        info = predictor.info
        self.placement = ViewPlacement(
            stack.shape, stack.levels, info.image_size, info.token_stride, settings.view
        )
        # The full view with plain memory gives the masks of the reference, bit for bit.
        full = settings.view.mode is ViewMode.FULL
        self.encoder = ViewEncoder(
            reader,
            intensity,
            predictor.with_memory(settings.memory),
            cache or make_feature_cache(settings),
            settings.smoothing and not full,
        )
        self.click_predictor = ClickPredictor(self.encoder, self.placement, resolve)

    @property
    def intensity(self) -> Intensity:
        """Converts raw values to the image that the model is shown."""
        return self.encoder.intensity

    @intensity.setter
    def intensity(self, intensity: Intensity) -> None:
        self.encoder.cache.clear()
        self.encoder = replace(self.encoder, intensity=intensity)
        self.click_predictor = replace(self.click_predictor, encoder=self.encoder)

    def prefetcher(self) -> Prefetcher:
        """Return a reader that reads the next frame's views while the model runs."""
        return Prefetcher(self._reader, max_planes=MAX_PREFETCHED)

    def exclusion(self, plan: Plan, masks: SegmentationStore) -> Exclusion | None:
        """Return what decides which object has each pixel in a run; None without exclusion."""
        ends = self._settings.detects_end_along(self._along)
        return Exclusion(plan, masks, ends) if self._settings.exclusion else None

    def share_pixels(
        self, masks: SegmentationStore, result: FrameResult, rivals: Collection[int] = ()
    ) -> list[FrameResult]:
        """Return a refined mask, and those of rivals that it changes; without exclusion none."""
        return share_pixels(masks, result, rivals) if self._settings.exclusion else [result]

    def sweep_runner(
        self, prefetcher: Prefetcher, prompts: RunPrompts, sweep: Sweep
    ) -> SweepRunner:
        """Return the runner of one sweep, which reads through ``prefetcher``."""
        encoder = replace(self.encoder, reader=prefetcher)
        size = self._settings.group_size
        end_detection = sweep.ends or self._settings.detects_end_along(self._along)
        initializer = TrackInitializer(encoder, self.placement, prompts.get, size)
        return SweepRunner(
            sweep, encoder, self.placement, initializer, size, end_detection, prefetcher.prefetch
        )


def make_feature_cache(settings: SessionSettings) -> FeatureCache:
    """Return an empty cache of image features, of the size in the settings."""
    return FeatureCache(settings.cache_bytes, _folder(settings))


def _folder(settings: SessionSettings) -> FeatureFolder | None:
    size = settings.disk_cache_bytes
    return FeatureFolder(default_folder(), size) if size else None
