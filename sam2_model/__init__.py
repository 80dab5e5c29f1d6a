"""Segment Anything Model 2 and 2.1: network, predictors and training."""
