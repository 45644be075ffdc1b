"""Lab 07: the four questions of the paper, answered from the stored tables."""
