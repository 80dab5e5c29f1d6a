"""TIFF files: opening, pixel sizes, and the check that a file is complete."""
