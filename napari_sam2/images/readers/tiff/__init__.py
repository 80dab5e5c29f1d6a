"""TIFF files: choice of the image, sizes, and the check that a file is complete."""
