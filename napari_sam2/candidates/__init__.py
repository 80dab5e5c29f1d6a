"""Candidates for objects on one plane, which become objects once they are accepted."""
