"""Evaluation of models during and after training."""
