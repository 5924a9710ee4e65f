import os
from pathlib import Path

import pytest

from tidegate.adapters.spool import files as module
from tidegate.adapters.spool.files import Files


def test_short_writes_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite, write = os.pwrite, os.write
    monkeypatch.setattr(module.os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:3], offset))
    monkeypatch.setattr(module.os, "write", lambda fd, data: write(fd, data[:2]))
    files = Files()
    fd = files.open(tmp_path / "a")
    files.write(fd, b"0123456789", 2)
    assert files.read(fd, 100, 0) == b"\0\x000123456789"
    files.close(fd)
    fd = files.open_appending(tmp_path / "a")
    files.append(fd, b"abcde")
    files.close(fd)
    assert (tmp_path / "a").read_bytes() == b"\0\x000123456789abcde"


def test_a_file_that_takes_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files()
    fd = files.open(tmp_path / "a")
    monkeypatch.setattr(module.os, "pwrite", lambda fd, data, offset: 0)
    with pytest.raises(OSError, match="no more"):
        files.write(fd, b"x", 0)
    files.close(fd)


def test_bytes_are_taken_in_advance_also_without_fallocate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files()
    for name, missing in (("a", False), ("b", True)):
        if missing:
            monkeypatch.delattr(module.os, "posix_fallocate")
            monkeypatch.setattr(module, "ZEROS", bytes(1000))
        fd = files.open(tmp_path / name)
        files.allocate(fd, 2500)
        assert files.size(fd) == 2500
        assert files.read(fd, 5000, 0) == bytes(2500)
        files.close(fd)
