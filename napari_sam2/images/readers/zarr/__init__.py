"""Zarr arrays and OME-Zarr images, versions 2 and 3, local, zipped or by URL."""

from napari_sam2.images.readers.zarr.reader import read_group, read_zarr
from napari_sam2.images.readers.zarr.storage import is_zarr_folder, open_node

__all__ = ["is_zarr_folder", "open_node", "read_group", "read_zarr"]
