"""The SAM 2 network, one module for each part of the figure in the paper."""
