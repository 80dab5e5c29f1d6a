"""Sessions are created with the usual defaults, or with what is given."""

from __future__ import annotations

import numpy as np

import napari_sam2
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_array import DraftAndResultLabels, LabelArray
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.factory import create_session, create_session_group
from napari_sam2.session.settings import SessionSettings
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, movie, straight

PATH = straight((30, 20), (0, 3), 4)
STACK = open_stack(movie((64, 80), [PATH]).astype(np.uint16) * 9, axes="ZYX")


def test_a_session_has_defaults() -> None:
    session = create_session(STACK, FakePredictor())
    assert session.intensity == choose_intensity(STACK)
    assert session.prompts.axis == "z"
    assert session.settings == SessionSettings()
    assert session.labels is None
    session.prompts.add(click(1, 0, PATH))
    assert len(list(session.propagate())) == 4


def test_a_session_uses_what_is_given() -> None:
    prompts = PromptStore([click(1, 0, PATH)], axis="z")
    masks, labels = MemoryMaskStore(), LabelArray.create(None, STACK)
    settings, intensity = SessionSettings(group_size=1), Intensity(((0.0, 900.0),))
    session = create_session(
        STACK,
        FakePredictor(),
        intensity=intensity,
        prompts=prompts,
        settings=settings,
        masks=masks,
        labels=labels,
    )
    assert session.prompts is prompts
    assert session.settings is settings
    assert session.intensity is intensity
    list(session.propagate())
    assert masks.objects() == (1,)
    assert set(np.unique(labels.array[...])) == {0, 1}


def test_a_group_has_defaults() -> None:
    predictor = FakePredictor()
    group = create_session_group(STACK, predictor)
    assert group.predictor is predictor
    assert group.intensity == choose_intensity(STACK)
    assert isinstance(group.labels, DraftAndResultLabels)
    assert group.settings == SessionSettings()


def test_an_opened_session_always_has_labels() -> None:
    session = napari_sam2.open_session(movie((64, 80), [PATH]), axes="TYX", model=FakePredictor())
    assert session.labels is not None
    assert session.labels.array.shape == (4, 64, 80)
