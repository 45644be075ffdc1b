"""Public extractors: what a client computes in the clear before it encrypts."""
