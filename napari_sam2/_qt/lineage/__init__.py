"""Tracks, divisions and their export in the widget."""
