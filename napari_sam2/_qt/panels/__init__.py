"""Panels of the dock widget."""
