"""The napari layers of a session: points, shapes, labels and the preview."""
