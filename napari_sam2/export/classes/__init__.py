"""Classes of objects in label files."""
