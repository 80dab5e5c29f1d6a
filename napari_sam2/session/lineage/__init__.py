"""Parent links between the objects of a session, and divisions."""
