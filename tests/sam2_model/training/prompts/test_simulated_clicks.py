from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from sam2_model.training.prompts.simulated_clicks import deepest_point, tight_box
from tests.helpers.discs import disc

masks = arrays(bool, (12, 15))


@given(masks)
def test_the_deepest_point_lies_in_the_mask(mask: np.ndarray) -> None:
    if not mask.any():
        with pytest.raises(ValueError, match="empty mask"):
            deepest_point(mask)
        return
    click = deepest_point(mask)
    assert mask[click.y, click.x]


@given(masks)
def test_a_tight_box_holds_all_and_nothing_more(mask: np.ndarray) -> None:
    if not mask.any():
        with pytest.raises(ValueError, match="empty mask"):
            tight_box(mask)
        return
    x0, y0, x1, y1 = tight_box(mask).astype(int)
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    assert mask[y0].any()
    assert mask[:, x1 - 1].any()


def test_the_deepest_point_of_a_disc_is_its_center() -> None:
    click = deepest_point(disc(30, 20, 9))
    assert (click.y, click.x) == (30, 20)


def test_a_disc_at_the_border_is_clicked_inside_the_picture() -> None:
    click = deepest_point(disc(0, 32, 9))
    assert click.y > 1
