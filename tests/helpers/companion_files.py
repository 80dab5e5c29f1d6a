"""Sets of TIFF files with a companion file, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

ID = "urn:uuid:00000000-0000-0000-0000-000000000001"
XML = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{id}">{images}
</OME>"""
IMAGE = """<Image ID="Image:{n}" Name="{name}"><Pixels ID="Pixels:{n}" Type="uint16"
 DimensionOrder="{order}" SizeX="{x}" SizeY="{y}" SizeC="{c}" SizeZ="{z}" SizeT="{t}"
 PhysicalSizeX="0.25" PhysicalSizeY="0.25" PhysicalSizeZ="2" TimeIncrement="5">{channels}{blocks}
</Pixels></Image>"""
_CHANNEL = '<Channel ID="Channel:{n}:{c}" Name="ch{c}" SamplesPerPixel="1"/>'
BLOCK = (
    '<TiffData FirstT="{t}" FirstC="{c}" FirstZ="0"{more}>'
    '<UUID FileName="{file}">{id}</UUID></TiffData>'
)


def write_set(
    folder: Path, pixels: np.ndarray, order: str = "XYZCT", more: str = ' IFD="0" PlaneCount="{z}"'
) -> Path:
    """Write images (scene, t, c, z, y, x), one file a scene, time and channel."""
    images = []
    for n, scene in enumerate(pixels):
        t, c, z, y, x = scene.shape
        blocks = ""
        for time, channel in np.ndindex(t, c):
            name = f"s{n}_t{time}_c{channel}.tif"
            own = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{ID}">'
            only = f'<BinaryOnly MetadataFile="set.companion.ome" UUID="{ID}"/></OME>'
            options: Any = {"metadata": None, "photometric": "minisblack"}
            tifffile.imwrite(folder / name, scene[time, channel], description=own + only, **options)
            facts = {"t": time, "c": channel, "file": name, "id": ID}
            blocks += BLOCK.format(**facts, more=more.format(z=z))
        channels = "".join(_CHANNEL.format(n=n, c=i) for i in range(c))
        sizes = {"t": t, "c": c, "z": z, "y": y, "x": x, "order": order}
        facts = {"n": n, "name": f"field {n}", "channels": channels, "blocks": blocks}
        images.append(IMAGE.format(**sizes, **facts))
    path = folder / "set.companion.ome"
    path.write_text(XML.format(id=ID, images="".join(images)))
    return path
