"""Training samples from real images."""
