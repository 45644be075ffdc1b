"""Pictures as data addresses: what a PNG reader gets back."""

import base64
import struct
import zlib

import numpy as np
import pytest

from fcnlab.ui.kit.images import png_address


@pytest.mark.parametrize("shape", [(28, 28), (100, 1250)])
def test_a_picture_comes_back(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)
    content = base64.b64decode(png_address(pixels).removeprefix("data:image/png;base64,"))
    assert content.startswith(b"\x89PNG")
    chunks, place = {}, 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        name, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert zlib.crc32(name + data) == struct.unpack(">I", content[place + 8 + length : place + 12 + length])[0]
        chunks[name], place = data, place + 12 + length
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == shape[::-1]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(shape[0], shape[1] + 1)
    assert not rows[:, 0].any()
    assert (rows[:, 1:] == pixels).all()
