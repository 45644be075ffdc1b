import numpy as np
import pytest
import torch

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.transfer.features.digit_images import centre_by_mass, coarsen, enlarge, enlarge_digits


def test_an_enlarged_digit_is_centred_and_has_a_margin() -> None:
    squares = np.zeros((1, 8, 8))
    squares[0, 2:7, 1:3] = 16
    image = enlarge_digits(squares, ink=16)
    assert image.shape == (1, 28, 28)
    assert image.dtype == np.uint8
    assert image.max() > 240
    rows, columns = np.nonzero(image[0] > 128)
    assert abs(rows.mean() - 13.5) <= 0.75
    assert abs(columns.mean() - 13.5) <= 0.75
    assert not image[0, :4].any()


def test_each_image_depends_on_itself_alone() -> None:
    squares = np.random.default_rng(0).integers(0, 17, size=(5, 8, 8))
    together = enlarge_digits(squares, ink=16)
    assert np.array_equal(together[3:4], enlarge_digits(squares[3:4], ink=16))


def test_an_empty_digit_stays_empty() -> None:
    assert not enlarge_digits(np.zeros((2, 8, 8)), ink=16).any()


@pytest.mark.parametrize("squares", [np.zeros((2, 9, 8)), np.full((1, 8, 8), 17), np.full((1, 8, 8), -1)])
def test_other_grids_are_refused(squares) -> None:
    with pytest.raises(DataError, match="0 to 16"):
        enlarge_digits(squares, ink=16)


def test_coarsening_keeps_the_ink_and_forgets_detail() -> None:
    images = torch.from_numpy(load_mnist("test").pixels[:20].copy())[:, None].float() / 255
    coarse = coarsen(images)
    assert coarse.shape == images.shape
    assert torch.allclose(coarse.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), rtol=0.2)
    constant = torch.full((1, 1, 8, 8), 0.5)
    assert torch.allclose(enlarge(constant)[:, :, 4:24, 4:24], torch.tensor(0.5))


def test_centring_moves_by_whole_pixels() -> None:
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 1, 7] = 1
    centred = centre_by_mass(image)
    assert centred[0, 0, 4, 4] == 1
    assert centred.sum() == 1
