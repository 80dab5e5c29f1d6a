"""Candidates for objects of a session."""
