"""Prompts of a series of volumes: each has a position along t and along z."""
