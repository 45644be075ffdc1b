import sys
from pathlib import Path

import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.transfer.features import colour
from fcnlab.transfer.predict import find_images
from fcnlab.transfer.records.folders import read_folder
from fcnlab.transfer.records.photographs import read_image
from fcnlab.transfer.records.studies import load_study

Image = pytest.importorskip("PIL.Image", reason="the images extra is not installed")
EfficientNet = pytest.importorskip("efficientnet_lite_pytorch", reason="the images extra is not installed")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Parts of scikit-learn's two photographs, a class folder for each."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    for name, photograph in zip(("flower", "temple"), reversed(load_sample_images().images), strict=True):
        (tmp_path / name).mkdir()
        for index in range(16):
            row, column = rng.integers(0, 427 - 150), rng.integers(0, 640 - 150)
            part = photograph[row : row + 150, column : column + 150]
            Image.fromarray(part).save(tmp_path / name / f"{index}.png")
    return tmp_path


def test_a_folder_becomes_a_study_of_quantised_features(photographs: Path) -> None:
    told = []
    study = load_study(f"folder:{photographs}", progress=lambda *step: told.append(step))
    assert study.outline.classes == ("flower", "temple")
    assert study.labels.tolist() == [0] * 16 + [1] * 16
    assert study.values.shape == (32, 64)
    assert study.clipped < 0.03 * study.values.size
    assert told[-1] == (32, 32)
    within = np.linalg.norm(study.values[:16] - study.values[:16].mean(axis=0), axis=1).mean()
    between = np.linalg.norm(study.values[:16].mean(axis=0) - study.values[16:].mean(axis=0))
    assert between > 0.5 * within


def test_features_of_an_image_are_the_same_bits_whoever_stands_beside_it() -> None:
    """The guarantee rests on it: a record more may not move the features of another."""
    images = np.random.default_rng(0).integers(0, 256, (18, 60, 60, 3), dtype=np.uint8)
    features = colour.extract_colour(images)
    for rows in (slice(1, 18), slice(5, 6), slice(None, None, -1)):
        assert np.array_equal(colour.extract_colour(images[rows]), features[rows])


def test_images_that_cannot_be_read_are_listed_and_skipped_on_request(photographs: Path) -> None:
    (photographs / "flower" / "broken.png").write_bytes(b"no image")
    (photographs / "temple" / "empty.jpg").touch()
    (photographs / "temple" / "notes.txt").write_text("not looked at")
    with pytest.raises(DataError, match=r"2 of 34 images .*flower/broken.png, temple/empty.jpg.*--skip-unreadable"):
        read_folder(photographs)
    folder = read_folder(photographs, skip_unreadable=True)
    assert [path.name for path in folder.skipped] == ["broken.png", "empty.jpg"]
    assert folder.images.shape == (32, 224, 224, 3)


def test_folders_that_are_no_classes_are_refused(photographs: Path, tmp_path: Path) -> None:
    for file in (photographs / "temple").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="has 1 class of images"):
        read_folder(photographs)
    (photographs / "temple" / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"a class of .* is empty"):
        read_folder(photographs, skip_unreadable=True)
    (photographs / "flower").rename(photographs / "flow\x1b[2Jer")
    with pytest.raises(DataError, match="without control characters"):
        read_folder(photographs)
    with pytest.raises(DataError, match="no folder"):
        load_study(f"folder:{tmp_path / 'nowhere'}")


def test_a_class_that_is_too_small_for_the_folds_is_named(photographs: Path) -> None:
    for index in range(4, 16):
        (photographs / "temple" / f"{index}.png").unlink()
    with pytest.raises(DataError, match="Class temple has 4 records"):
        load_study(f"folder:{photographs}")


def test_what_archives_and_programs_leave_behind_is_no_photograph(photographs: Path) -> None:
    for litter in ("__MACOSX", ".ipynb_checkpoints"):
        for place in (photographs / litter, photographs / "temple" / litter):
            place.mkdir()
            (place / "x.jpg").write_bytes(b"no image")
    (photographs / "temple" / "._0.png").write_bytes(b"no image")
    (photographs / "temple" / "d.jpg").mkdir()
    folder = read_folder(photographs)
    assert folder.classes == ("flower", "temple")
    assert len(folder.images) == 32
    assert len(find_images(photographs)) == 32


@pytest.mark.parametrize("suffix", [".jfif", ".JPE", ".heic"])
def test_a_class_of_one_rare_format_is_read_or_named_but_never_lost(photographs: Path, suffix: str) -> None:
    rare = photographs / "zebra"
    rare.mkdir()
    for index in range(5):
        Image.new("RGB", (30, 30)).save(rare / f"{index}{suffix}", format="JPEG")
    if suffix == ".heic":
        for index in range(5):
            (rare / f"{index}.heic").write_bytes(b"\0\0\0\x18ftypheic")
        with pytest.raises(DataError, match=r"5 of 37 images .*zebra/0.heic.*JPEG"):
            read_folder(photographs)
        with pytest.raises(DataError, match=r"a class of .* is empty"):
            read_folder(photographs, skip_unreadable=True)
    else:
        assert read_folder(photographs).classes == ("flower", "temple", "zebra")


def test_a_missing_extra_names_its_install_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    colour.load_colour_extractor.cache_clear()
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(DataError, match=r'pip install "fcnlab\[images\]"'):
        load_study(f"folder:{tmp_path}")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r'pip install "fcnlab\[images\]"'):
        read_image(tmp_path / "any.png")
