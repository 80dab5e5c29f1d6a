"""Masks of one volume from runs along several axes, and their mean."""
