"""Measurements of labeled objects in physical units."""
