"""Transfer learning for real data: a public extractor in the clear, a small private head under encryption.

The client computes features with a public network, quantises them to a few bits and encrypts those. The server knows
only a small head, trained with differential privacy. `features` is the public part, `heads` the private one,
`records` three experiments on real data and any images of one's own.
"""
