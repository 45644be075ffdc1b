"""The private data sets, and how they are split."""
