"""Measurements in the widget: the table, its plot and the features of the labels."""
