"""Ciphertexts as arrays of residues modulo primes: transforms, key switching, dropped primes, encryption."""
