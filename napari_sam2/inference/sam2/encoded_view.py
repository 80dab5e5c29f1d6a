"""Image features of a view, as SAM 2 computes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_sam2.inference.protocol import EmbeddingArrays
from sam2_model.modeling.features import Features

_NAMES = ("top", "stride4", "stride8")


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

    def to_arrays(self) -> EmbeddingArrays:
        """Return the features as arrays; see :meth:`from_arrays`."""
        tensors = {name: getattr(self.features, name).cpu() for name in _NAMES}
        # numpy has no bfloat16, so that values are kept as bytes.
        arrays = {name: tensor.contiguous().view(torch.uint8) for name, tensor in tensors.items()}
        return EmbeddingArrays(
            self.shape,
            {name: array.numpy() for name, array in arrays.items()},
            {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()},
        )

    @classmethod
    def from_arrays(cls, stored: EmbeddingArrays, device: torch.device) -> EncodedView:
        """Return the features of :meth:`to_arrays`, bit for bit.

        Raises
        ------
        ValueError
            If arrays are missing, or are not those of features.
        """
        if set(stored.arrays) != set(_NAMES):
            raise ValueError(f"There are no arrays {', '.join(_NAMES)}.")
        tensors = [_tensor(stored, name).to(device) for name in _NAMES]
        return cls(Features(*tensors), stored.shape)


def _tensor(stored: EmbeddingArrays, name: str) -> Tensor:
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    kind = kinds.get(stored.dtypes[name])
    if kind is None:
        raise ValueError(f"There is no dtype {stored.dtypes[name]}.")
    return torch.from_numpy(stored.arrays[name]).view(kind)
