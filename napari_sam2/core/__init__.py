"""Foundations without a domain: errors, geometry, files, JSON, caches."""
