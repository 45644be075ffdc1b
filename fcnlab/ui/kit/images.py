"""Grey images as PNG data addresses, small enough for a notebook; needs no imaging library."""

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.page import escape

THUMBNAIL, HARD, QUICK = 4096, 9, 3  # pixels; deflate: a fifth smaller takes sixty times as long


def png_address(pixels: npt.NDArray[Any]) -> str:
    """A ``data:`` address of a grey image.

    Args:
        pixels: uint8, shape (height, width); 0 is black.
    """
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = pixels
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits, grey, deflate, no interlace
    level = HARD if pixels.size <= THUMBNAIL else QUICK
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b""))
    )
    return "data:image/png;base64," + base64.b64encode(content).decode()


def digit_cell(pixels: npt.NDArray[Any], *, name: str, reads: int, label: int) -> str:
    """An image with what was read under encryption, and its label where that is another."""
    caption = f"<b>{reads}</b>" if reads == label else f'<b class="wrong">{reads}</b> is {label}'
    picture = f'<img src="{png_address(pixels)}" alt="{escape(name)}" width="56" height="56">'
    return f'<div class="digit">{picture}{caption}</div>'
