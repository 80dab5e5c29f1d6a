"""The SAM 2 network: image features in, masks and memories out. It keeps no state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from sam2_model.device import out_of_memory_advice
from sam2_model.modeling.attention.kernel import AttentionKernel
from sam2_model.modeling.config import SAM2Config, Version
from sam2_model.modeling.features import Features
from sam2_model.modeling.image_encoder import ImageEncoder
from sam2_model.modeling.layers import MLP, upsample
from sam2_model.modeling.mask_decoder import DecodedMasks, MaskDecoder, single_mask
from sam2_model.modeling.memory_attention import MemoryAttention, MemoryTokens
from sam2_model.modeling.memory_encoder import MemoryEncoder
from sam2_model.modeling.position_encoding import sine_1d, sine_2d
from sam2_model.modeling.prompt_encoder import PointLabel, PromptEncoder
from sam2_model.precision import Precision, resolve_precision, without_tf32

SPATIAL_MEMORIES = 7
MAX_POINTERS = 16
ABSENT_LOGIT = -1024.0
_MEMORY_SCALE = 20.0
_MEMORY_BIAS = -10.0


@dataclass(frozen=True, slots=True)
class SelectedMask:
    """The mask of each object that results and memories are made from.

    Parameters
    ----------
    logits : Tensor
        (B, 1, S/4, S/4); -1024 everywhere where the object is absent.
    ious : Tensor
        (B, 1), predicted IoU.
    pointer : Tensor
        (B, d_model), object pointer.
    object_score : Tensor
        (B, 1), logit of the object being visible.
    """

    logits: Float[Tensor, "b 1 h w"]
    ious: Float[Tensor, "b 1"]
    pointer: Float[Tensor, "b d_model"]
    object_score: Float[Tensor, "b 1"]


class SAM2(nn.Module):
    """Segment Anything Model 2 (Ravi et al. 2024).

    Attribute names equal the keys of the public checkpoints.

    Parameters
    ----------
    config : SAM2Config
        Sizes of all layers.
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
        """Device of the weights."""
        return self.no_mem_embed.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the image encoder's weights and of the top features."""
        return self.no_mem_embed.dtype

    @property
    def precision(self) -> Precision:
        """The number format that the network computes in, which is never ``AUTO``."""
        mixed = any(kernel.large_dtype is not None for kernel in self._kernels())
        return Precision.MIXED if mixed else Precision.of(self.dtype)

    def cast(self, precision: Precision | torch.dtype | str) -> SAM2:
        """Cast the weights of the image encoder and of the memory modules in place.

        The prompt encoder, the mask decoder and the image encoder's norms and residual sums stay
        in float32: they are cheap, and rounding them moves mask borders and clicks.

        Parameters
        ----------
        precision : Precision, torch.dtype or str
            A precision, its name, or a dtype of weights; ``AUTO`` is that of the network's device.

        Raises
        ------
        InputError
            If there is no such precision.
        """
        chosen = resolve_precision(precision, self.device)
        dtype = chosen.weights
        for kernel in self._kernels():
            kernel.large_dtype = torch.bfloat16 if chosen is Precision.MIXED else None
        encoder = self.image_encoder.named_parameters()
        coarse = [p for name, p in encoder if ".norm" not in name and ".pos_embed" not in name]
        coarse += [*self.memory_attention.parameters(), *self.memory_encoder.parameters()]
        for parameter in (*coarse, self.no_mem_embed, self.maskmem_tpos_enc):
            parameter.data = parameter.data.to(dtype)
        return self

    def _kernels(self) -> list[AttentionKernel]:
        """Return the attention kernels of the image encoder and of memory attention."""
        parts = self.image_encoder, self.memory_attention
        found = (module for part in parts for module in part.modules())
        return [module for module in found if isinstance(module, AttentionKernel)]

    @without_tf32
    @out_of_memory_advice()
    def encode_image(self, pixels: Float[Tensor, "b 3 s s"]) -> Features:
        """Return the features of normalized images (B, 3, S, S)."""
        encoder, decoder = self.image_encoder, self.sam_mask_decoder
        stride4, stride8, stride16, stride32 = encoder.trunk(pixels.to(self.dtype))
        fine = encoder.neck.projected(stride4, stride8, decoder.conv_s0, decoder.conv_s1)
        return Features(encoder.neck.top(stride16, stride32), *fine)

    def add_no_memory_embedding(self, features: Features) -> Float[Tensor, "b d_model h w"]:
        """Return top features (B, d_model, h, w) for a frame without memories to attend to."""
        return features.top + self.no_mem_embed.view(1, -1, 1, 1)

    @without_tf32
    @out_of_memory_advice()
    def decode_masks(
        self,
        image: Float[Tensor, "b_image d_model h w"],
        high_res: tuple[Tensor, Tensor],
        points: Float[Tensor, "b n 2"] | None,
        labels: Integer[Tensor, "b n"] | None,
        mask: Float[Tensor, "b 1 4*h 4*w"] | None,
        min_iou: float | None = None,
    ) -> DecodedMasks:
        """Decode the masks of prompts.

        Parameters
        ----------
        image : Tensor
            (B or 1, d_model, h, w) top features, conditioned on memories or not.
        high_res : tuple of Tensor
            ``Features.high_res`` of the frame.
        points : Tensor, optional
            (B, N, 2) x and y in pixels of the square input. Without points, one padding point is
            used.
        labels : Tensor, optional
            (B, N) :class:`PointLabel` values.
        mask : Tensor, optional
            (B, 1, S/4, S/4) logits of an earlier mask.
        min_iou : float, optional
            Leave out prompts whose masks all have a lower predicted IoU; for prompts on one image.

        Returns
        -------
        DecodedMasks
            Four masks for each prompt.
        """
        prompt = self.sam_prompt_encoder
        if points is None or labels is None:
            batch = len(image) if mask is None else len(mask)
            points = torch.zeros(batch, 1, 2, device=self.device)
            labels = torch.full((batch, 1), int(PointLabel.PADDING), device=self.device)
        sparse = prompt.sparse(points, labels)
        dense = prompt.dense(mask, 1)
        decoded: DecodedMasks = self.sam_mask_decoder(
            image.to(dense.dtype) + dense, prompt.dense_positions(), sparse, high_res, min_iou
        )
        return decoded

    def select_mask(self, decoded: DecodedMasks, *, ambiguous: bool, dynamic: bool) -> SelectedMask:
        """Select one mask for each object and make its pointer (SAM 2 paper, appendix D.1).

        Parameters
        ----------
        decoded : DecodedMasks
            B objects.
        ambiguous : bool
            Select the best of the three masks for ambiguous prompts, otherwise mask 0.
        dynamic : bool
            Whether the best of the three replaces a mask 0 that is unstable.
        """
        if ambiguous:
            best = decoded.ious[:, 1:].argmax(-1) + 1
            rows = torch.arange(len(best), device=best.device)
            logits = decoded.logits[rows, best][:, None]
            ious, token = decoded.ious[rows, best][:, None], decoded.tokens[rows, best]
        else:
            logits, ious = single_mask(decoded, dynamic)
            token = decoded.tokens[:, 0]
        return self._with_absence(logits, ious, token, decoded.object_score)

    def ambiguous_masks(self, decoded: DecodedMasks) -> tuple[SelectedMask, ...]:
        """Return all three masks for ambiguous prompts, which :meth:`select_mask` selects from."""
        return tuple(
            self._with_absence(
                decoded.logits[:, n : n + 1],
                decoded.ious[:, n : n + 1],
                decoded.tokens[:, n],
                decoded.object_score,
            )
            for n in range(1, decoded.logits.shape[1])
        )

    def _with_absence(
        self, logits: Tensor, ious: Tensor, token: Tensor, object_score: Tensor
    ) -> SelectedMask:
        """Return masks (B, 1, h, w) with their pointers, empty where the object is absent."""
        present = object_score > 0
        logits = torch.where(present[..., None, None], logits.float(), ABSENT_LOGIT)
        pointer = torch.where(present, self.obj_ptr_proj(token), self.no_obj_ptr)
        return SelectedMask(logits, ious, pointer, object_score)

    def mask_as_output(self, features: Features, mask: Bool[Tensor, "b 1 s s"]) -> SelectedMask:
        """Return given masks (B, 1, S, S) as the result, with object pointers made from them."""
        logits = mask.float() * _MEMORY_SCALE + _MEMORY_BIAS
        low_res = F.interpolate(
            logits, size=(self.config.mask_side,) * 2, mode="bilinear", antialias=True
        )
        mask_input = self.mask_downsample(mask.float())
        decoded = self.decode_masks(features.top, features.high_res, None, None, mask_input)
        pointer = self.select_mask(decoded, ambiguous=False, dynamic=False).pointer
        present = mask.flatten(1).any(1, keepdim=True)
        pointer = torch.where(present, pointer, self.no_obj_ptr)
        score = present.float() * _MEMORY_SCALE + _MEMORY_BIAS
        return SelectedMask(low_res, torch.ones_like(score), pointer, score)

    @without_tf32
    @out_of_memory_advice()
    def encode_memory(
        self,
        features: Features,
        logits: Float[Tensor, "b 1 h w"],
        object_score: Float[Tensor, "b 1"],
        *,
        binary: bool,
    ) -> Float[Tensor, "b mem_dim token_h token_w"]:
        """Encode masks as spatial memories.

        Parameters
        ----------
        features : Features
            Features of the masks' frame: one image for all masks, or one for each.
        logits : Tensor
            (B, 1, S/4, S/4).
        object_score : Tensor
            (B, 1).
        binary : bool
            Threshold the mask at 0 (prompted frames) instead of applying a sigmoid (tracked
            frames).

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
            embedding = self.no_obj_embed_spatial[..., None, None].to(memory.dtype)
            memory = memory + absent * embedding
        return memory

    @without_tf32
    @out_of_memory_advice()
    def condition_on_memory(
        self, features: Features, memories: MemoryTokens
    ) -> Float[Tensor, "b d_model h w"]:
        """Return a frame's top features (B, d_model, h, w), conditioned on each object's memories.

        Parameters
        ----------
        features : Features
            Features of the frame: one image for all objects, or one for each.
        memories : MemoryTokens
            Memories of B objects.
        """
        tokens, positions = self._spatial_tokens(memories)
        pointers, pointer_positions = self._pointer_tokens(memories)
        _, dim, height, width = features.top.shape
        conditioned: Tensor = self.memory_attention(
            features.top,
            sine_2d(dim, height, width, self.device).to(self.dtype),
            torch.cat((tokens, pointers), dim=1),
            torch.cat((positions, pointer_positions), dim=1),
            pointers.shape[1],
            self._token_scales(memories),
        )
        return conditioned

    def _token_scales(self, memories: MemoryTokens) -> Tensor | None:
        """Return the key scales (B, M) of all tokens; None if keys are not scaled."""
        if memories.key_scales is None:
            return None
        count, _, height, width = memories.spatial.shape[1:]
        scales, parts = (
            memories.key_scales.to(self.dtype),
            self.config.d_model // self.config.mem_dim,
        )
        spatial, pointers = scales[:, :count], scales[:, count:]
        return torch.cat(
            (
                spatial.repeat_interleave(height * width, dim=1),
                pointers.repeat_interleave(parts, dim=1),
            ),
            dim=1,
        )

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
        positions = time.to(self.dtype).repeat_interleave(parts, dim=0)
        return tokens, positions.expand(len(tokens), -1, -1)
