"""Plot of one measurement of some objects over time or depth."""

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sam2._qt.timeline.painter import TimelineColors

_LEFT, _BOTTOM, _TOP, _RIGHT = 52, 18, 6, 8
"""Widths of the margins, in pixels."""


@dataclass(frozen=True)
class PlotCurve:
    """The values of one object.

    Parameters
    ----------
    label : int
        The object.
    color : tuple of int
        Red, green and blue, in 0..255.
    points : tuple of (int, float)
        Positions and values, by position; between positions that are no neighbors is a gap.
    """

    label: int
    color: tuple[int, int, int]
    points: tuple[tuple[int, float], ...]


class MeasurementPlot(QWidget):
    """Draws curves with the extremes of both axes.

    Parameters
    ----------
    parent : QWidget or None
        Owner.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sam2_measurement_plot")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Plot of measurements")
        self.curves: tuple[PlotCurve, ...] = ()
        self._axis = ""

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that fits a dock."""
        return QSize(300, 110)

    def show_curves(self, curves: tuple[PlotCurve, ...], axis: str) -> None:
        """Show other curves over positions on an axis, e.g. ``"frame"``."""
        self.curves, self._axis = tuple(curve for curve in curves if curve.points), axis
        objects = ", ".join(str(curve.label) for curve in self.curves)
        self.setAccessibleDescription(f"Objects {objects}" if objects else "No values")
        self.setToolTip(f"Objects {objects}" if objects else "")
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Draw the curves."""
        painter, colors = QPainter(self), TimelineColors.of(self.palette())
        area = QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)
        painter.fillRect(area, colors.mixed(0.06))
        painter.setPen(colors.text)
        if not self.curves:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "No values to plot.")
            painter.end()
            return
        positions = [position for curve in self.curves for position, _ in curve.points]
        values = [value for curve in self.curves for _, value in curve.points]
        ends = (min(positions), max(positions)), (min(values), max(values))
        self._draw_axes(painter, area, *ends)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for curve in self.curves:
            self._draw_curve(painter, area, curve, *ends)
        painter.end()

    def _draw_axes(
        self, painter: QPainter, area: QRectF, x: tuple[int, int], y: tuple[float, float]
    ) -> None:
        flags = Qt.AlignmentFlag
        left = QRectF(0, area.top(), _LEFT - 4, area.height())
        painter.drawText(left, flags.AlignRight | flags.AlignTop, f"{y[1]:.4g}")
        if y[0] < y[1]:
            painter.drawText(left, flags.AlignRight | flags.AlignBottom, f"{y[0]:.4g}")
        below = QRectF(area.left(), area.bottom(), area.width(), _BOTTOM)
        painter.drawText(below, flags.AlignLeft | flags.AlignVCenter, str(x[0]))
        painter.drawText(below, flags.AlignCenter, self._axis)
        if x[0] < x[1]:
            painter.drawText(below, flags.AlignRight | flags.AlignVCenter, str(x[1]))

    def _draw_curve(
        self,
        painter: QPainter,
        area: QRectF,
        curve: PlotCurve,
        x: tuple[int, int],
        y: tuple[float, float],
    ) -> None:
        color = QColor(*curve.color)
        painter.setPen(QPen(color, 1.5))
        painter.setBrush(color)
        before: tuple[int, QPointF] | None = None
        for position, value in curve.points:
            point = QPointF(
                area.left() + area.width() * _share(position, *x),
                area.bottom() - area.height() * _share(value, *y),
            )
            if before is not None and position == before[0] + 1:
                painter.drawLine(before[1], point)
            else:
                painter.drawEllipse(point, 1.5, 1.5)
            before = position, point


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
