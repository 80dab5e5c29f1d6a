"""Speed and memory of the network beside other implementations of SAM 2."""
