"""Move where a trained model says yes, without training: presence, and the edges of masks.

    python -m sam2_model.training.operating_point WEIGHTS OUT --presence -1 --edges 0.4

What is learnt by a loss need not be the best threshold for a use: objects that are gone cost a
user more than frames on which one is missed, and masks that are a little too tight are copied
along a track. Both thresholds are zero in SAM 2, so biases are moved instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_model.checkpoint import load_model, save_model
from sam2_model.features import Features
from sam2_model.sam2 import SAM2
from sam2_model.training.clicks import deepest_point
from sam2_model.training.samples import ClipSample
from sam2_model.training.synthetic import SyntheticClips
from sam2_model.transforms import frame_pixels

_SEED = 31
_IMAGES = 24


@dataclass(frozen=True, slots=True)
class Shift:
    """How far logits are moved.

    Parameters
    ----------
    presence : float
        Added to object scores; below 0, more frames are left empty.
    edges : float
        Added to the logits of masks; above 0, masks are wider.
    """

    presence: float = 0.0
    edges: float = 0.0


@torch.no_grad()
def move(model: SAM2, shift: Shift, samples: Sequence[ClipSample]) -> float:
    """Add to a model's logits by its biases, in place.

    A mask's logits are the products of one weight vector for the mask and of features of the
    pixels, so no bias adds the same to all of them. But some fixed vector's products are nearly
    equal everywhere: the least-squares solution over the pixels of ``samples``.

    Parameters
    ----------
    model : SAM2
        In eval mode, float32.
    shift : Shift
        How far.
    samples : sequence of ClipSample
        Of the kind the model is for. Each object of the first frames is clicked on.

    Returns
    -------
    float
        Standard deviation over pixels of what is added to masks, as a share of ``shift.edges``.

    Raises
    ------
    ValueError
        If there is no object.
    """
    measured = [_responses(model, *clicked) for sample in samples for clicked in _clicked(sample)]
    if not measured:
        raise ValueError("Give samples with at least one object, on which biases are measured.")
    responses = torch.cat(measured)
    level = torch.linalg.lstsq(responses, torch.ones_like(responses[:, :1])).solution[:, 0]
    for mlp in model.sam_mask_decoder.output_hypernetworks_mlps:
        _bias(mlp).add_((shift.edges * level).to(model.dtype))
    _bias(model.sam_mask_decoder.pred_obj_score_head).add_(shift.presence)
    return float((responses @ level).std())


def _clicked(sample: ClipSample) -> Iterator[tuple[NDArray[np.uint8], Tensor]]:
    """Yield the first image with a point (x, y) in each of its objects, as shares of its sides."""
    image = sample.images[0]
    for mask in sample.masks[0]:
        if mask.any():
            click = deepest_point(mask)
            share = (click.x + 0.5) / image.shape[1], (click.y + 0.5) / image.shape[0]
            yield image, torch.tensor([[share]])


def _responses(model: SAM2, image: NDArray[np.uint8], point: Tensor) -> Tensor:
    """Return what each bias of a mask's weights adds to its pixels: (pixels, weights)."""
    side = model.config.image_size
    features = model.encode(frame_pixels(image, side, model.device))
    point = (point * side).to(model.device)
    bias = _bias(model.sam_mask_decoder.output_hypernetworks_mlps[0])
    before, base = bias.clone(), _logits(model, features, point)
    columns = []
    for number in range(len(bias)):
        bias[number] += 1
        columns.append(_logits(model, features, point) - base)
        bias.copy_(before)
    return torch.stack(columns, dim=1)


def _logits(model: SAM2, features: Features, point: Tensor) -> Tensor:
    inside = torch.ones(1, 1, dtype=torch.int64, device=model.device)
    image = model.without_memory(features)
    decoded = model.decode(image, features.high_res, point, inside, None)
    return decoded.logits[0, 0].flatten().double()


def _bias(mlp: torch.nn.Module) -> Tensor:
    *_, last = (layer for layer in mlp.modules() if isinstance(layer, torch.nn.Linear))
    return last.bias


def main(arguments: list[str] | None = None) -> None:
    """Write weights whose thresholds are moved, measured on training pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="name or file")
    parser.add_argument("output", type=Path)
    parser.add_argument("--presence", type=float, default=0.0, help="added to object scores")
    parser.add_argument("--edges", type=float, default=0.0, help="added to masks' logits")
    parser.add_argument("--notes", default="", help="kept in the file")
    options = parser.parse_args(arguments)
    model = load_model(options.weights, device="cpu").float().eval()
    rng = np.random.default_rng(_SEED)
    clips = [SyntheticClips().sample(rng, 1, 1) for _ in range(_IMAGES)]
    shift = Shift(options.presence, options.edges)
    move(model, shift, clips)
    save_model(model, options.output, notes=options.notes or f"{options.weights}, {shift}")


if __name__ == "__main__":
    main()
