"""Image features of a view, as SAM 2 computes them."""

from __future__ import annotations

from dataclasses import dataclass

from sam2_model.modeling.features import Features


@dataclass(frozen=True, slots=True)
class EncodedView:
    """Features of an image, and its size.

    Parameters
    ----------
    features : Features
        Image features of the network.
    shape : tuple of int
        Height and width of the image, in pixels.
    """

    features: Features
    shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Size of the features in bytes."""
        return self.features.nbytes
