from pathlib import Path

import pytest

from tidegate.adapters import keys_file, mac_file
from tidegate.adapters.keys_file import KeysFile
from tidegate.policy.bounds import Hours
from tidegate.policy.directory import Delta, Directory, Listed
from tidegate.policy.reach import Reach
from tidegate.policy.snapshot import Key

OFF = frozenset([("acme", "team", "core")])


def full(count: int) -> Directory:
    directory = Directory()
    reach = Reach(ends_at=5.0, addresses=("10.0.0.0/8",), times=(Hours(days=("mon",)),))
    keys = {f"k{n}": Listed(Key(id=f"k{n}", name="k", digest=b"d" * 32, reach=reach), (("acme", "org", "acme"),)) for n in range(count)}
    directory.apply(Delta(generation=9, keys=keys, off=OFF, whole=True))
    return directory


async def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = KeysFile(tmp_path, b"p" * 32)
    assert file.load() is None
    directory = full(1203)
    await file.save(directory)
    kept = file.load()
    assert kept is not None
    assert (kept.generation, kept.off, kept.whole) == (9, OFF, True)
    assert dict(directory.everything()[1]) == kept.keys
    assert (tmp_path / keys_file.NAME).stat().st_mode & 0o777 == 0o600


async def test_what_is_not_ours_or_harmed_or_old_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeysFile(tmp_path, b"p" * 32)
    await file.save(full(3))
    assert KeysFile(tmp_path, b"q" * 32).load() is None
    path = tmp_path / keys_file.NAME
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert file.load() is None
    path.write_bytes(data[:-1])
    assert file.load() is None
    path.write_bytes(data)
    monkeypatch.setattr(mac_file, "MOST_AGE", 0.0)
    assert file.load() is None
