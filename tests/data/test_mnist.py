"""Against the published checksums and exact rounding."""

import gzip
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fcnlab.data.mnist import DATA_ROOT, Images, load_mnist, quantise_pixels, split_validation
from fcnlab.errors import DataError


def small_images(count: int) -> Images:
    pixels = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2)
    return Images(pixels, np.arange(count, dtype=np.int64))


def test_both_splits_load_whole() -> None:
    training, test = load_mnist("train"), load_mnist("test")
    assert training.pixels.shape == (60_000, 28, 28)
    assert test.pixels.shape == (10_000, 28, 28)
    assert training.pixels.dtype == np.uint8
    assert test.labels.dtype == np.int64
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz is missing"):
        load_mnist("test", folder=tmp_path)


@pytest.mark.parametrize("damage", ["altered", "truncated", "no gzip"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    shutil.copytree(DATA_ROOT / "mnist", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    if damage == "altered":
        content[100] ^= 1
        path.write_bytes(gzip.compress(bytes(content)))
    else:
        path.write_bytes(path.read_bytes()[:-20] if damage == "truncated" else bytes(content))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz (has been altered|cannot be read)"):
        load_mnist("test", folder=tmp_path)


def test_the_data_folder_can_be_moved(tmp_path: Path) -> None:
    code = "from fcnlab.data.mnist import DATA_ROOT; print(DATA_ROOT)"
    environment = os.environ | {"FCNLAB_DATA": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(tmp_path)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="choose 'train' or 'test'"):
        load_mnist("validation")  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", range(1, 9))
def test_pixels_round_to_the_nearest_level(bits: int) -> None:
    levels = quantise_pixels(np.arange(256, dtype=np.uint8), bits=bits)
    top = 2**bits - 1
    assert levels.tolist() == [round(Fraction(grey * top, 255)) for grey in range(256)]
    assert (levels.min(), levels.max()) == (0, top)


@pytest.mark.parametrize(("window", "bits"), [(2, 1), (2, 5), (3, 4), (5, 8)])
def test_windows_round_their_mean(window: int, bits: int) -> None:
    images = np.random.default_rng(bits).integers(0, 256, size=(2, 17, 15), dtype=np.uint8)
    levels = quantise_pixels(images, bits=bits, window=window)
    assert levels.shape == (2, 17 // window, 15 // window)
    for index, row, column in np.ndindex(levels.shape):
        place = (slice(row * window, (row + 1) * window), slice(column * window, (column + 1) * window))
        exact = Fraction(int(images[index][place].sum()) * (2**bits - 1), 255 * window**2)
        assert abs(levels[index, row, column] - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(("shape", "window"), [((4, 4), 0), ((4, 4), -1), ((4,), 2)])
def test_windows_lie_in_images(shape: tuple[int, ...], window: int) -> None:
    with pytest.raises(DataError, match="A window has a side of 1 or more"):
        quantise_pixels(np.zeros(shape, dtype=np.uint8), bits=4, window=window)


@pytest.mark.parametrize("bits", [0, 9])
def test_pixel_bits_are_bounded(bits: int) -> None:
    with pytest.raises(DataError, match="1 to 8 bits"):
        quantise_pixels(np.zeros(3, dtype=np.uint8), bits=bits)


def test_only_grey_values_are_quantised() -> None:
    with pytest.raises(DataError, match="uint8"):
        quantise_pixels(np.zeros(3), bits=4)  # type: ignore[arg-type]


def test_a_split_is_a_partition_and_repeats() -> None:
    images = small_images(20)
    training, validation = split_validation(images, count=6, seed=3)
    again, _ = split_validation(images, count=6, seed=3)
    assert sorted([*training.labels, *validation.labels]) == list(range(20))
    assert len(validation) == 6
    assert np.array_equal(training.labels, again.labels)
    assert np.array_equal(training.pixels, images.pixels[training.labels])


@pytest.mark.parametrize("count", [0, 20])
def test_no_part_of_a_split_is_empty(count: int) -> None:
    with pytest.raises(DataError, match="1 to 19 images"):
        split_validation(small_images(20), count=count, seed=0)


def test_images_need_one_label_each() -> None:
    with pytest.raises(DataError, match="Images need pixels"):
        Images(np.zeros((3, 2, 2), dtype=np.uint8), np.zeros(2, dtype=np.int64))
