"""Scores of models during and after training."""
