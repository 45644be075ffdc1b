"""The packed layout: one image in a few ciphertexts, whose slots hold positions and replicas.

`layout` turns a circuit into a program on slots, `program` runs it on anything (numbers, bounds, ciphertexts), `plans`
proves encryption parameters for it. Nothing here knows encryption: that is in `he`.
"""
