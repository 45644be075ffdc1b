"""Image files of every kind against their pixels, and files that are none."""

import io
import os
import random
from pathlib import Path

import numpy as np
import pytest

from fcnlab.transfer.records import photographs
from fcnlab.transfer.records.photographs import read_image

Image = pytest.importorskip("PIL.Image", reason="the images extra is not installed")
SHADES = np.linspace(0, 255, 224).round().astype(np.uint8)[:, None].repeat(224, axis=1)
"""Black above, white below, as a reader should see it."""


def seen(path: Path) -> np.ndarray:
    """The three equal channels of a grey image."""
    image = read_image(path)
    assert image is not None
    assert image.shape == (224, 224, 3)
    assert (image == image[..., :1]).all()
    return image[..., 0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_eight_bits_is_seen_alike(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.fromarray(np.where(SHADES > 127, 255, 0).astype(np.uint8)).convert(mode).save(path)
    assert np.array_equal(seen(path), np.where(SHADES > 127, 255, 0))


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("depth", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_to_eight(depth: str, suffix: str, tmp_path: Path) -> None:
    wide = (SHADES.astype(np.uint16) * 257).astype(depth)
    mode = {"<u2": "I;16", ">u2": "I;16B"}[depth]
    Image.frombytes(mode, (224, 224), wide.tobytes()).save(tmp_path / f"x.{suffix}")
    assert np.array_equal(seen(tmp_path / f"x.{suffix}"), SHADES)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_without_a_known_white_are_refused(kind: type, tmp_path: Path) -> None:
    Image.fromarray(SHADES.astype(kind)).save(tmp_path / "x.tif")
    assert read_image(tmp_path / "x.tif") is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_seen_upright(orientation: int, tmp_path: Path) -> None:
    from PIL.Image import Transpose

    back = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_90,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_270,
    }
    upright = Image.fromarray(SHADES)
    upright.paste(128, (0, 0, 50, 50))
    stored = upright.transpose(back[orientation]) if orientation in back else upright
    notes = Image.Exif()
    notes[0x0112] = orientation
    stored.save(tmp_path / "x.png", exif=notes)
    assert np.array_equal(seen(tmp_path / "x.png"), np.asarray(upright))


def test_colours_that_nobody_sees_do_not_count(tmp_path: Path) -> None:
    """Two images that look the same, with other colours where they are transparent, and half of one."""
    rng = np.random.default_rng(0)
    alpha = np.zeros((224, 224, 1), dtype=np.uint8)
    alpha[:100] = 255
    alpha[100:120] = 128
    shown = np.full((224, 224, 3), 40, dtype=np.uint8)
    for name in ("one", "other"):
        hidden = np.where(alpha, shown, rng.integers(0, 256, shown.shape, dtype=np.uint8))
        Image.fromarray(np.concatenate([hidden, alpha], axis=-1)).save(tmp_path / f"{name}.png")
    one, other = seen(tmp_path / "one.png"), seen(tmp_path / "other.png")
    assert np.array_equal(one, other)
    assert (one[:100] == 40).all()
    assert (abs(one[100:120].astype(int) - 147) <= 1).all()
    assert (one[120:] == 255).all()
    index = Image.new("P", (224, 224), 1)
    index.putpalette([10, 10, 10, 200, 0, 0])
    index.save(tmp_path / "x.gif", transparency=1)
    assert (seen(tmp_path / "x.gif") == 255).all()


def test_photographs_of_telephones_are_jpegs_with_more_inside(tmp_path: Path) -> None:
    picture = Image.fromarray(SHADES)
    picture.save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=[Image.new("L", (224, 224))])
    assert abs(seen(tmp_path / "x.jpg").astype(int) - SHADES).max() < 8


def test_other_formats_are_never_decoded(tmp_path: Path) -> None:
    for name in ("PPM", "ICO", "TGA", "PCX"):
        Image.new("RGB", (32, 32)).save(tmp_path / "x.png", format=name)
        assert read_image(tmp_path / "x.png") is None


def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    for name in ("large", "huge"):
        assert read_image(tmp_path / f"{name}.png") is None


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for path in photographs.list_images(tmp_path):
        assert read_image(path) is None
    assert len(photographs.list_images(tmp_path)) == 3


def test_mutated_files_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(0)
    picture = Image.effect_mandelbrot((60, 40), (-2, -1, 1, 1), 50).convert("RGB")
    for name in photographs.FORMATS:
        whole = io.BytesIO()
        picture.save(whole, format=name)
        for _ in range(40):
            content = bytearray(whole.getvalue())
            for _ in range(rng.randrange(1, 9)):
                content[rng.randrange(min(len(content), 400))] = rng.randrange(256)
            path = tmp_path / "x.img"
            path.write_bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])
            image = read_image(path)
            assert image is None or image.shape == (224, 224, 3)


def test_a_decoder_may_raise_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "x.png")

    for kind in (IndexError, RuntimeError, MemoryError, RecursionError):

        def fail(_: object, kind: type[Exception] = kind) -> None:
            raise kind("x")

        monkeypatch.setattr(photographs, "see_colours", fail)
        assert read_image(tmp_path / "x.png") is None
