"""Storage of runs and sessions on disk."""
