"""The whole network, without any state: features in, masks and memories out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sam2_model.device import out_of_memory_advice
from sam2_model.modeling.config import SAM2Config, Version
from sam2_model.modeling.features import Features
from sam2_model.modeling.image_encoder import ImageEncoder
from sam2_model.modeling.layers import MLP, upsample
from sam2_model.modeling.mask_decoder import DecodedMasks, MaskDecoder, single_mask
from sam2_model.modeling.memory_attention import MemoryAttention
from sam2_model.modeling.memory_encoder import MemoryEncoder
from sam2_model.modeling.position_encoding import sine_1d, sine_2d
from sam2_model.modeling.prompt_encoder import PointLabel, PromptEncoder

SPATIAL_MEMORIES = 7
MAX_POINTERS = 16
ABSENT_LOGIT = -1024.0
_MEMORY_SCALE = 20.0
_MEMORY_BIAS = -10.0


@dataclass(frozen=True, slots=True)
class SelectedMask:
    """One mask per object, as the tracker goes on with it.

    Parameters
    ----------
    logits : Tensor
        (B, 1, S/4, S/4); -1024 throughout where the object is absent.
    ious : Tensor
        (B, 1), predicted IoU.
    pointer : Tensor
        (B, d_model), object pointer.
    object_score : Tensor
        (B, 1), logit of the object being visible.
    """

    logits: Tensor
    ious: Tensor
    pointer: Tensor
    object_score: Tensor


@dataclass(frozen=True, slots=True)
class MemoryTokens:
    """Memories of B objects with equally many tokens, ready to be attended to.

    Parameters
    ----------
    spatial : Tensor
        (B, K, mem_dim, h, w).
    slots : sequence of int
        K time slots: 0 for the frame just before, 5 for six frames before, 6 for a prompted frame.
    pointers : Tensor
        (B, P, d_model).
    distances : Tensor
        (P,), time to each pointer's frame as a share of the longest distance.
    """

    spatial: Tensor
    slots: Sequence[int]
    pointers: Tensor
    distances: Tensor


class SAM2(nn.Module):
    """Segment Anything Model 2 (Ravi et al. 2024).

    Parameters
    ----------
    config : SAM2Config
        Sizes; attribute names equal the public checkpoints' keys.
    """

    def __init__(self, config: SAM2Config) -> None:
        super().__init__()
        self.config = config
        dim, mem_dim = config.d_model, config.mem_dim
        self.image_encoder = ImageEncoder(config)
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(config)
        self.sam_prompt_encoder = PromptEncoder(config)
        self.sam_mask_decoder = MaskDecoder(config)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.obj_ptr_proj = MLP(dim, dim, dim, dim)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(SPATIAL_MEMORIES, 1, 1, mem_dim))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, dim))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, dim))
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, dim))
        if config.version is Version.V2_1:
            self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, mem_dim))
            self.obj_ptr_tpos_proj = nn.Linear(dim, mem_dim)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.no_mem_embed.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the image encoder's weights, hence of top features."""
        return self.no_mem_embed.dtype

    def cast(self, dtype: torch.dtype) -> SAM2:
        """Cast the weights of the image encoder and of the memory once.

        Prompts and masks keep float32, and so do the encoder's norms and sums: they cost little,
        and rounding them moves mask borders and clicks.
        """
        encoder = self.image_encoder.named_parameters()
        coarse = [p for name, p in encoder if ".norm" not in name and ".pos_embed" not in name]
        coarse += [*self.memory_attention.parameters(), *self.memory_encoder.parameters()]
        for parameter in (*coarse, self.no_mem_embed, self.maskmem_tpos_enc):
            parameter.data = parameter.data.to(dtype)
        return self

    @out_of_memory_advice()
    def encode(self, pixels: Tensor) -> Features:
        """Encode normalised images (B, 3, S, S)."""
        stride4, stride8, top = self.image_encoder(pixels.to(self.dtype))
        decoder = self.sam_mask_decoder
        exact = decoder.conv_s0.weight.dtype
        return Features(top, decoder.conv_s0(stride4.to(exact)), decoder.conv_s1(stride8.to(exact)))

    def without_memory(self, features: Features) -> Tensor:
        """Return top features (B, d_model, h, w) for a frame that has no memory to attend to."""
        return features.top + self.no_mem_embed.view(1, -1, 1, 1)

    @out_of_memory_advice()
    def decode(
        self,
        image: Tensor,
        high_res: tuple[Tensor, Tensor],
        points: Tensor | None,
        labels: Tensor | None,
        mask: Tensor | None,
    ) -> DecodedMasks:
        """Decode prompts on (memory-conditioned) features.

        Parameters
        ----------
        image : Tensor
            (B or 1, d_model, h, w).
        high_res : tuple of Tensor
            Of :class:`Features`.
        points, labels : Tensor, optional
            (B, N, 2) x and y in pixels of the square input, and (B, N). Without them one
            padding point stands in.
        mask : Tensor, optional
            (B, 1, S/4, S/4) logits.

        Returns
        -------
        DecodedMasks
        """
        prompt = self.sam_prompt_encoder
        if points is None or labels is None:
            batch = len(image) if mask is None else len(mask)
            points = torch.zeros(batch, 1, 2, device=self.device)
            labels = torch.full((batch, 1), int(PointLabel.PADDING), device=self.device)
        sparse = prompt.sparse(points, labels)
        dense = prompt.dense(mask, len(sparse))
        decoded: DecodedMasks = self.sam_mask_decoder(
            image.to(dense.dtype) + dense, prompt.dense_positions(), sparse, high_res
        )
        return decoded

    def choose(self, decoded: DecodedMasks, *, ambiguous: bool, dynamic: bool) -> SelectedMask:
        """Reduce the hypotheses to one and make its pointer (SAM 2 paper, appendix D.1).

        Parameters
        ----------
        decoded : DecodedMasks
            B objects.
        ambiguous : bool
            Take the best of the three masks meant for ambiguous prompts, else mask 0.
        dynamic : bool
            Whether an unstable mask 0 gives way to the best of the three.
        """
        if ambiguous:
            best = decoded.ious[:, 1:].argmax(-1) + 1
            rows = torch.arange(len(best), device=best.device)
            logits = decoded.logits[rows, best][:, None]
            ious, token = decoded.ious[rows, best][:, None], decoded.tokens[rows, best]
        else:
            logits, ious = single_mask(decoded, dynamic)
            token = decoded.tokens[:, 0]
        present = decoded.object_score > 0
        logits = torch.where(present[..., None, None], logits.float(), ABSENT_LOGIT)
        pointer = self._pointer(token, present)
        return SelectedMask(logits, ious, pointer, decoded.object_score)

    def adopt(self, features: Features, mask: Tensor) -> SelectedMask:
        """Take given binary masks (B, 1, S, S) as the result, with a pointer made from them."""
        logits = mask.float() * _MEMORY_SCALE + _MEMORY_BIAS
        low = F.interpolate(
            logits, size=(self.config.mask_side,) * 2, mode="bilinear", antialias=True
        )
        hint = self.mask_downsample(mask.float())
        decoded = self.decode(features.top, features.high_res, None, None, hint)
        pointer = self.choose(decoded, ambiguous=False, dynamic=False).pointer
        present = mask.flatten(1).any(1, keepdim=True)
        pointer = torch.where(present, pointer, self.no_obj_ptr)
        score = present.float() * _MEMORY_SCALE + _MEMORY_BIAS
        return SelectedMask(low, torch.ones_like(score), pointer, score)

    @out_of_memory_advice()
    def remember(
        self, features: Features, logits: Tensor, object_score: Tensor, *, binary: bool
    ) -> Tensor:
        """Encode masks as spatial memories.

        Parameters
        ----------
        features : Features
            Of the masks' frame (one image, or one per mask).
        logits : Tensor
            (B, 1, S/4, S/4).
        object_score : Tensor
            (B, 1).
        binary : bool
            Threshold at 0 (prompted frames) instead of a sigmoid (tracked frames).

        Returns
        -------
        Tensor
            (B, mem_dim, S/16, S/16).
        """
        full = upsample(logits.float(), (self.config.image_size,) * 2)
        probability = (full > 0).float() if binary else full.sigmoid()
        mask = (probability * _MEMORY_SCALE + _MEMORY_BIAS).to(self.dtype)
        memory: Tensor = self.memory_encoder(features.top, mask)
        if self.config.version is Version.V2_1:
            absent = (object_score <= 0).to(memory.dtype)[..., None, None]
            unseen = self.no_obj_embed_spatial[..., None, None].to(memory.dtype)
            memory = memory + absent * unseen
        return memory

    @out_of_memory_advice()
    def recall(self, features: Features, memories: MemoryTokens) -> Tensor:
        """Condition a frame's top features on memories: (B, d_model, h, w)."""
        tokens, places = self._spatial_tokens(memories)
        pointers, pointer_places = self._pointer_tokens(memories)
        _, dim, height, width = features.top.shape
        conditioned: Tensor = self.memory_attention(
            features.top.expand(len(tokens), -1, -1, -1),
            sine_2d(dim, height, width, self.device).to(self.dtype),
            torch.cat((tokens, pointers), dim=1),
            torch.cat((places, pointer_places), dim=1),
            pointers.shape[1],
        )
        return conditioned

    def _spatial_tokens(self, memories: MemoryTokens) -> tuple[Tensor, Tensor]:
        spatial = memories.spatial.to(self.dtype)
        batch, count, mem_dim, height, width = spatial.shape
        tokens = spatial.flatten(3).transpose(2, 3).reshape(batch, -1, mem_dim)
        grid = sine_2d(mem_dim, height, width, self.device).to(self.dtype)
        grid = grid.flatten(2).transpose(1, 2)
        time = self.maskmem_tpos_enc[list(memories.slots)].view(count, 1, mem_dim)
        return tokens, (grid + time).view(1, -1, mem_dim).expand(batch, -1, -1)

    def _pointer_tokens(self, memories: MemoryTokens) -> tuple[Tensor, Tensor]:
        mem_dim = self.config.mem_dim
        parts = self.config.d_model // mem_dim
        tokens = memories.pointers.to(self.dtype).reshape(len(memories.pointers), -1, mem_dim)
        if self.config.version is Version.V2_0:
            return tokens, torch.zeros_like(tokens)
        time = self.obj_ptr_tpos_proj(sine_1d(memories.distances, self.config.d_model))
        place = time.to(self.dtype).repeat_interleave(parts, dim=0)
        return tokens, place.expand(len(tokens), -1, -1)

    def _pointer(self, token: Tensor, present: Tensor) -> Tensor:
        return torch.where(present, self.obj_ptr_proj(token), self.no_obj_ptr)
