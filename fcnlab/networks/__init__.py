"""Torch networks, their weights on disk, and how they are fitted. Knows no encryption."""
