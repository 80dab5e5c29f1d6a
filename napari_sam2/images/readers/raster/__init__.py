"""Image files, and folders and lists of image files as stacks."""

from napari_sam2.images.readers.raster.file_names import natural_key, natural_order
from napari_sam2.images.readers.raster.folder import read_image_folder, read_images
from napari_sam2.images.readers.raster.image_header import is_image
from napari_sam2.images.readers.raster.metamorph import read_metamorph
from napari_sam2.images.readers.raster.single_image import read_one_image

__all__ = [
    "is_image",
    "natural_key",
    "natural_order",
    "read_image_folder",
    "read_images",
    "read_metamorph",
    "read_one_image",
]
