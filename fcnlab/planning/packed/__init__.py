"""The packed layout: one image in a few ciphertexts, whose slots hold positions and replicas.

`pack` turns a circuit into a program on slots, `program` runs it on anything (numbers, bounds, ciphertexts), `exact`
and `approximate` prove encryption parameters for it. Nothing here knows encryption: that is in `he`.
"""
