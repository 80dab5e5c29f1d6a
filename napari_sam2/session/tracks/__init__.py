"""What was tracked of the objects of a session."""
