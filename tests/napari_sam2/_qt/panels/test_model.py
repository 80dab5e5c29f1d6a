"""The choice of the model."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QInputDialog, QPushButton

from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2.core.errors import ConnectionLostError
from napari_sam2.inference.model_catalog import ModelChoice


@pytest.mark.parametrize(
    ("answer", "device"),
    [
        ((" tcp://host:8786 ", True), "tcp://host:8786"),
        (("tcp://h:1", False), "cpu"),
        (("", True), "cpu"),
    ],
)
def test_an_address_is_a_device(qtbot, monkeypatch, answer, device) -> None:
    panel = ModelPanel(ModelChoice(device="cpu"))
    qtbot.addWidget(panel)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: answer)
    chosen: list[str] = []
    panel.chosen.connect(lambda: chosen.append(panel.choice.device))
    [button] = [b for b in panel.findChildren(QPushButton) if b.text().startswith("GPU of another")]
    button.click()
    assert panel.choice.device == device
    assert chosen == ([device] if device != "cpu" else [])


def test_a_lost_connection_is_explained_by_its_message() -> None:
    text = "The worker was lost. Propagate again."
    assert ErrorMessage.of(ConnectionLostError(text)).text == text
