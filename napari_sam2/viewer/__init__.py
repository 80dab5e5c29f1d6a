"""napari layers and viewers, without Qt."""
