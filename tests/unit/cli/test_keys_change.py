"""`tidegate keys revoke`, `disable`, `enable`, `rotate` and `aws` on keys of the file and of the database."""

import io
import json
import sqlite3
from pathlib import Path

import pytest

from tidegate.cli.commands import run
from tidegate.policy.keys import token_id

FOREIGN = ("sk-0123456789abcdef-of-another", "sk-0123456789abcdef-of-nobody")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(arguments) == code, capsys.readouterr().err
    captured = capsys.readouterr()
    return captured.out.strip(), captured.err.strip()


def imported(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, *more: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([{"name": name, "key": value, "models": ["claude-*"]}])))
    return told(capsys, "keys", "import", "-", *more)[0]


def states(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, str]:
    lines = [json.loads(line) for line in told(capsys, "keys", "list", "--json", *more)[0].splitlines()]
    return {line["id"]: line["state"] for line in lines}


def actions(home: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(home / "tidegate.db") as connection:
        rows: list[tuple[str, str]] = connection.execute(
            "select action, actor_kind from audit_event where subject_kind = 'key' order by seq"
        ).fetchall()
    return rows


def test_a_key_of_the_database_from_its_rotation_to_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    told(capsys, "orgs", "create", "Acme", "--id", "acme")
    old = imported(capsys, monkeypatch, "ci", FOREIGN[0], "--org", "acme")
    assert "disabled" in told(capsys, "keys", "disable", old)[1].lower()
    assert states(capsys, "--org", "acme") == {old: "disabled"}
    assert "enable it first" in told(capsys, "keys", "rotate", old, code=1)[1]
    told(capsys, "keys", "enable", "ci", "--org", "acme")
    token, words = told(capsys, "keys", "rotate", old, "--overlap", "0")
    new = token_id(token)
    assert new is not None and new in words and old in words and token not in words
    assert states(capsys, "--org", "acme") == {old: "replaced", new: "active"}
    assert "active, for claude-*" in told(capsys, "keys", "check", token)[1]
    assert "was rotated before" in told(capsys, "keys", "rotate", old, code=1)[1]
    aws = told(capsys, "keys", "aws", "ci", "--org", "acme")[0].splitlines()
    assert aws[0] == f"AWS_ACCESS_KEY_ID={new}" and aws[1].startswith("AWS_SECRET_ACCESS_KEY=")
    assert "Revoked" in told(capsys, "keys", "revoke", new)[1]
    assert states(capsys, "--org", "acme") == {old: "replaced", new: "revoked"}
    for again in ("revoke", "enable"):
        assert "it was revoked" in told(capsys, "keys", again, new, code=1)[1]
    wanted = ["key.create", "key.disable", "key.enable", "key.create", "key.rotate", "key.revoke"]
    assert actions(home) == [(action, "cli") for action in wanted]


def test_a_name_is_that_of_one_key_or_the_id_is_needed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told(capsys, "keys", "create", "--name", "ci")
    of_file = next(iter(states(capsys)))
    for command in ("disable", "rotate"):
        assert "is kept in keys.json" in told(capsys, "keys", command, "ci", code=1)[1]
    of_database = imported(capsys, monkeypatch, "ci", FOREIGN[0])
    words = told(capsys, "keys", "revoke", "ci", code=1)[1]
    assert of_file in words and of_database in words
    assert set(states(capsys).values()) == {"active"}
    told(capsys, "keys", "revoke", of_file)
    told(capsys, "keys", "revoke", "ci")
    assert states(capsys) == {of_file: "revoked", of_database: "revoked"}
    assert "no key" in told(capsys, "keys", "revoke", "ci", code=1)[1]


def test_a_key_of_another_organisation_than_was_named_is_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(capsys, "orgs", "create", "Acme", "--id", "acme")
    id = imported(capsys, monkeypatch, "ci", FOREIGN[0], "--org", "acme")
    for named in ((id, "--org", "default"), ("ci",)):
        assert "no key" in told(capsys, "keys", "revoke", *named, code=1)[1]
    assert states(capsys, "--org", "acme") == {id: "active"}


def test_an_overlap_has_a_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert "30 days" in told(capsys, "keys", "rotate", "x", "--overlap", "2592001", code=1)[1]


def test_no_token_is_made_with_the_pepper_of_another_installation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    user = told(capsys, "users", "create", "Ada")[0]
    id = imported(capsys, monkeypatch, "ci", FOREIGN[0])
    with sqlite3.connect(home / "tidegate.db") as connection:
        connection.execute("insert into installation (name, value) values ('pepper', 'another')")
    for command in (("keys", "rotate", id), ("keys", "aws", id), ("users", "admin-key", user)):
        assert "another `pepper`" in told(capsys, *command, code=1)[1]
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([{"name": "b", "key": FOREIGN[1]}])))
    assert "another `pepper`" in told(capsys, "keys", "import", "-", code=1)[1]
    assert states(capsys) == {id: "active"}
