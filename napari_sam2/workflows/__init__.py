"""Headless programs on top of a session."""
