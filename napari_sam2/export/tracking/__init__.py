"""Tracks with their lineage in formats of other programs."""
