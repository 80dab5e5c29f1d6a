"""The command line. Each command has one module, which imports heavy libraries when it runs."""
