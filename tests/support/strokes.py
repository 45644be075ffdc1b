"""Digits as a pen draws them: strokes of points from 0 to 1, x to the right and y downwards."""

import math


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, points: int = 24) -> list[list[float]]:
    """Part of an ellipse, angles in degrees clockwise from the right."""
    angles = (math.radians(start + (end - start) * i / (points - 1)) for i in range(points))
    return [[x + rx * math.cos(a), y + ry * math.sin(a)] for a in angles]


DIGITS: dict[int, list[list[list[float]]]] = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270, 48)],
    1: [[[0.52, 0.2], [0.5, 0.5], [0.48, 0.8]]],
    2: [[*arc(0.5, 0.36, 0.17, 0.16, -170, 50), [0.34, 0.78], [0.5, 0.76], [0.7, 0.78]]],
    3: [[*arc(0.48, 0.36, 0.15, 0.14, -160, 90), *arc(0.48, 0.65, 0.18, 0.16, -90, 150)]],
    4: [[[0.4, 0.2], [0.33, 0.5], [0.68, 0.5]], [[0.62, 0.22], [0.6, 0.5], [0.58, 0.82]]],
    5: [[[0.66, 0.22], [0.42, 0.22], [0.4, 0.45], *arc(0.48, 0.62, 0.18, 0.18, -100, 140)]],
    6: [[[0.6, 0.2], [0.46, 0.34], [0.38, 0.54], *arc(0.5, 0.64, 0.13, 0.16, 180, -180, 40)]],
    7: [[[0.34, 0.24], [0.5, 0.23], [0.66, 0.24], [0.58, 0.45], [0.5, 0.62], [0.44, 0.82]]],
    8: [[*arc(0.5, 0.35, 0.13, 0.15, 90, -270, 40), *arc(0.5, 0.66, 0.15, 0.16, -90, 270, 40)]],
    9: [[*arc(0.48, 0.38, 0.15, 0.16, 0, -360, 40), [0.62, 0.5], [0.6, 0.66], [0.56, 0.82]]],
}
