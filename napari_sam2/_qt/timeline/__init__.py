"""The timeline of the objects' confidence, and the review of frames."""
