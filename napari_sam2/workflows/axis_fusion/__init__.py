"""Segmentation along several axes of a volume from files to files."""
