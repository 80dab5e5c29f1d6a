"""The model along frames: plans, sweeps, tracks and termination."""
