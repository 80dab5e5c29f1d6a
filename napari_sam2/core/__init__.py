"""Foundations of all other packages: errors, geometry, files, JSON and a cache."""
