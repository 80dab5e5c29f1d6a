"""Stored reference cases: their deterministic weights and inputs, and how they are replayed."""
