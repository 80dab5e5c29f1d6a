"""Start napari with a worklist: ``python -m napari_sam2._qt.worklist FOLDER``."""

import sys
from pathlib import Path

import napari

from napari_sam2._qt.worklist.widget import show_worklist


def main(path: Path) -> None:
    """Open a worklist in a new window, and return when napari is closed."""
    viewer = napari.Viewer()
    show_worklist(viewer).open_list(path)
    napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
