"""Icons of the tools, drawn in one color so that they fit light and dark themes."""

from enum import Enum

from qtpy.QtCore import QByteArray, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

_SIZE = 48
"""Pixels of a rendered icon, enough for screens of high resolution."""
_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><g fill="none" '
_STYLE = 'stroke="{color}" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">'


class Icon(Enum):
    """An icon; the value is its drawing in SVG, 20 x 20 units."""

    POINT = '<circle cx="10" cy="10" r="3"/><path d="M10 1.5v4M10 14.5v4M1.5 10h4M14.5 10h4"/>'
    BOX = '<rect x="3" y="4.5" width="14" height="11" stroke-dasharray="3 2.4"/>'
    OUTLINE = '<path d="M4 13C1 7 7 2 12 4s6 8 2 11c-3 2-4-2-7 1-1 1-2-1-3-3z"/>'
    PAINT = (
        '<path d="M17 3L9 11"/>'
        '<path d="M8.5 11.5c-3-.5-4 2-3.5 3.5-.5 1.5-2 1.5-2 1.5 4 1.5 7.5-.5 7-3.5z"/>'
    )
    INSIDE = '<circle cx="10" cy="10" r="7"/><path d="M6.5 10h7M10 6.5v7"/>'
    OUTSIDE = '<circle cx="10" cy="10" r="7"/><path d="M6.5 10h7"/>'
    PER_CLICK = (
        '<circle cx="5.5" cy="6" r="2.5"/><circle cx="6" cy="14.5" r="2.5"/>'
        '<circle cx="13" cy="5" r="2.5"/><path d="M14 10.5v7M10.5 14h7"/>'
    )
    CANDIDATE = (
        '<circle cx="10" cy="10" r="7.5"/><circle cx="10.5" cy="10.5" r="4.5"/>'
        '<circle cx="11" cy="11" r="1.4"/>'
    )
    UNDO = '<path d="M4 8.5h8c3 0 4.5 2 4.5 4s-1.5 4-4.5 4H8M7.5 5L4 8.5 7.5 12"/>'
    REDO = '<path d="M16 8.5H8c-3 0-4.5 2-4.5 4s1.5 4 4.5 4h4M12.5 5L16 8.5 12.5 12"/>'


def draw_icon(icon: Icon, color: str) -> QIcon:
    """Return an icon in a color, grayed where its button is disabled.

    Parameters
    ----------
    icon : Icon
        The drawing.
    color : str
        The color, e.g. ``"#d4d4d4"``.
    """
    svg = _HEAD + _STYLE.format(color=color) + icon.value + "</g></svg>"
    pixmap = _pixmap()
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, _SIZE, _SIZE))
    painter.end()
    made = QIcon(pixmap)
    made.addPixmap(_faded(pixmap), QIcon.Mode.Disabled)
    return made


def draw_swatch(color: str) -> QIcon:
    """Return a square of one color, which a selected row does not tint."""
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(color))
    return _untinted(pixmap)


def draw_dot(color: str) -> QIcon:
    """Return a disc of one color, which a selected row does not tint."""
    pixmap = _pixmap()
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawEllipse(QRectF(8, 8, _SIZE - 16, _SIZE - 16))
    painter.end()
    return _untinted(pixmap)


def _untinted(pixmap: QPixmap) -> QIcon:
    made = QIcon(pixmap)
    made.addPixmap(pixmap, QIcon.Mode.Selected)
    return made


def _pixmap() -> QPixmap:
    pixmap = QPixmap(_SIZE, _SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap


def _faded(pixmap: QPixmap) -> QPixmap:
    faded = _pixmap()
    painter = QPainter(faded)
    painter.setOpacity(0.3)
    painter.drawPixmap(0, 0, pixmap)
    painter.end()
    return faded
