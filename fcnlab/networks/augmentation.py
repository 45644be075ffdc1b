"""Random warps of digit images, whole batches at a time.

A warp is one small affine map (rotation, scale, shear, shift) and one smooth elastic displacement per image.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

ELASTIC_KNOTS = 6  # displacements are drawn on a 6x6 grid and smoothed between its knots


@dataclass(frozen=True)
class Warp:
    """The widest random distortion, each drawn uniformly within plus and minus its bound.

    Attributes:
        rotation_degrees: Rotation.
        scale: Relative change of each axis.
        shear: Relative shear.
        shift_pixels: Shift along each axis.
        elastic_pixels: Displacement of each knot of the elastic grid.
    """

    rotation_degrees: float
    scale: float
    shear: float
    shift_pixels: float
    elastic_pixels: float


def warp_images(images: Tensor, *, warp: Warp, generator: torch.Generator) -> Tensor:
    """Distort each image on its own, with bilinear interpolation and background outside.

    Args:
        images: Float tensor (N, 1, side, side).
        warp: Bounds of the distortion.
        generator: The only source of randomness.

    Returns:
        Float tensor of the same shape, values within the range of `images`.
    """
    count, side = len(images), images.shape[-1]
    pixel = 2.0 / side  # torch's sampling grid spans -1 to 1

    def draw(bound: float, *shape: int) -> Tensor:
        return (torch.rand((count, *shape), generator=generator) * 2 - 1) * bound

    angle = draw(math.radians(warp.rotation_degrees))
    scale, shear = 1 + draw(warp.scale, 2), draw(warp.shear)
    shift = draw(warp.shift_pixels * pixel, 2)
    cosine, sine = angle.cos() * scale[:, 0], angle.sin() * scale[:, 1]
    rows = torch.stack(
        [cosine, -sine + shear, shift[:, 0], angle.sin() * scale[:, 0], angle.cos() * scale[:, 1], shift[:, 1]], dim=1
    )
    grid = functional.affine_grid(rows.view(count, 2, 3), [count, 1, side, side], align_corners=False)
    knots = draw(warp.elastic_pixels * pixel, 2, ELASTIC_KNOTS, ELASTIC_KNOTS)
    elastic = functional.interpolate(knots, size=(side, side), mode="bicubic", align_corners=True)
    return functional.grid_sample(images, grid + elastic.permute(0, 2, 3, 1), align_corners=False)
