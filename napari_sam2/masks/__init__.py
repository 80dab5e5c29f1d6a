"""Per-object masks, their stores, and the label image derived from them."""
