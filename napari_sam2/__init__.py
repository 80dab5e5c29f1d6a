"""Segment and track objects through time or depth with SAM 2, in napari and without it."""

__version__ = "0.1.0"
