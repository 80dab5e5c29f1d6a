"""Image files, and folders of image files as frames."""

from napari_sam2.images.readers.raster.folder import (
    is_image,
    natural_key,
    read_image_folder,
    read_images,
    read_one_image,
)

__all__ = ["is_image", "natural_key", "read_image_folder", "read_images", "read_one_image"]
