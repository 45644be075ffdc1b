"""Encryption: the only part of the package that knows Pyfhel."""
