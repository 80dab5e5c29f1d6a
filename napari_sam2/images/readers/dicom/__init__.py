"""DICOM files and folders: slices sorted by position into volumes and time series."""
