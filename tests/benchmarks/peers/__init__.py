"""Encrypted inference of other libraries, measured beside ours in one run: ``python -m tests.benchmarks.peers``."""
