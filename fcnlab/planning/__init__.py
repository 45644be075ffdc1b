"""Encryption parameters that are proven sufficient, or a refusal that says why. Knows no ciphertext."""
