"""Segmentation of a series of volumes from files to files."""
