"""The repository's `data/`: images, tables and how their files are read and written. Knows no torch."""
