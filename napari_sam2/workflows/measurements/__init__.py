"""Measurements of labels and sessions, from files to a table."""
