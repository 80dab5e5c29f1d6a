"""Videos: times of the frames, decoding, pixel formats and orientation."""

from napari_sam2.images.readers.video.reader import read_video

__all__ = ["read_video"]
