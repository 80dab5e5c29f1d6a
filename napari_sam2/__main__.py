"""Run the command line with ``python -m napari_sam2``."""

from __future__ import annotations

import sys

from napari_sam2.cli.app import run


def main() -> None:
    """Run the command line and exit with its exit code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
