"""Divisions of objects along t, found in their masks."""
