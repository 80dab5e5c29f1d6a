"""Background jobs of the dock widget and their controller."""
