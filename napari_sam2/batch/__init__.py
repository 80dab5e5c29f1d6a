"""Many stacks on the workers of a dask cluster."""
