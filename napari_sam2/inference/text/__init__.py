"""Text models: their names, their download, and what loads them."""
