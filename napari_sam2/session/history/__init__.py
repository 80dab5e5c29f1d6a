"""Undo and redo of all edits of a session."""
