"""Plans of the batch layout: an image in each slot, a ciphertext for each pixel."""
