"""Lazy image stacks: axes, reading, intensity and views."""
