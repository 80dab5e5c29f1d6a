"""Small networks with deterministic weights, and frames to run them on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sam2_model.modeling.config import MODEL_CONFIGS, HieraConfig, SAM2Config, Version
from sam2_model.modeling.sam2 import SAM2
from tests.parity.replay.inputs import frames
from tests.parity.replay.weights import fill_state_dict

SMALL = SAM2Config(
    "small",
    trunk=HieraConfig(embed_dim=16, stages=(1, 1, 2, 1), global_att_blocks=(3,)),
    image_size=64,
    d_model=64,
    mem_dim=32,
    memory_layers=1,
    feedforward_dim=64,
    decoder_heads=4,
)


def network(config: SAM2Config = SMALL, profile: str = "default") -> SAM2:
    """Return a network whose weights depend on their names only."""
    with torch.device("meta"):
        model = SAM2(config)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    weights = fill_state_dict(shapes, profile=profile)
    tensors = {key: torch.from_numpy(value) for key, value in weights.items()}
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.eval()


def released(size: str, image_size: int, version: Version = Version.V2_1) -> SAM2:
    """Return a released architecture with deterministic weights."""
    prefix = "sam2.1_hiera" if version is Version.V2_1 else "sam2_hiera"
    return network(MODEL_CONFIGS[f"{prefix}_{size}"].resized(image_size))


def clip(count: int, height: int = 48, width: int = 60) -> list[NDArray[np.uint8]]:
    """Return RGB frames of two moving blobs."""
    return frames(5, count, height, width)


class LazyClip:
    """A long clip made on demand that counts its frames in memory."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.alive = 0
        self.most = 0
        self._pictures = clip(8)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        return _Counted(self, self._pictures[frame % len(self._pictures)]).view()


class _Counted(np.ndarray):
    """An array that counts itself in its clip while it exists."""

    _clip: LazyClip | None

    def __new__(cls, owner: LazyClip, picture: NDArray[np.uint8]) -> _Counted:
        made = picture.copy().view(cls)
        made._clip = owner
        owner.alive += 1
        owner.most = max(owner.most, owner.alive)
        if owner.alive > 2:
            raise MemoryError(f"{owner.alive} frames are held at once")
        return made

    def __array_finalize__(self, source: object) -> None:
        self._clip = None

    def view(self) -> _Counted:  # type: ignore[override]
        return self

    def __del__(self) -> None:
        if self._clip is not None:
            self._clip.alive -= 1
