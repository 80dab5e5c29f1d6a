"""Identification of the network that weights belong to, and checks that they fit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sam2_model.errors import CheckpointError
from sam2_model.modeling.config import MICRO, MODEL_CONFIGS, SAM2Config, Version
from sam2_model.modeling.sam2 import SAM2

_PATCHES = "image_encoder.trunk.patch_embed.proj.weight"
_NO_MEMORY = "no_mem_embed"
_ONLY_2_1 = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")
_KNOWN = (*MODEL_CONFIGS.values(), MICRO)
_NAMED = 3
_RANDOM_VALUES = (
    nn.init.normal_,
    nn.init.trunc_normal_,
    nn.init.uniform_,
    nn.init.kaiming_uniform_,
    nn.init.xavier_uniform_,
)

_Shapes = dict[str, tuple[int, ...]]


def empty_network(config: SAM2Config) -> SAM2:
    """Return a network on torch's meta device, which allocates no memory for weights."""
    with torch.device("meta"), _WithoutRandomValues():
        return SAM2(config)


class _WithoutRandomValues(TorchFunctionMode):
    """Leaves out random initial values.

    The meta device has no values; torch would import its compiler, 800 modules, to find that out.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _RANDOM_VALUES:
            return given["tensor"] if "tensor" in given else args[0]
        if func is torch.randn:
            return torch.empty(*args, **given)
        return func(*args, **given)


def identify(state: Mapping[str, Tensor]) -> SAM2Config:
    """Return the known network with these shapes, or the one with the most equal tensors.

    Parameters
    ----------
    state : mapping of str to Tensor
        Tensors by the public checkpoints' keys. Three extra tensors identify SAM 2.1.
    """
    version = Version.V2_1 if any(key in state for key in _ONLY_2_1) else Version.V2_0
    if _PATCHES in state and _NO_MEMORY in state:
        for known in _KNOWN:
            sizes = (known.trunk.embed_dim, sum(known.trunk.stages), known.d_model)
            if known.version is version and sizes == _sizes(state):
                return known
    return _nearest(_shapes(state))


def check_fit(state: Mapping[str, Tensor], config: SAM2Config, source: object) -> None:
    """Check that tensors have the names and shapes of a network and finite values.

    Parameters
    ----------
    state : mapping of str to Tensor
        Tensors by the public checkpoints' keys.
    config : SAM2Config
        Configuration of the network.
    source : object
        Origin of the tensors, for the message.

    Raises
    ------
    CheckpointError
        If they do not; the message names the first tensors and the nearest known network.
    """
    have, want = _shapes(state), _shapes(empty_network(config).state_dict())
    if have != want:
        both = have.keys() & want.keys()
        other = [f"{k} {have[k]} not {want[k]}" for k in want if k in both and have[k] != want[k]]
        problems = {
            "missing": [key for key in want if key not in both],
            "unexpected": [key for key in have if key not in both],
            "of another shape": other,
        }
        found = "; ".join(f"{kind}: {_first(keys)}" for kind, keys in problems.items() if keys)
        raise CheckpointError(f"{source} does not fit {config.name}. {_advice(have)} {found}.")
    broken = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{source} has NaN or infinite weights in {_first(broken)}: the training diverged, or "
            "the file is damaged. Use an earlier checkpoint."
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
        return "None of its tensors is one of SAM 2: it is probably a file of another model."
    return (
        f"The nearest model is {nearest.name}: {count} of the {len(have)} tensors have its shapes."
    )


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
