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
