"""Analysis of finished segmentations."""
