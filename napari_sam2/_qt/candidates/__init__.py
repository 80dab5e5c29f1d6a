"""Candidates for objects in the widget."""
