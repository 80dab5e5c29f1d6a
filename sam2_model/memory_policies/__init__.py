"""Policies of the memory: which frames are remembered, and which of them a frame attends to."""
