"""`tidegate keys list` and `check` on keys of a database."""

import io
import json
from pathlib import Path

import pytest

from tidegate.cli.commands import run

FOREIGN = "sk-0123456789abcdef-of-another"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code, capsys.readouterr().err
    captured = capsys.readouterr()
    return (captured.out + captured.err).strip()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "a\x00b"}, "name: it is to be a text of one line"),
        ({"name": "a\x1b[31m"}, "name: it is to be a text of one line"),
        ({"tags": ["\x01"]}, "tags[0]: it is to be a text of one line"),
        ({"models": ["a*b"]}, "models[0]"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "between the years 1970 and 2200"),
    ],
)
def test_what_the_control_api_would_refuse_is_not_imported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], words: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([{"name": "old", "key": FOREIGN, **fields}])))
    said = told(capsys, "keys", "import", "-", code=1)
    assert words in said and "nothing was imported" in said and FOREIGN not in said


def test_keys_of_the_database_are_known_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    made = told(capsys, "keys", "create", "--name", "of the file").splitlines()[0]
    told(capsys, "orgs", "create", "Acme", "--id", "acme")
    assert "it was not imported" in told(capsys, "keys", "check", FOREIGN, code=1)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([{"name": "old", "key": FOREIGN}])))
    id = told(capsys, "keys", "import", "-", "--org", "acme").splitlines()[0]
    assert told(capsys, "keys", "check", FOREIGN) == f"The key {id} is `old` of the organisation `acme`, active, for all models."
    user = told(capsys, "users", "create", "Ada", "--org", "acme")
    told(capsys, "users", "grant", user, "owner", "--org", "acme")
    admin = told(capsys, "users", "admin-key", user, "--org", "acme").splitlines()[0]
    assert "an admin key of the control API" in told(capsys, "keys", "check", admin)
    told(capsys, "orgs", "disable", "acme")
    assert "its organisation is disabled" in told(capsys, "keys", "check", admin, code=1)
    assert "is whole, and not one of" in told(capsys, "keys", "check", admin, "--home", str(home / "other"), code=1)
    listed = [json.loads(line) for line in told(capsys, "keys", "list", "--org", "acme", "--json").splitlines()]
    assert [(line["place"], line["state"]) for line in listed] == [("database", "active")] * 2
    assert told(capsys, "keys", "list", "--org", "acme", "--state", "revoked").splitlines()[1:] == []
    of_default = told(capsys, "keys", "list", "--state", "active")
    assert "of the file" in of_default and "keys.json" in of_default and made not in of_default
