"""Prompt types, stores, history and file formats."""
