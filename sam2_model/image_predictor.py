"""Segmentation of single images: an image is encoded once, for any number of prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
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
    """How masks are selected and cleaned. The fields correspond to options of Meta's predictor.

    Parameters
    ----------
    mask_threshold : float
        Logit above which a pixel belongs to the mask.
    max_hole_area, max_sprinkle_area : int
        Size in low-resolution pixels of the largest holes and specks that are removed; 0 removes
        none.
    dynamic_multimask : bool
        Replace a single mask that is unstable by the best of three.
    """

    mask_threshold: float = 0.0
    max_hole_area: int = 0
    max_sprinkle_area: int = 0
    dynamic_multimask: bool = True


@dataclass(frozen=True, slots=True)
class ImageMasks:
    """C masks of each of B prompts: C is 3 with ``multimask``, otherwise 1.

    Parameters
    ----------
    logits : Tensor
        (B, C, H, W), H and W of the image.
    ious : Tensor
        (B, C), predicted IoU in 0..1.
    low_res : Tensor
        (B, C, S/4, S/4) logits in -32..32; one of them can be the ``mask_input`` of the next
        prediction.
    threshold : float
        Logit above which a pixel belongs to the mask.
    """

    logits: Float[Tensor, "b c h w"]
    ious: Float[Tensor, "b c"]
    low_res: Float[Tensor, "b c s s"]
    threshold: float

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Binary masks (B, C, H, W)."""
        masks: NDArray[np.bool_] = (self.logits > self.threshold).cpu().numpy()
        return masks


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Features of an image, and its size in pixels."""

    features: Features
    height: int
    width: int


class ImagePredictor:
    """Segments images from points, boxes and masks.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    settings : ImageSettings, optional
        How masks are selected and cleaned.
    """

    def __init__(self, model: SAM2, settings: ImageSettings | None = None) -> None:
        self.model = model
        self.settings = settings or ImageSettings()

    @torch.inference_mode()
    def encode_image(self, image: ArrayLike) -> EncodedImage:
        """Return the features of an image, for any number of prompts.

        Parameters
        ----------
        image : array_like
            (H, W), (H, W, 1) or (H, W, 3); uint8, or float in 0..1.

        Raises
        ------
        InputError
            If the image has another shape or dtype, is empty, or has NaN pixels.
        """
        height, width = as_rgb(image).shape[:2]
        pixels = image_pixels(image, self.model.config.image_size, self.model.device)
        return EncodedImage(self.model.encode_image(pixels), height, width)

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
        """Return the masks of one or more prompts.

        Parameters
        ----------
        image : EncodedImage
            Result of :meth:`encode_image`.
        points, labels : array_like, optional
            (N, 2) or (B, N, 2) points (x, y) in pixels, and (N,) or (B, N) labels: 1 inside the
            object, 0 outside.
        box : array_like, optional
            (4,) or (B, 4), (x0, y0, x1, y1) in pixels.
        mask_input : array_like, optional
            (1, S/4, S/4) or (B, 1, S/4, S/4) logits to refine, from an earlier ``low_res``.
        multimask : bool
            Return three masks (whole, part, subpart) instead of one.

        Raises
        ------
        InputError
            If there is no prompt, or a prompt does not fit the image.
        """
        coordinates = Coordinates(image.height, image.width, self.model.config.image_size)
        tokens = coordinates.prompt(points, labels, box, self.model.device)
        previous = None if mask_input is None else self._checked_mask_input(mask_input)
        if tokens is None and previous is None:
            raise InputError("There is no prompt: give points with labels, a box or a mask_input")
        return self._decode(image, tokens, previous, multimask)

    def _decode(
        self,
        image: EncodedImage,
        tokens: PointTokens | None,
        previous: Tensor | None,
        multimask: bool,
    ) -> ImageMasks:
        batch = 1 if previous is None else len(previous)
        tokens = tokens or PointTokens.empty(batch, self.model.device)
        decoded = self.model.decode_masks(
            self.model.add_no_memory_embedding(image.features),
            image.features.high_res,
            tokens.points,
            tokens.labels,
            previous,
        )
        if multimask:
            logits, ious = decoded.logits[:, 1:], decoded.ious[:, 1:]
        else:
            logits, ious = single_mask(decoded, self.settings.dynamic_multimask)
        full = upsample(self._cleaned(logits.float()), (image.height, image.width))
        low_res = logits.float().clamp(-_LOW_RES_CLAMP, _LOW_RES_CLAMP)
        return ImageMasks(full, ious.float(), low_res, self.settings.mask_threshold)

    def _checked_mask_input(self, mask_input: ArrayLike) -> Tensor:
        side = self.model.config.mask_side
        logits = torch.as_tensor(np.asarray(mask_input, np.float32), device=self.model.device)
        logits = logits[None] if logits.ndim == 3 else logits
        if logits.ndim != 4 or logits.shape[1:] != (1, side, side):
            raise InputError(
                f"mask_input must be (1, {side}, {side}) or (B, 1, {side}, {side}) logits, got "
                f"{np.shape(mask_input)}"
            )
        return logits

    def _cleaned(self, logits: Tensor) -> Tensor:
        """Return (B, C, h, w) logits without small holes and specks."""
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
