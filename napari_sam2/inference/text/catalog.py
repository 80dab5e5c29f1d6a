"""The text models that have names: size, license and recommended use of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextModel:
    """A model of the Hugging Face hub that finds boxes by text.

    Parameters
    ----------
    name : str
        Name for :func:`napari_sam2.inference.text_detector.load_text_detector`.
    repository : str
        Repository on the hub.
    parameters : int
        Number of weights.
    download_bytes : int
        Size of the download to a megabyte.
    good_for : str
        Recommended use, one line.
    license : str
        SPDX identifier of the weights' license.
    """

    name: str
    repository: str
    parameters: int
    download_bytes: int
    good_for: str
    license: str = "Apache-2.0"

    @property
    def about(self) -> str:
        """One line on use, size and license."""
        count, size = self.parameters / 1e6, self.download_bytes / 1e6
        return f"For {self.good_for}; {count:.0f} million weights, {self.license}, {size:.0f} MB"


DEFAULT_TEXT_MODEL = "llmdet-tiny"
_MM_TINY = "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det"
_MODELS = (
    TextModel(
        "grounding-dino-tiny",
        "IDEA-Research/grounding-dino-tiny",
        172_250_626,
        689_000_000,
        "repeating results of Grounding DINO",
    ),
    TextModel(
        "grounding-dino-base",
        "IDEA-Research/grounding-dino-base",
        232_315_264,
        933_000_000,
        "repeating results of Grounding DINO",
    ),
    TextModel(
        "mm-grounding-dino-tiny",
        _MM_TINY,
        172_913_688,
        692_000_000,
        "repeating results of MM Grounding DINO",
    ),
    TextModel(
        "llmdet-tiny", "iSEE-Laboratory/llmdet_tiny", 172_913_688, 692_000_000, "most searches"
    ),
    TextModel(
        "llmdet-base",
        "iSEE-Laboratory/llmdet_base",
        232_978_326,
        936_000_000,
        "rare objects, with a GPU",
    ),
    TextModel(
        "llmdet-large",
        "iSEE-Laboratory/llmdet_large",
        343_055_698,
        1_376_000_000,
        "the best boxes, with a GPU",
    ),
)
TEXT_MODELS = {model.name: model for model in _MODELS}
"""Models of the hub by name."""
