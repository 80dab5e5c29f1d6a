"""The widget on a series of volumes: runs through time and depth, and their map."""
