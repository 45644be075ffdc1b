"""Encrypted."""
