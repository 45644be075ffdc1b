"""Lab 03: what a run costs."""
