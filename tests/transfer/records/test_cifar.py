"""CIFAR-10 with a stand-in for torchvision, which cannot be installed beside every build of torch.

The stand-in has the interface of `torchvision.datasets.CIFAR10` as version 0.29 has it: its arguments, `data`,
`targets` and `classes`. That the real one fetches and reads its files is not tested here.
"""

import math
import sys
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.transfer.features import colour
from fcnlab.transfer.heads.training import train_head
from fcnlab.transfer.records import cifar
from fcnlab.transfer.records.cifar import extract_parts, parse_count, read_cifar
from fcnlab.transfer.records.studies import load_study
from fcnlab.transfer.run import infer_head

pytest.importorskip("PIL", reason="the images extra is not installed")
pytest.importorskip("efficientnet_lite_pytorch", reason="the images extra is not installed")

PART = 20


class StandIn:
    """Red rings and blue stripes, as torchvision would hand them over."""

    opened: ClassVar[list[tuple[str, bool, bool]]] = []

    def __init__(self, root: str, train: bool = True, transform: Any = None, download: bool = False) -> None:
        self.opened.append((root, train, download))
        print("torchvision speaks on standard output")
        rng = np.random.default_rng(train)
        count = 3 * PART if train else PART
        self.targets = [index % 2 for index in range(count)]
        self.classes = ["ring", "stripes"]
        rows, columns = np.mgrid[:32, :32]
        shapes = [abs(np.hypot(rows - 16, columns - 16) - 10) < 3, rows // 4 % 2 == 0]
        self.data = rng.integers(0, 60, (count, 32, 32, 3), dtype=np.uint8)
        for image, target in zip(self.data, self.targets, strict=True):
            image[shapes[target], 2 * target] = 255


def install(monkeypatch: pytest.MonkeyPatch, dataset: Any) -> None:
    """Put a module in torchvision's place."""
    package, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    datasets.CIFAR10 = dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cifar, "PART", PART)
    monkeypatch.setattr(StandIn, "opened", [])
    install(monkeypatch, StandIn)


def test_images_become_a_study_and_its_head_reads_them_encrypted(stand_in, tmp_path, capsys) -> None:
    told = []
    study = load_study("cifar10:40", progress=lambda *step: told.append(step))
    assert not capsys.readouterr().out, "JSON goes there"
    assert told == [(20, 48), (40, 48), (48, 48)]
    assert StandIn.opened == [(str(tmp_path / "fcnlab" / "cifar10"), train, True) for train in (True, False)]
    assert study.outline.name == "cifar10:40"
    assert study.outline.classes == ("ring", "stripes")
    assert study.values.shape == (48, 64)
    assert [len(rows) for rows in study.folds[3]] == [40, 8]
    head = train_head(study, epsilon=math.inf)
    run = infer_head(study, head, threads=1)
    assert run.report.mismatched_logits == 0
    assert run.report.accuracy == 100


def test_features_are_kept_and_an_interrupted_extraction_goes_on(stand_in, monkeypatch, tmp_path) -> None:
    pixels = StandIn("").data[: 2 * PART]
    first = next(extract_parts(pixels, folder=tmp_path))
    assert len(list(tmp_path.iterdir())) == 1
    extracted: list[int] = []
    original = colour.extract_colour

    def extract(images: Any) -> Any:
        extracted.append(len(images))
        return original(images)

    monkeypatch.setattr(cifar, "extract_colour", extract)
    parts = list(extract_parts(pixels, folder=tmp_path))
    assert extracted == [PART]
    assert np.array_equal(parts[0], first)
    assert np.array_equal(np.concatenate(parts), np.concatenate([original(pixels[:PART]), original(pixels[PART:])]))
    (tmp_path / f"{PART:05}-{PART}.f32").write_bytes(b"half")
    assert np.array_equal(np.concatenate(list(extract_parts(pixels, folder=tmp_path))), np.concatenate(parts))
    assert extracted == [PART, PART]


def test_counts() -> None:
    assert parse_count("") == 5000
    assert parse_count("50000") == 50_000
    for wrong in ("0", "50001", "-3", "many", "1e4"):
        with pytest.raises(DataError, match=r"cifar10:N takes the first N .* 500 to 50,000"):
            parse_count(wrong)


def test_a_missing_torchvision_names_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match=r'pip install "fcnlab\[images,cifar10\]"'):
        read_cifar(train=True)


def test_a_build_for_another_torch_is_told_from_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("operator torchvision::nms does not exist")

    install(monkeypatch, None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", Broken("torchvision.datasets"))
    with pytest.raises(DataError, match=r"does not fit the torch that is installed .*nms"):
        read_cifar(train=True)


def test_without_a_network_the_file_to_fetch_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("Error downloading cifar-10-python.tar.gz")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    install(monkeypatch, refuse)
    with pytest.raises(DataError, match=r"could not be fetched .* put cifar-10-python.tar.gz there"):
        read_cifar(train=True)


def test_other_arrays_are_refused(stand_in, monkeypatch: pytest.MonkeyPatch) -> None:
    class Grey(StandIn):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.data = self.data[..., 0]

    install(monkeypatch, Grey)
    with pytest.raises(DataError, match=r"uint8 \(N, 32, 32, 3\) fits"):
        read_cifar(train=True)
