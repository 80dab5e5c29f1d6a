"""Values of the SAM 2 predictor."""
