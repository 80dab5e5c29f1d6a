"""What is done when a session cannot be saved."""
