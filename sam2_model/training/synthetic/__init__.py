"""Synthetic movies and volumes with ground truth."""
