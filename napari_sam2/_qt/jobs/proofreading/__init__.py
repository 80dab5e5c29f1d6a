"""Jobs that correct tracks: local propagation, locks, and the extent of objects."""
