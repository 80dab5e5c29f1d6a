"""Commands, readers, writers and sample data of the plugin manifest."""
