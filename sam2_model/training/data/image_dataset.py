"""Labeled images on disk, and their split into training and validation images."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_VALIDATION_SHARE = 0.15


class Part(Enum):
    """Part of a data set."""

    TRAINING = "training"
    VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """A labeled image on disk.

    Parameters
    ----------
    image, mask : Path
        Files of the 8-bit gray or RGB image and of the 16-bit instance labels.
    group : str
        Kind of image, e.g. ``"fluo_256x256"``.
    """

    image: Path
    mask: Path
    group: str


def read_image(still: AnnotatedImage) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return an image (H, W) or (H, W, 3) and its labels (H, W)."""
    picture = Image.open(still.image)
    image = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    return image, np.asarray(Image.open(still.mask)).astype(np.uint16)


def dsb_images(folder: Path, part: Part, prefix: str = "") -> list[AnnotatedImage]:
    """Return the images of a part of dsb2018; parts share no mosaic component.

    Parameters
    ----------
    folder : Path
        Folder of the data set, with its manifest.json.
    part : Part
        Training or validation (about 15 % of the components).
    prefix : str
        Start of the names of groups to include, e.g. ``"fluo"``.
    """
    entries = json.loads((folder / "manifest.json").read_text())
    held_out = validation_components([(e["component"], e["group"]) for e in entries])
    return [
        AnnotatedImage(
            folder / "images" / f"{e['id']}.png", folder / "masks" / f"{e['id']}.png", e["group"]
        )
        for e in entries
        if e["group"].startswith(prefix)
        and (e["component"] in held_out) is (part is Part.VALIDATION)
    ]


def validation_components(images: Sequence[tuple[int, str]]) -> frozenset[int]:
    """Return the components for validation, with about 15 % of each group's images.

    Parameters
    ----------
    images : sequence of (int, str)
        Component and group of each image.
    """
    sizes = Counter(group for _, group in images)
    inside: dict[int, Counter[str]] = {}
    for component, group in images:
        inside.setdefault(component, Counter())[group] += 1
    taken: Counter[str] = Counter()
    held_out = set()
    for component in sorted(inside, key=lambda c: zlib.crc32(f"component {c}".encode())):
        groups = inside[component]
        if all(taken[g] + n <= max(1, _VALIDATION_SHARE * sizes[g]) for g, n in groups.items()):
            taken += groups
            held_out.add(component)
    return frozenset(held_out)


def t98g_images(folder: Path, part: Part) -> list[AnnotatedImage]:
    """Return the phase contrast images of a part; every sixth image is for validation."""
    images = sorted((folder / "images").glob("*.png"))
    wanted = [i for i in range(len(images)) if (i % 6 == 5) is (part is Part.VALIDATION)]
    return [AnnotatedImage(images[i], folder / "masks" / images[i].name, "t98g") for i in wanted]
