"""Segment single images: one encoding, any number of prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sam2_model.errors import InputError
from sam2_model.modeling.features import Features
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.mask_decoder import single_mask
from sam2_model.modeling.sam2 import SAM2
from sam2_model.transforms import Coordinates, PointTokens, as_rgb, image_pixels, small_components

_LOW_RES_CLAMP = 32.0
_CLEANED_LOGIT = 10.0


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How masks are chosen and cleaned. Every field has the reference's meaning.

    Parameters
    ----------
    mask_threshold : float
        Logit above which a pixel is inside.
    max_hole_area, max_sprinkle_area : int
        Holes and specks of at most so many low-resolution pixels are removed; 0 keeps them.
    dynamic_multimask : bool
        A single mask that is unstable gives way to the best of three.
    """

    mask_threshold: float = 0.0
    max_hole_area: int = 0
    max_sprinkle_area: int = 0
    dynamic_multimask: bool = True


@dataclass(frozen=True, slots=True)
class ImageMasks:
    """Masks of B prompts, C hypotheses each (3 for an ambiguous prompt, else 1).

    Parameters
    ----------
    logits : Tensor
        (B, C, H, W) at the image's size.
    ious : Tensor
        (B, C), predicted IoU in 0..1.
    low_res : Tensor
        (B, C, S/4, S/4) logits within -32..32, fit to be given as ``mask_input`` again.
    threshold : float
        Logit above which a pixel is inside.
    """

    logits: Tensor
    ious: Tensor
    low_res: Tensor
    threshold: float

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Binary masks (B, C, H, W)."""
        inside: NDArray[np.bool_] = (self.logits > self.threshold).cpu().numpy()
        return inside


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image's features and its size in pixels."""

    features: Features
    height: int
    width: int


class ImagePredictor:
    """Answer points, boxes and masks on images.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    settings : ImageSettings, optional
        How masks are chosen and cleaned.
    """

    def __init__(self, model: SAM2, settings: ImageSettings | None = None) -> None:
        self.model = model
        self.settings = settings or ImageSettings()

    @torch.inference_mode()
    def encode(self, image: ArrayLike) -> EncodedImage:
        """Encode an image once, for all prompts.

        Parameters
        ----------
        image : array_like
            (H, W), (H, W, 1) or (H, W, 3); uint8, or float in 0..1.

        Raises
        ------
        InputError
            If it is no such image, is empty, or has NaN pixels.
        """
        height, width = as_rgb(image).shape[:2]
        pixels = image_pixels(image, self.model.config.image_size, self.model.device)
        return EncodedImage(self.model.encode(pixels), height, width)

    @torch.inference_mode()
    def predict(
        self,
        image: EncodedImage,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask_input: ArrayLike | None = None,
        *,
        multimask: bool = True,
    ) -> ImageMasks:
        """Segment what the prompts mean. Several prompts are answered together.

        Parameters
        ----------
        image : EncodedImage
            From :meth:`encode`.
        points, labels : array_like, optional
            (N, 2) or (B, N, 2), x and y in pixels, and (N,) or (B, N): 1 inside, 0 outside.
        box : array_like, optional
            (4,) or (B, 4): x0, y0, x1, y1 in pixels.
        mask_input : array_like, optional
            (1, S/4, S/4) or (B, 1, S/4, S/4) logits to refine, from an earlier ``low_res``.
        multimask : bool
            Whether to return three hypotheses (whole, part, sub-part) or one mask.

        Raises
        ------
        InputError
            If nothing is asked or a prompt does not fit the image.
        """
        coordinates = Coordinates(image.height, image.width, self.model.config.image_size)
        tokens = coordinates.prompt(points, labels, box, self.model.device)
        hint = None if mask_input is None else self._hint(mask_input)
        if tokens is None and hint is None:
            raise InputError("Nothing was asked: give points with labels, a box or a mask_input")
        return self._decode(image, tokens, hint, multimask)

    def _decode(
        self, image: EncodedImage, tokens: PointTokens | None, hint: Tensor | None, multimask: bool
    ) -> ImageMasks:
        asked = tokens or PointTokens.none(1 if hint is None else len(hint), self.model.device)
        decoded = self.model.decode(
            self.model.without_memory(image.features),
            image.features.high_res,
            asked.points,
            asked.labels,
            hint,
        )
        if multimask:
            logits, ious = decoded.logits[:, 1:], decoded.ious[:, 1:]
        else:
            logits, ious = single_mask(decoded, self.settings.dynamic_multimask)
        full = upsample(self._cleaned(logits.float()), (image.height, image.width))
        low = logits.float().clamp(-_LOW_RES_CLAMP, _LOW_RES_CLAMP)
        return ImageMasks(full, ious.float(), low, self.settings.mask_threshold)

    def _hint(self, mask_input: ArrayLike) -> Tensor:
        side = self.model.config.mask_side
        hint = torch.as_tensor(np.asarray(mask_input, np.float32), device=self.model.device)
        hint = hint[None] if hint.ndim == 3 else hint
        if hint.ndim != 4 or hint.shape[1:] != (1, side, side):
            raise InputError(
                f"mask_input must be (1, {side}, {side}) or (B, 1, {side}, {side}) logits, got "
                f"{np.shape(mask_input)}"
            )
        return hint

    def _cleaned(self, logits: Tensor) -> Tensor:
        """Remove small holes and specks from (B, C, h, w) logits."""
        threshold = self.settings.mask_threshold
        for area, inside, logit in (
            (self.settings.max_hole_area, False, threshold + _CLEANED_LOGIT),
            (self.settings.max_sprinkle_area, True, threshold - _CLEANED_LOGIT),
        ):
            if area > 0:
                planes = ((logits > threshold) == inside).flatten(0, 1).cpu().numpy()
                small = np.stack([small_components(plane, area) for plane in planes])
                where = torch.from_numpy(small).view(logits.shape).to(logits.device)
                logits = torch.where(where, logit, logits)
        return logits
