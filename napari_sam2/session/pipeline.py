"""Put the parts of a session together: eyes, rules, previews, sweeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_sam2.images.plane_readers import PlaneReader, Prefetcher
from napari_sam2.images.view import ViewMode
from napari_sam2.inference.feature_cache import FeatureCache
from napari_sam2.inference.postprocess import ComponentFilter, ContourSmoothing
from napari_sam2.inference.preview import ClickPredictor
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.prompts.plane_prompts import PlanePrompts, RunPrompts
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import Sweep
from napari_sam2.tracking.sweep import SweepRunner
from napari_sam2.tracking.track_start import TrackInitializer

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor

READ_AHEAD = 32
"""Windows that are read ahead."""


@dataclass
class InferencePipeline:
    """Makes what a session works with.

    Parameters
    ----------
    stack : Stack
        Tells the form of planes.
    predictor : Predictor
        The model.
    intensity : Intensity
        What the model sees of raw values; change it with :meth:`show`.
    settings : SessionSettings
        Choices that change results or resources.
    question : Callable
        Gives the question of (object id, frame).
    reader : PlaneReader
        Where planes are read from.
    """

    stack: Stack
    predictor: Predictor
    intensity: Intensity
    settings: SessionSettings
    question: Callable[[int, int], PlanePrompts]
    reader: PlaneReader
    cache: FeatureCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = FeatureCache(self.settings.cache_bytes)

    def show(self, intensity: Intensity) -> None:
        """Change what the model sees; features made before are forgotten."""
        self.intensity = intensity
        self.cache.clear()

    @property
    def placement(self) -> ViewPlacement:
        """Where the model's windows may lie on this stack."""
        info, stack = self.predictor.info, self.stack
        size, stride = info.image_size, info.token_stride
        settings = self.settings
        return ViewPlacement(
            stack.shape, stack.levels, size, stride, settings.view, settings.view_sizes
        )

    @property
    def encoder(self) -> ViewEncoder:
        """The model's eyes on this stack."""
        settings = self.settings
        # The full view is the reference's way, to the bit.
        full = settings.view.mode is ViewMode.FULL
        components = ComponentFilter(0.0 if full else settings.least_piece)
        contours = ContourSmoothing(0.0 if full else settings.smoothing)
        return ViewEncoder(
            self.reader, self.intensity, self.predictor, self.cache, components, contours
        )

    def ahead(self) -> Prefetcher:
        """Return what reads the windows of the next frame while the model works on this one."""
        return Prefetcher(self.reader, max_planes=READ_AHEAD)

    def click_predictor(self) -> ClickPredictor:
        """Return what answers prompts on single frames."""
        return ClickPredictor(self.encoder, self.placement, self.question)

    def sweep_runner(self, ahead: Prefetcher, questions: RunPrompts, sweep: Sweep) -> SweepRunner:
        """Return what carries the tracks of one sweep, reading through ``ahead``."""
        encoder, placement = replace(self.encoder, stack=ahead), self.placement
        size = self.settings.group_size
        initializer = TrackInitializer(encoder, placement, questions, size)
        rule = self.settings.stop_rule_along(self.stack.along)
        return SweepRunner(sweep, encoder, placement, initializer, size, rule, ahead.prefetch)
