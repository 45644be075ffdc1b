"""Lab 07: the four questions of the paper."""
