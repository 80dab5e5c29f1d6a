"""Runs of the model along several axes of a volume."""
