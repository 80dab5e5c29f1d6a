"""Label images written to files."""
