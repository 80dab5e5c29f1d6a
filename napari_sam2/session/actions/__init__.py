"""The log of all actions of a session, from which it is computed again."""
