"""The SAM 2 network, one module for each box of the paper's figure."""
