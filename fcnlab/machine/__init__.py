"""This machine: cores, memory, caches, and jobs in processes of their own."""
