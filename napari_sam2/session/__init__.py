"""Segmentation sessions: one image, one model, prompts and masks."""
