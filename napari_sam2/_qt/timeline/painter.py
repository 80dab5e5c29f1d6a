"""Draws the timeline, without the cursor."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QImage, QPainter, QPalette, QPen, QPolygonF

from napari_sam2._qt.timeline.model import ColumnScale, Confidence, TimelineModel
from napari_sam2.analysis.review import TrackReview

MARGIN = 4
"""Pixels on each side, for marks at the first and the last frame."""
_PROMPTS, _STRIP, _GAP, _HEAT = 7, 3, 2, 12
_LOST, _LOW, _HIGH = QColor(226, 60, 60), QColor(240, 160, 30), QColor(70, 150, 210)


@dataclass(frozen=True)
class TimelineColors:
    """Colors that fit the theme.

    Parameters
    ----------
    text, background : QColor
        Of the widget.
    """

    text: QColor
    background: QColor

    @classmethod
    def of(cls, palette: QPalette) -> "TimelineColors":
        """Return the colors of a palette."""
        roles = QPalette.ColorRole
        return cls(palette.color(roles.WindowText), palette.color(roles.Window))

    def mixed(self, share: float) -> QColor:
        """Return the background with a share of the text color, in 0..1."""
        return _blend(self.background, self.text, share)

    def confidence(self, value: float) -> QColor:
        """Return the color of a confidence in 0..1: the lower, the more it stands out."""
        if value < 0.5:
            return _blend(_LOST, _LOW, 2 * value)
        faint = _blend(self.background, _HIGH, 0.35)
        return _blend(_LOW, faint, 2 * value - 1)


def _blend(first: QColor, second: QColor, share: float) -> QColor:
    def mixed(one: int, other: int) -> int:
        return round(one + (other - one) * share)

    return QColor(
        mixed(first.red(), second.red()),
        mixed(first.green(), second.green()),
        mixed(first.blue(), second.blue()),
    )


def _with_alpha(color: QColor, alpha: int) -> QColor:
    return QColor(color.red(), color.green(), color.blue(), alpha)


@dataclass(frozen=True)
class TimelinePainter:
    """Draws a model; one column is one pixel of the device.

    Parameters
    ----------
    painter : QPainter
        Paints in pixels that do not depend on the device.
    scale : ColumnScale
        The columns.
    ratio : float
        Columns per such pixel.
    height : int
        Height of the widget.
    colors : TimelineColors
        The theme.
    """

    painter: QPainter
    scale: ColumnScale
    ratio: float
    height: int
    colors: TimelineColors

    def draw(self, model: TimelineModel) -> None:
        """Draw everything but the cursor."""
        bottom = self.height - MARGIN
        if model.others:
            bottom -= _HEAT + _GAP
            self._draw_others(model, bottom + _GAP)
        top = MARGIN + _PROMPTS + _STRIP + _GAP
        plot = self._rect(0, self.scale.width, top, bottom - _STRIP - _GAP)
        self.painter.fillRect(plot, self.colors.mixed(0.06))
        track, scale = model.track, self.scale
        if track is None:
            self._draw_unvisited(plot, np.ones(scale.width, bool))
            return
        self._draw_unvisited(plot, scale.any(~track.visited))
        self._draw_confidence(plot, track, QColor(*model.color))
        self._draw_lost(plot, track)
        self._draw_prompts(track)
        self._draw_strip(scale.any(track.locked), MARGIN + _PROMPTS, self.colors.text)
        self._draw_strip(scale.all(track.reviewed), bottom - _STRIP, _HIGH)

    def _rect(self, start: int, stop: int, top: float, bottom: float) -> QRectF:
        x = MARGIN + start / self.ratio
        return QRectF(x, top, (stop - start) / self.ratio, bottom - top)

    def _draw_strip(self, flags: NDArray[np.bool_], top: float, color: QColor) -> None:
        for start, stop in _runs(flags):
            self.painter.fillRect(self._rect(start, stop, top, top + _STRIP), color)

    def _draw_unvisited(self, plot: QRectF, flags: NDArray[np.bool_]) -> None:
        hatch = QBrush(self.colors.mixed(0.35), Qt.BrushStyle.BDiagPattern)
        for start, stop in _runs(flags):
            self.painter.fillRect(self._rect(start, stop, plot.top(), plot.bottom()), hatch)

    def _draw_confidence(self, plot: QRectF, track: TrackReview, color: QColor) -> None:
        painter, values = self.painter, self.scale.lowest(track.mask_confidence)
        middle = plot.center().y()
        painter.setPen(QPen(self.colors.mixed(0.25), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(plot.left(), middle), QPointF(plot.right(), middle))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for start, stop in _runs(~np.isnan(values)):
            line = self._steps(plot, start, values[start:stop])
            area = [QPointF(line[0].x(), plot.bottom()), *line]
            area.append(QPointF(line[-1].x(), plot.bottom()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_with_alpha(color, 110))
            painter.drawPolygon(QPolygonF(area))
            painter.setPen(QPen(self.colors.mixed(0.85), 1.25))
            painter.drawPolyline(QPolygonF(line))

    def _steps(self, plot: QRectF, start: int, values: Confidence) -> list[QPointF]:
        """Return a line with a step at each change; its points lie at the edges of columns."""
        changes = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
        points = []
        for first, stop in pairwise(changes):
            rect = self._rect(start + first, start + stop, plot.top(), plot.bottom())
            y = plot.bottom() - float(values[first]) * plot.height()
            points += [QPointF(rect.left(), y), QPointF(rect.right(), y)]
        return points

    def _draw_lost(self, plot: QRectF, track: TrackReview) -> None:
        for start, stop in _runs(self.scale.any(track.lost)):
            rect = self._rect(start, stop, plot.top(), plot.bottom())
            self.painter.fillRect(rect.adjusted(0, 0, 1, 0), _with_alpha(_LOST, 120))

    def _draw_prompts(self, track: TrackReview) -> None:
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(self.colors.text)
        last = -10.0
        for frame in np.flatnonzero(track.prompted):
            columns = self.scale.columns(int(frame))
            x = MARGIN + (columns.start + columns.stop) / 2 / self.ratio
            if x - last >= 1:
                corners = [QPointF(x - 4, MARGIN), QPointF(x + 4, MARGIN)]
                corners.append(QPointF(x, MARGIN + _PROMPTS - 1))
                self.painter.drawPolygon(QPolygonF(corners))
                last = x

    def _draw_others(self, model: TimelineModel, top: int) -> None:
        heat = self.scale.heat_map(model.others, round(_HEAT * self.ratio))
        table = np.array([self.colors.confidence(v / 100).getRgb() for v in range(101)], np.uint8)
        known = ~np.isnan(heat)
        pixels = np.zeros((*heat.shape, 4), np.uint8)
        pixels[known] = table[np.round(heat[known] * 100).astype(int)]
        rows, width = heat.shape
        image = QImage(pixels.tobytes(), width, rows, 4 * width, QImage.Format.Format_RGBA8888)
        self.painter.fillRect(self._rect(0, width, top, top + _HEAT), self.colors.mixed(0.06))
        self.painter.drawImage(self._rect(0, width, top, top + _HEAT), image)


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    for start, stop in edges.reshape(-1, 2):
        yield int(start), int(stop)
