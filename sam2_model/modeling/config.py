"""Configuration of the network: sizes, and the released variants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

IMAGE_SIZE_MULTIPLE = 32
TOKEN_STRIDE = 16


class Version(Enum):
    """Version of the architecture; 2.1 adds three tensors for pointer times and absence."""

    V2_0 = "2.0"
    V2_1 = "2.1"


@dataclass(frozen=True, slots=True)
class HieraConfig:
    """Sizes of the Hiera trunk (Ryali et al. 2023, section 3; SAM 2 paper, appendix D.1).

    Parameters
    ----------
    embed_dim, num_heads : int
        Channels and attention heads of the first stage; both double at each stage.
    stages : tuple of int
        Number of blocks of each stage.
    global_att_blocks : tuple of int
        Indices of blocks that attend to the whole image instead of windows.
    window_spec : tuple of int
        Side of the windows of each stage in tokens.
    window_pos_embed_bkg_spatial_size : tuple of int
        Size of the learned background position embedding.
    """

    embed_dim: int = 96
    num_heads: int = 1
    stages: tuple[int, int, int, int] = (1, 2, 7, 2)
    global_att_blocks: tuple[int, ...] = (5, 7, 9)
    window_spec: tuple[int, int, int, int] = (8, 4, 14, 7)
    window_pos_embed_bkg_spatial_size: tuple[int, int] = (7, 7)

    @property
    def stage_dims(self) -> tuple[int, ...]:
        """Numbers of channels of the four stages, finest first."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.stages)))


@dataclass(frozen=True, slots=True)
class SAM2Config:
    """Sizes of the whole network. The defaults are those of all released models.

    Parameters
    ----------
    name : str
        E.g. ``"sam2.1_hiera_tiny"``.
    version : Version
        Version of the architecture.
    trunk : HieraConfig
        Sizes of the image encoder's trunk.
    image_size : int
        Side of the square input in pixels, a multiple of 32.
    d_model, mem_dim : int
        Channels of image features and of spatial memories; ``mem_dim`` divides ``d_model``.
    memory_layers : int
        Number of layers of memory attention.
    feedforward_dim : int
        Hidden channels of the MLPs of memory attention and mask decoder.
    decoder_heads : int
        Attention heads of the mask decoder.
    presence_threshold : float
        Object score that a tracked object must exceed on whole frames to count as visible.

    Raises
    ------
    ValueError
        If ``image_size`` is not a multiple of 32, or ``mem_dim`` does not divide ``d_model``.
    """

    name: str
    version: Version = Version.V2_1
    trunk: HieraConfig = HieraConfig()
    image_size: int = 1024
    d_model: int = 256
    mem_dim: int = 64
    memory_layers: int = 4
    feedforward_dim: int = 2048
    decoder_heads: int = 8
    presence_threshold: float = 0.0

    def __post_init__(self) -> None:
        if self.image_size < IMAGE_SIZE_MULTIPLE or self.image_size % IMAGE_SIZE_MULTIPLE:
            raise ValueError(
                f"image_size must be a multiple of {IMAGE_SIZE_MULTIPLE}, got {self.image_size}"
            )
        if self.d_model % self.mem_dim:
            raise ValueError(f"mem_dim {self.mem_dim} does not divide d_model {self.d_model}")

    @property
    def token_side(self) -> int:
        """Side of the top features in tokens (stride 16)."""
        return self.image_size // TOKEN_STRIDE

    @property
    def mask_side(self) -> int:
        """Side of low-resolution logits in pixels (stride 4)."""
        return self.image_size // 4

    def resized(self, image_size: int) -> SAM2Config:
        """Return the configuration for another input size, with the same weights."""
        return replace(self, image_size=image_size)


_TRUNKS = {
    "tiny": HieraConfig(),
    "small": HieraConfig(stages=(1, 2, 11, 2), global_att_blocks=(7, 10, 13)),
    "base_plus": HieraConfig(
        embed_dim=112,
        num_heads=2,
        stages=(2, 3, 16, 3),
        global_att_blocks=(12, 16, 20),
        window_pos_embed_bkg_spatial_size=(14, 14),
    ),
    "large": HieraConfig(
        embed_dim=144,
        num_heads=2,
        stages=(2, 6, 36, 4),
        global_att_blocks=(23, 33, 43),
        window_spec=(8, 4, 16, 8),
    ),
}
_PREFIXES = {Version.V2_0: "sam2_hiera", Version.V2_1: "sam2.1_hiera"}

MODEL_CONFIGS: dict[str, SAM2Config] = {
    f"{prefix}_{size}": SAM2Config(f"{prefix}_{size}", version, trunk)
    for version, prefix in _PREFIXES.items()
    for size, trunk in _TRUNKS.items()
}

MICRO = SAM2Config(
    "micro",
    trunk=HieraConfig(
        embed_dim=32,
        num_heads=1,
        stages=(1, 2, 5, 2),
        # Global attention from stride 16 on: no input size needs padding.
        global_att_blocks=(4, 5, 6, 7, 8, 9),
        window_spec=(8, 4, 16, 8),
        window_pos_embed_bkg_spatial_size=(7, 7),
    ),
    image_size=384,
    d_model=128,
    mem_dim=64,
    memory_layers=2,
    feedforward_dim=512,
    decoder_heads=4,
    presence_threshold=1.0,
)
