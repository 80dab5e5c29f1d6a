"""Tracking through a series of volumes: along z within a time point, along t between them."""
