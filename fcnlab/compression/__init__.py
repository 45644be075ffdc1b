"""Sparsity: pruning, powers of two, and untied connections, each on a torch network. Knows no encryption."""
