"""Tracks with lineage, from and to files of other programs."""
