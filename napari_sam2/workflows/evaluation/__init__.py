"""Scores of a model on labelled stacks."""
