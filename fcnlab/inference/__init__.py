"""An encrypted run from images to logits and its account; the one room where all stages meet."""
