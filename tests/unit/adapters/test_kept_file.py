from pathlib import Path

import pytest

from tidegate.adapters import kept_file, mac_file
from tidegate.adapters.kept_file import KeptFile
from tidegate.records import Credential, Kept, StoredPrice, StoredProvider, StoredRoute, StoredWebhook

KEPT = Kept(
    providers=(StoredProvider(id="p1", name="lab", entry={"kind": "custom", "models": ["a"]}),),
    routes=(StoredRoute(id="r1", name="smart", entry={"targets": ["lab/a"], "defaults": {"temperature": 0.5}}),),
    credentials=(
        ("acme", Credential(id="c1", name="c", provider="lab", origin="https://lab", sealed=b"\x00sealed", limits={"concurrent": 3})),
    ),
    prices=(StoredPrice(id="x1", provider="lab", model="a", price={"input": 0.5, "output": "1"}, revision=3),),
    webhooks=(("acme", StoredWebhook(id="h1", name="h", url="https://hooks.example", version=2, shared=True)),),
)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = KeptFile(tmp_path, b"p" * 32)
    assert file.load() is None
    file.save(9, KEPT)
    assert file.load() == (9, KEPT)
    assert (tmp_path / kept_file.NAME).stat().st_mode & 0o777 == 0o600


def test_what_is_not_ours_or_harmed_or_old_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeptFile(tmp_path, b"p" * 32)
    file.save(9, KEPT)
    assert KeptFile(tmp_path, b"q" * 32).load() is None
    path = tmp_path / kept_file.NAME
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert file.load() is None
    path.write_bytes(data)
    monkeypatch.setattr(mac_file, "MOST_AGE", 0.0)
    assert file.load() is None
