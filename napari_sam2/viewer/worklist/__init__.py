"""The layers of a stack of a worklist."""
