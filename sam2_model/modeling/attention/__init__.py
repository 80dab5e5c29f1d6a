"""Scaled dot-product attention, in the order of work that is fastest on the device."""
