"""The dock widget; the only package that uses Qt."""
