"""A list of stacks to correct one after the other, with the state of each."""
