"""Put the parts of a session together: eyes, rules, previews, sweeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_sam2.beginning import Beginning
from napari_sam2.feature_cache import FeatureCache
from napari_sam2.look import Looker
from napari_sam2.outlines import Outlines
from napari_sam2.pieces import Pieces
from napari_sam2.plan import Sweep
from napari_sam2.prefetch import PlaneReader, Prefetcher
from napari_sam2.preview import Previewer
from napari_sam2.questions import Question, Questions
from napari_sam2.session_settings import SessionSettings
from napari_sam2.sweep import Sweeper
from napari_sam2.view_plan import ViewRules
from napari_sam2.views import ViewMode

if TYPE_CHECKING:
    from napari_sam2.intensity import Intensity
    from napari_sam2.predictor_protocol import Predictor
    from napari_sam2.stack import Stack

READ_AHEAD = 32
"""Windows that are read ahead."""


@dataclass
class Workshop:
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
    question: Callable[[int, int], Question]
    reader: PlaneReader
    cache: FeatureCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = FeatureCache(self.settings.cache_bytes)

    def show(self, intensity: Intensity) -> None:
        """Change what the model sees; features made before are forgotten."""
        self.intensity = intensity
        self.cache.clear()

    @property
    def rules(self) -> ViewRules:
        """Where the model's windows may lie on this stack."""
        info, stack = self.predictor.info, self.stack
        size, stride = info.image_size, info.token_stride
        settings = self.settings
        return ViewRules(
            stack.shape, stack.levels, size, stride, settings.view, settings.view_sizes
        )

    @property
    def looker(self) -> Looker:
        """The model's eyes on this stack."""
        settings = self.settings
        # The full view is the reference's way, to the bit.
        full = settings.view.mode is ViewMode.FULL
        pieces = Pieces(0.0 if full else settings.least_piece)
        outlines = Outlines(0.0 if full else settings.smoothing)
        return Looker(self.reader, self.intensity, self.predictor, self.cache, pieces, outlines)

    def ahead(self) -> Prefetcher:
        """Return what reads the windows of the next frame while the model works on this one."""
        return Prefetcher(self.reader, max_planes=READ_AHEAD)

    def previewer(self) -> Previewer:
        """Return what answers prompts on single frames."""
        return Previewer(self.looker, self.rules, self.question)

    def sweeper(self, ahead: Prefetcher, questions: Questions, sweep: Sweep) -> Sweeper:
        """Return what carries the tracks of one sweep, reading through ``ahead``."""
        looker, rules = replace(self.looker, stack=ahead), self.rules
        size = self.settings.group_size
        beginning = Beginning(looker, rules, questions, size)
        rule = self.settings.stop_rule_along(self.stack.along)
        return Sweeper(sweep, looker, rules, beginning, size, rule, ahead.want)
