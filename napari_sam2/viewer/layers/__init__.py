"""One module for each kind of the plugin's layers."""
