"""Candidates in the viewer: which are accepted and rejected."""
