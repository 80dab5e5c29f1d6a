"""The predictor on the workers of a dask cluster."""
