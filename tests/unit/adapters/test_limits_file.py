from pathlib import Path

import pytest

from tidegate.adapters import limits_file, mac_file
from tidegate.adapters.limits_file import LimitsFile
from tidegate.records import LimitRule

ROWS = [
    (
        "acme",
        LimitRule(id="l1", name="l", scope_kind="team", scope_id="core", measure="spend", per="day", amount=5, alerts=[50], hard=True),
    ),
    ("other", LimitRule(id="l2", name="m", scope_kind="key", scope_id="k", measure="requests", per="minute", amount=60)),
]


def test_what_was_kept_is_read_again_at_any_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LimitsFile(tmp_path, b"p" * 32)
    assert (file.load(), file.is_there) == (None, False)
    file.save(ROWS)
    monkeypatch.setattr(mac_file, "MOST_AGE", 0.0)
    assert file.load() == ROWS
    assert (tmp_path / limits_file.NAME).stat().st_mode & 0o777 == 0o600


def test_what_is_not_ours_or_harmed_counts_no_more(tmp_path: Path) -> None:
    file = LimitsFile(tmp_path, b"p" * 32)
    file.save(ROWS)
    assert LimitsFile(tmp_path, b"q" * 32).load() is None
    path = tmp_path / limits_file.NAME
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert (file.load(), file.is_there) == (None, True)
