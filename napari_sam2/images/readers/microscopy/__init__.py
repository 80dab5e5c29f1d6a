"""Files of microscope makers, read by optional libraries."""
