"""Scores of a model on labeled stacks."""
