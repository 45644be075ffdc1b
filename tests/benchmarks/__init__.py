"""Measurements, apart from the tests: `python -m tests.benchmarks --help`."""
