"""Weights of SAM 2's network that others have published, which users load from a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sam2_model.modeling.config import MODEL_CONFIGS, SAM2Config

_TINY = MODEL_CONFIGS["sam2.1_hiera_tiny"].name


@dataclass(frozen=True, slots=True)
class ThirdPartyWeights:
    """Published weights that a file can be recognized as.

    Parameters
    ----------
    title : str
        Name for display.
    license : str
        SPDX identifier of the weights' license; empty if their authors state none.
    image_size : int
        Side in pixels of the square input that they were trained at.
    networks : tuple of str
        Names of the configurations that they belong to.
    file_stem : str
        How the names of their files begin, in lower case.
    model_type : str
        How the entry ``"model_type"`` of their files begins; empty if they have none.
    digests : tuple of (int, str)
        Size in bytes and SHA-256 of the files that are known exactly.
    """

    title: str
    license: str
    image_size: int
    networks: tuple[str, ...]
    file_stem: str
    model_type: str = ""
    digests: tuple[tuple[int, str], ...] = ()


MEDSAM2 = ThirdPartyWeights(
    title="MedSAM2",
    license="CC-BY-SA-4.0",
    image_size=512,
    networks=(_TINY,),
    file_stem="medsam2",
    digests=((156_040_129, "c92743b99f00d078bf32a3afcc38aaa9faf1c1692dffe3eaa7a90938c1991060"),),
)
MICRO_SAM = ThirdPartyWeights(
    title="micro-sam",
    license="",
    image_size=1024,
    networks=tuple(name for name in MODEL_CONFIGS if name.startswith("sam2.1")),
    file_stem="hvit_",
    model_type="hvit_",
)
THIRD_PARTY = (MEDSAM2, MICRO_SAM)


@dataclass(frozen=True, slots=True)
class Recognition:
    """Published weights that a file was recognized as.

    Parameters
    ----------
    weights : ThirdPartyWeights
        The weights.
    certain : bool
        Whether the contents of the file prove it; False if only its name suggests it.
    """

    weights: ThirdPartyWeights
    certain: bool

    def __str__(self) -> str:
        """Return the name and the license of the weights."""
        terms = self.weights.license or "none stated"
        likely = "" if self.certain else ", by the name of the file"
        return f"{self.weights.title}{likely}; license of the weights: {terms}"


def recognize(path: Path, model_type: str, config: SAM2Config) -> Recognition | None:
    """Return the published weights that a file holds, or None if it is none of them.

    Parameters
    ----------
    path : Path
        The file; it is read only if it has the size of a known one.
    model_type : str
        Its entry ``"model_type"``; empty if it has none.
    config : SAM2Config
        The network that its tensors have the shapes of.
    """
    possible = [known for known in THIRD_PARTY if config.name in known.networks]
    for known in possible:
        if known.model_type and model_type.startswith(known.model_type):
            return Recognition(known, certain=True)
        if _has_digest(path, known.digests):
            return Recognition(known, certain=True)
    for known in possible:
        if path.name.lower().startswith(known.file_stem):
            return Recognition(known, certain=False)
    return None


def _has_digest(path: Path, digests: tuple[tuple[int, str], ...]) -> bool:
    size = path.stat().st_size
    expected = [digest for known_size, digest in digests if known_size == size]
    if not expected:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() in expected
