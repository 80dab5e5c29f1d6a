"""Runs of the model through a series of volumes (t, z, y, x)."""
