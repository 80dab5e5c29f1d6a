"""Contrast limits chosen from the values of a stack."""
