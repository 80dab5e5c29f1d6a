"""Find out which network tensors belong to, and whether they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sam2_model.errors import CheckpointError
from sam2_model.modeling.config import MICRO, MODEL_CONFIGS, SAM2Config, Version
from sam2_model.modeling.sam2 import SAM2

_PATCHES = "image_encoder.trunk.patch_embed.proj.weight"
_NO_MEMORY = "no_mem_embed"
_ONLY_2_1 = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")
_KNOWN = (*MODEL_CONFIGS.values(), MICRO)
_NAMED = 3

_Shapes = dict[str, tuple[int, ...]]


def empty_network(config: SAM2Config) -> SAM2:
    """Make a network without memory for its weights (on torch's meta device)."""
    with torch.device("meta"):
        return SAM2(config)


def identify(state: Mapping[str, Tensor]) -> SAM2Config:
    """Return the known network that the shapes tell of, else the nearest one.

    Parameters
    ----------
    state : mapping of str to Tensor
        With the public checkpoints' key names. SAM 2.1 is known by three extra tensors.
    """
    version = Version.V2_1 if any(key in state for key in _ONLY_2_1) else Version.V2_0
    if _PATCHES in state and _NO_MEMORY in state:
        for known in _KNOWN:
            sizes = (known.trunk.embed_dim, sum(known.trunk.stages), known.d_model)
            if known.version is version and sizes == _sizes(state):
                return known
    return _nearest(_shapes(state))


def check_fit(state: Mapping[str, Tensor], config: SAM2Config, source: object) -> None:
    """Make sure that tensors have the names and shapes of a network and finite values.

    Parameters
    ----------
    state : mapping of str to Tensor
        With the public checkpoints' key names.
    config : SAM2Config
        Of the network.
    source : object
        Where the tensors are from, for the message.

    Raises
    ------
    CheckpointError
        Naming the first few that do not, and the nearest known network.
    """
    have, want = _shapes(state), _shapes(empty_network(config).state_dict())
    if have != want:
        both = have.keys() & want.keys()
        other = [f"{k} {have[k]} not {want[k]}" for k in want if k in both and have[k] != want[k]]
        faults = {
            "missing": [key for key in want if key not in both],
            "unexpected": [key for key in have if key not in both],
            "of another shape": other,
        }
        found = "; ".join(f"{kind}: {_first(keys)}" for kind, keys in faults.items() if keys)
        raise CheckpointError(f"{source} does not fit {config.name}. {_advice(have)} {found}.")
    broken = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{source} has NaN or infinite weights in {_first(broken)}: the training that made "
            "them diverged, or the file is damaged. Use an earlier checkpoint."
        )


def _sizes(state: Mapping[str, Tensor]) -> tuple[int, int, int]:
    prefix = "image_encoder.trunk.blocks."
    blocks = {key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)}
    return len(state[_PATCHES]), len(blocks), state[_NO_MEMORY].shape[-1]


def _shapes(state: Mapping[str, Tensor]) -> _Shapes:
    return {key: tuple(value.shape) for key, value in state.items()}


def _agreement(have: _Shapes, config: SAM2Config) -> int:
    return len(have.items() & _shapes(empty_network(config).state_dict()).items())


def _nearest(have: _Shapes) -> SAM2Config:
    return max(_KNOWN, key=lambda known: _agreement(have, known))


def _advice(have: _Shapes) -> str:
    nearest = _nearest(have)
    count = _agreement(have, nearest)
    if not count:
        return "No tensor is one of SAM 2's: is it another model's file?"
    return f"The nearest is {nearest.name}: {count} of the {len(have)} tensors agree."


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
