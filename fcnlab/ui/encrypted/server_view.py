"""What the server saw of a digit: ciphertexts as pictures, beside the image that only the client has."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fcnlab.ui.encrypted.account import megabytes
from fcnlab.ui.encrypted.runs import Overheard, Reading
from fcnlab.ui.encrypted.words import quantised
from fcnlab.ui.kit.images import png_address
from fcnlab.ui.kit.page import Markup, Page


def server_view(reading: Reading, shown: int) -> Page:
    """The plain image, what stands in each pixel's place at the server, and one whole ciphertext."""
    heard, plan = reading.overheard, reading.setup.plan
    (plain,) = quantised(reading.picture.pixels[shown : shown + 1], reading.setup.circuit)
    pictures = [(plain, "the client's image")]
    if plan.layout == "batch":
        words = "at the server: one residue of each pixel's ciphertext, in its place"
        pictures.append((in_place(heard, plan.inputs, plain.shape), words))
    pictures.append((sheet(heard.first), "at the server: one whole ciphertext"))
    cells = "".join(framed(image, words) for image, words in pictures)
    return Page(
        Markup("<p><b>What the server saw</b></p>", words="What the server saw"),
        Markup(f'<div style="display: flex; flex-wrap: wrap; gap: 16px">{cells}</div>'),
        noise_sentence(heard),
    )


def framed(image: npt.NDArray[np.uint8], words: str) -> str:
    """An image 168 pixels high, with what it is below it."""
    width = round(168 * image.shape[1] / image.shape[0])
    return (
        f'<figure style="margin: 0; width: {max(width, 168)}px"><img src="{png_address(image)}" alt="{words}" '
        f'width="{width}" height="168" style="image-rendering: pixelated; border-radius: 4px">'
        f'<figcaption class="note">{words}</figcaption></figure>'
    )


def in_place(heard: Overheard, inputs: Sequence[int], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """One residue of each ciphertext at its pixel; pixels that are not sent stay black."""
    image = np.zeros(shape, dtype=np.uint8)
    image.reshape(-1)[list(inputs)] = heard.one_each
    return image


def sheet(first: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The residues of a ciphertext as a sheet about as wide as high."""
    height = 1 << (int(np.sqrt(first.size)).bit_length() - 1)
    return first.reshape(height, -1)


def chi_squared(greys: npt.NDArray[np.uint8]) -> float:
    """How far 256 greys are from being equally frequent: 255 on average if they are, give or take 23."""
    expected = greys.size / 256
    return float((((np.bincount(greys.ravel(), minlength=256) - expected) ** 2) / expected).sum())


def noise_sentence(heard: Overheard) -> str:
    """Numbers on the ciphertexts."""
    _, primes, degree = heard.first.shape
    return (
        f"{heard.ciphertexts:,} ciphertexts, {megabytes(heard.bytes)} in the first pass. One of them is 1 polynomial "
        f"(and a seed, from which the server makes the other) of {degree:,} coefficients modulo {primes} primes: "
        f"{heard.first.size:,} residues, here as greys from 0 to the prime. All "
        f"greys are equally frequent: chi-squared of 256 greys is {chi_squared(heard.first):.0f}, and pure "
        "chance gives 255 ± 23. The blackest pixel looks no different."
    )
