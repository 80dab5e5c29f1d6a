"""Minimal Leica files for tests: an XML header and one block of pixels for each image."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IDS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "M": 10}


@dataclass(frozen=True)
class LifImage:
    """Pixels in the order ``axes``, with C anywhere, and the extent of each axis."""

    name: str
    axes: str
    pixels: NDArray[Any]
    extent: dict[str, tuple[float, float, str]]
    bits: int = 16
    folder: str = ""

    def element(self, number: int) -> str:
        sizes = dict(zip(self.axes, self.pixels.shape, strict=True))
        strides = dict(zip(self.axes, self.pixels.strides, strict=True))
        dimensions = "".join(
            f'<DimensionDescription DimID="{_IDS[axis]}" NumberOfElements="{sizes[axis]}" '
            f'Origin="{self.extent.get(axis, (0, 0, ""))[0]}" '
            f'Length="{self.extent.get(axis, (0, 0, ""))[1]}" '
            f'Unit="{self.extent.get(axis, (0, 0, ""))[2]}" '
            f'BytesInc="{strides[axis]}" BitInc="0"/>'
            for axis in reversed(self.axes)
            if axis != "C"
        )
        channels = "".join(
            f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{self.bits}" '
            f'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="{lut}" '
            f'IsLUTInverted="0" BytesInc="{i * strides.get("C", 0)}" BitInc="0"/>'
            for i, lut in enumerate(["Green", "Red", "Blue"][: sizes.get("C", 1)])
        )
        image = (
            f'<Element Name="{self.name}" UniqueID="id{number}"><Data><Image><ImageDescription>'
            f"<Channels>{channels}</Channels><Dimensions>{dimensions}</Dimensions>"
            f'</ImageDescription></Image></Data><Memory Size="{self.pixels.nbytes}" '
            f'MemoryBlockID="MemBlock_{number}"/><Children/></Element>'
        )
        if not self.folder:
            return image
        return (
            f'<Element Name="{self.folder}" UniqueID="f{number}"><Data/>'
            f'<Memory Size="0" MemoryBlockID="MemBlock_p"/><Children>{image}</Children></Element>'
        )


def write_lif(path: Path, images: list[LifImage]) -> Path:
    """Write images as one LIF file of version 2."""
    elements = "".join(image.element(number) for number, image in enumerate(images))
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="project" UniqueID="p"><Data>'
        "<Experiment/></Data>"
        f'<Memory Size="0" MemoryBlockID="MemBlock_p"/><Children>{elements}</Children></Element>'
        "</LMSDataContainerHeader>"
    )
    text = xml.encode("utf-16-le")
    with path.open("wb") as file:
        file.write(struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text)
        blocks = [("p", b"")] + [(str(i), x.pixels.tobytes()) for i, x in enumerate(images)]
        for number, data in blocks:
            name = f"MemBlock_{number}".encode("utf-16-le")
            size = 1 + 8 + 1 + 4 + len(name)
            file.write(struct.pack("<IIBQBI", 0x70, size, 0x2A, len(data), 0x2A, len(name) // 2))
            file.write(name + np.frombuffer(data, np.uint8).tobytes())
    return path
