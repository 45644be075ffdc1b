"""From the strokes of a pen to an image as MNIST has them.

MNIST's convention, which all of its 70,000 images follow but for a pixel: the digit fills a box of 20 pixels along its
longer side, keeps its proportions, and is moved by whole pixels so that its centre of mass comes nearest to the middle
of the 28x28 image, the pixel of index 14. Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten
digits. Knows numpy only.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.data.mnist import MNIST_SIDE
from fcnlab.errors import DataError

Strokes = Sequence[Sequence[Sequence[float]]]
"""Each stroke a list of points (x, y) in units of the canvas: 0 to 1, x to the right, y downwards."""

DIGIT_SIDE: Final = 20
MIDDLE: Final = 14
PEN_PIXELS: Final = 2.6
"""Width of the pen in the finished image: with it, drawn digits are as black as MNIST's."""
FINE: Final = 4  # ink is drawn this much finer than the image, and averaged
SMALLEST: Final = 0.02  # of the canvas: a point is drawn as a blot of this size
MOST_POINTS: Final = 20_000


def digit_image(strokes: Strokes) -> npt.NDArray[np.uint8]:
    """The image of a drawn digit, uint8, shape (28, 28), 0 is background.

    However large or small it was drawn, its lines are as thick as MNIST's.

    Raises:
        DataError: If nothing is drawn, or points are no pairs of numbers from 0 to 1.
    """
    paths = check_strokes(strokes)
    points = np.concatenate(paths)
    low = points.min(axis=0)
    extent = max(float((points.max(axis=0) - low).max()), SMALLEST)
    pen = extent * PEN_PIXELS / (DIGIT_SIDE - PEN_PIXELS)
    scale = FINE * DIGIT_SIDE / (extent + pen)
    return normalise_ink(draw_ink([(path - low + pen / 2) * scale for path in paths], radius=pen / 2 * scale))


def check_strokes(strokes: Strokes) -> list[npt.NDArray[np.float64]]:
    """The strokes as arrays of shape (points, 2), empty ones left out.

    Raises:
        DataError: As `digit_image`.
    """
    try:
        paths = [np.asarray(stroke, dtype=np.float64).reshape(len(stroke), 2) for stroke in strokes if len(stroke)]
    except (TypeError, ValueError):
        raise DataError("Strokes are lists of points (x, y); these are not.") from None
    if not paths:
        raise DataError("Nothing is drawn yet: draw a digit, or choose test digits.")
    points = np.concatenate(paths)
    if not np.isfinite(points).all() or points.min() < 0 or points.max() > 1 or len(points) > MOST_POINTS:
        raise DataError(f"A drawing has at most {MOST_POINTS:,} points, each coordinate from 0 to 1; clear it.")
    return paths


def draw_ink(paths: Sequence[npt.NDArray[np.float64]], *, radius: float) -> npt.NDArray[np.float64]:
    """Draw round lines through points given in pixels.

    Args:
        paths: Each of shape (points, 2), x before y; one point makes a blot.
        radius: The pen's radius, in pixels.

    Returns:
        Ink of each pixel, 0 to 1, on a sheet just large enough.
    """
    width, height = np.ceil(np.concatenate(paths).max(axis=0) + radius + 0.5).astype(int)
    ink = np.zeros((height, width))
    reach = radius + 1
    for path in paths:
        for start, end in pairwise(path) if len(path) > 1 else [(path[0], path[0])]:
            left, top = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
            right, bottom = np.ceil(np.maximum(start, end) + reach).astype(int)
            window = ink[top:bottom, left:right]
            rows, columns = np.indices(window.shape) + 0.5
            along = end - start
            x, y = columns + left - start[0], rows + top - start[1]
            length = float(along @ along)
            share = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else 0.0
            distance = np.hypot(x - share * along[0], y - share * along[1])
            np.maximum(window, np.clip(radius - distance + 0.5, 0, 1), out=window)
    return ink


def normalise_ink(ink: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Ink of any size as an MNIST image: scaled to 20 pixels, centred by its mass, the blackest pixel 255.

    Args:
        ink: Shape (height, width), not negative, 0 where there is none.

    Returns:
        uint8, shape (28, 28).

    Raises:
        DataError: If there is no ink.
    """
    sheet = np.asarray(ink, dtype=np.float64)
    if sheet.ndim != 2 or not sheet.any() or sheet.min() < 0:
        raise DataError("Ink is a matrix of amounts, none negative and not all zero; draw something.")
    rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
    box = sheet[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(DIGIT_SIDE * side / max(box.shape))) for side in box.shape)
    digit = averaging(box.shape[0], height) @ box @ averaging(box.shape[1], width).T
    image = np.zeros((MNIST_SIDE, MNIST_SIDE))
    top, left = place(digit.sum(axis=1)), place(digit.sum(axis=0))
    image[top : top + height, left : left + width] = digit
    return np.asarray(np.rint(255 * image / image.max()), dtype=np.uint8)


def averaging(pixels: int, fewer: int) -> npt.NDArray[np.float64]:
    """The matrix that averages `pixels` values over `fewer` equal intervals, shape (fewer, pixels)."""
    ends = np.linspace(0, pixels, fewer + 1)
    edges = np.arange(pixels)
    overlap = np.minimum(ends[1:, None], edges + 1) - np.maximum(ends[:-1, None], edges)
    return np.asarray(np.maximum(overlap, 0) * (fewer / pixels))


def place(mass: npt.NDArray[np.float64]) -> int:
    """Where a profile of mass has to begin for its centre to come nearest to the middle, without leaving the image."""
    centre = float(mass @ np.arange(len(mass)) / mass.sum())
    return int(np.clip(np.rint(MIDDLE - centre), 0, MNIST_SIDE - len(mass)))
