"""Searches for objects on planes of a stack, without prompts."""
