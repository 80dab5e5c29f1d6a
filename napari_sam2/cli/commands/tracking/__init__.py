"""Commands for tracks with lineage."""
