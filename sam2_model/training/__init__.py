"""Training and fine-tuning: synthetic data, simulated clicks, losses and the loop."""
