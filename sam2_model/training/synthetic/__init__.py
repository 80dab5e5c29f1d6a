"""Synthetic training samples."""
