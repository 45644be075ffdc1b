"""What is measured: unit costs of this machine, whole runs, portions of runs, and the table that compares them."""
