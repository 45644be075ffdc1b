"""Tensors come back, and what is no tensor file is refused."""

from pathlib import Path

import pytest
import torch

from fcnlab.errors import DataError
from fcnlab.networks.storage import load_tensors, save_tensors

TENSORS = {"a": torch.arange(6).reshape(2, 3), "b/c": torch.tensor([True, False])}


def test_tensors_and_notes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.safetensors"
    save_tensors(path, TENSORS, notes={"epoch": "3"})
    tensors, notes = load_tensors(path)
    assert notes == {"epoch": "3"}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_tensor_in_any_memory_format_is_stored(tmp_path: Path) -> None:
    tensor = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save_tensors(tmp_path / "x.safetensors", {"x": tensor})
    assert torch.equal(load_tensors(tmp_path / "x.safetensors")[0]["x"], tensor)


@pytest.mark.parametrize("content", [None, b"", b"not tensors at all"])
def test_what_is_no_tensor_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="missing or not a whole safetensors file"):
        load_tensors(path)


def test_a_cut_tensor_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_tensors(path)
