"""The engines of a server: one Pyfhel call for each operation, or kernels on residues; for both layouts."""
