"""Identities, known shifts, and randomness from the generator alone."""

import pytest
import torch

from fcnlab.networks.augmentation import Warp, warp_images

STILL = Warp(rotation_degrees=0, scale=0, shear=0, shift_pixels=0, elastic_pixels=0)
STRONG = Warp(rotation_degrees=20, scale=0.2, shear=0.2, shift_pixels=3, elastic_pixels=2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_distortion_is_the_identity() -> None:
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(warp_images(images, warp=STILL, generator=generator()), images, atol=1e-4, rtol=0)


def test_values_stay_in_range_and_shape() -> None:
    images = torch.rand(50, 1, 28, 28) * 255
    warped = warp_images(images, warp=STRONG, generator=generator())
    assert warped.shape == images.shape
    assert warped.min() >= 0
    assert warped.max() <= images.max()
    assert torch.isfinite(warped).all()


def test_each_image_has_its_own_distortion_and_the_generator_decides() -> None:
    image = torch.rand(1, 1, 28, 28).repeat(4, 1, 1, 1)
    first, again = (warp_images(image, warp=STRONG, generator=generator(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, warp_images(image, warp=STRONG, generator=generator(8)))


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_a_shift_moves_the_centre_of_mass_within_its_bound(bound: float) -> None:
    images = torch.zeros(200, 1, 28, 28)
    images[:, :, 12:16, 12:16] = 1.0
    warp = Warp(rotation_degrees=0, scale=0, shear=0, shift_pixels=bound, elastic_pixels=0)
    warped = warp_images(images, warp=warp, generator=generator())
    columns = torch.arange(28.0)
    centres = (warped.sum(dim=2) * columns).sum(dim=(1, 2)) / warped.sum(dim=(1, 2, 3))
    shifts = centres - 13.5
    assert shifts.abs().max() <= bound + 1e-3
    assert shifts.max() > 0.8 * bound
    assert shifts.min() < -0.8 * bound
