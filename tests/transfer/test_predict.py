"""Images of one's own, from a folder of class folders to encrypted predictions, by the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fcnlab.cli import OK, REFUSED, main
from fcnlab.errors import DataError
from fcnlab.transfer.features.colour import extract_colour
from fcnlab.transfer.heads.cards import load_head
from fcnlab.transfer.predict import find_images, predict_images
from fcnlab.transfer.records.photographs import read_image

Image = pytest.importorskip("PIL.Image", reason="the images extra is not installed")
pytest.importorskip("efficientnet_lite_pytorch", reason="the images extra is not installed")


def draw(path: Path, *, kind: int, seed: int) -> None:
    """A noisy ring or noisy stripes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :96]
    shapes = [abs(np.hypot(rows - 48, columns - 48) - 30) < 8, rows // 12 % 2 == 0]
    pixels = rng.integers(0, 90, (96, 96, 3), dtype=np.uint8)
    pixels[shapes[kind], 2 * kind] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on twenty rings and twenty stripes, by the command."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(40):
        draw(folder / ("ring", "stripes")[index % 2] / f"{index}.png", kind=index % 2, seed=index)
    heads = tmp_path_factory.mktemp("heads")
    train = ["train", f"folder:{folder}", "--private", "--epsilon", "8", "--folder", str(heads), "--json"]
    assert main([*train, "--clipping", "2", "--batch", "16"]) == OK
    return heads / "folder-head.safetensors"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Four images the head has never seen."""
    for index in range(4):
        draw(tmp_path / "new" / f"{index}.png", kind=index % 2, seed=100 + index)
    return tmp_path / "new"


def test_the_card_says_how_the_head_was_trained(head: Path) -> None:
    _, card = load_head(head)
    assert card.command == "fcnlab train folder:PATH --private --epsilon 8 --clipping 2 --batch 16"
    assert (card.guarantee.clipping, card.guarantee.sample_rate) == (2.0, 16 / card.records)
    assert str(head.parent.parent) not in head.with_suffix(".json").read_text()
    assert card.guarantee.secure_random
    assert card.classes == ("ring", "stripes")


def test_encrypted_predictions_are_those_of_the_head_in_the_clear(head: Path, new: Path) -> None:
    found = predict_images(head, new, threads=1)
    network, card = load_head(head)
    images = np.stack([read_image(file) for file in find_images(new)])  # type: ignore[misc]
    quantised = card.features.quantise(extract_colour(images))
    logits = network(torch.from_numpy(card.features.restore(quantised.values)))
    assert found.classes == tuple(card.classes[index] for index in logits.argmax(dim=1))
    assert found.clipped == quantised.clipped
    assert found.report.mismatched_logits == 0
    assert f"{found.clipped:,} of 256 features" in str(found)


def test_features_outside_the_declared_range_are_clipped_and_counted(
    head: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = predict_images(head, new, threads=1)
    monkeypatch.setattr("fcnlab.transfer.predict.extract_colour", lambda images: 100 * extract_colour(images))
    wild = predict_images(head, new, threads=1)
    assert calm.clipped < 10
    assert 200 < wild.clipped <= 256
    assert wild.report.mismatched_logits == 0


def test_json_names_each_file_and_its_class(head: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(head), str(new / "1.png"), "--threads", "1", "--json"]) == OK
    values = json.loads(capsys.readouterr().out)
    assert [each["file"] for each in values["predictions"]] == [str(new / "1.png")]
    assert values["predictions"][0]["class"] in ("ring", "stripes")
    assert 7.9 < values["epsilon"] <= 8
    assert values["features"] == 64
    assert values["mismatched_logits"] == 0


def test_unreadable_images_are_listed_and_skipped_on_request(
    head: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (new / "empty.jpg").touch()
    (new / "notes.txt").write_text("not looked at")
    assert main(["predict", str(head), str(new)]) == REFUSED
    assert "1 of 5 images" in capsys.readouterr().err
    found = predict_images(head, new, skip_unreadable=True, threads=1)
    assert found.skipped == (str(new / "empty.jpg"),)
    assert len(found.files) == 4
    with pytest.raises(DataError, match="None of the 1 images"):
        predict_images(head, new / "empty.jpg", skip_unreadable=True)


def test_what_is_no_image_or_no_head_for_images_is_refused(head: Path, tmp_path: Path) -> None:
    for nothing in (tmp_path, tmp_path / "nowhere.png", head):
        with pytest.raises(DataError, match="There is no image at"):
            predict_images(head, nothing)
    assert main(["train", "breast-cancer", "--private", "--folder", str(tmp_path), "--json"]) == OK
    with pytest.raises(DataError, match="trained on breast-cancer, not on colour images"):
        predict_images(tmp_path / "breast-cancer-head.safetensors", tmp_path)
