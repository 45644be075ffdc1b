"""A network as integers: exact steps, their operations counted, and the programs that engines run. Knows no torch."""
