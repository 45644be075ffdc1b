"""Files are whole, old or new, whatever happens."""

import errno
import os
import secrets
from pathlib import Path

import pytest

from fcnlab.data.files import write_whole
from fcnlab.errors import DataError


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_the_old_file_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    path = tmp_path / "state"
    write_whole(path, b"old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, failing, fail)
    wanted = DataError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted, match="No space left" if wanted is DataError else None):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="could not be written"):
        write_whole(tmp_path / "file" / "state", b"new")


def test_a_partial_file_is_new_and_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr(secrets, "token_hex", lambda _: "foreseen")
    (tmp_path / ".foreseen.part").symlink_to(victim)
    with pytest.raises(DataError, match="could not be written"):
        write_whole(tmp_path / "state", b"new")
    assert victim.read_bytes() == b"precious"
    monkeypatch.undo()
    write_whole(tmp_path / ("n" * 250), b"new")  # a long name leaves room for its partial file
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / ("n" * 250)).stat().st_mode == (tmp_path / "plain").stat().st_mode
