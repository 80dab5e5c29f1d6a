"""Inspect the installation and the computer, and find problems."""

from napari_sam2.cli.diagnostics.diagnosis import diagnose
from napari_sam2.cli.diagnostics.environment import Environment, Gpu, Package, Problem, Unmet
from napari_sam2.cli.diagnostics.inspection import inspect
from napari_sam2.cli.diagnostics.report import report

__all__ = [
    "Environment",
    "Gpu",
    "Package",
    "Problem",
    "Unmet",
    "diagnose",
    "inspect",
    "report",
]
