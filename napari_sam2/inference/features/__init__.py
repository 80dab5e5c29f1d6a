"""Caches of image features, in memory and on disk."""
