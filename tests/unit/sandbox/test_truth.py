import json
from pathlib import Path

import pytest

from tidegate.sandbox.truth import TruthLog, fingerprint, key_of, without_secrets


@pytest.mark.parametrize("fsync", [True, False])
def test_lines_are_in_the_file_at_once_and_added_to_what_was_there(tmp_path: Path, fsync: bool) -> None:
    path = tmp_path / "folder" / "truth.jsonl"
    for number in (1, 2):
        log = TruthLog(path, fsync=fsync)
        log.write({"n": number})
        assert json.loads(path.read_text().splitlines()[-1]) == {"n": number}
        log.close()
        log.close()
    assert len(path.read_text().splitlines()) == 2
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("headers", [{"x-api-key": "k"}, {"api-key": "k"}, {"authorization": "Bearer k"}, {"authorization": "bearer k"}])
def test_the_key_is_found(headers: dict[str, str]) -> None:
    assert key_of(headers) == "k"


def test_secrets_become_fingerprints() -> None:
    shown = without_secrets({"authorization": "Bearer sk-1", "accept": "x"})
    assert shown == {"authorization": f"sha256:{fingerprint('Bearer sk-1')}", "accept": "x"}
    assert fingerprint("") == ""
    assert len(fingerprint("sk-1")) == 12
