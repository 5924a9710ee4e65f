"""`tidegate orgs`, `teams` and `users` on a database of their own."""

import json
from pathlib import Path

import pytest

from tidegate.cli.commands import run
from tidegate.policy.keys import token_id


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    return (captured.out if code == 0 else captured.err).strip()


def test_an_organisation_with_an_owner_who_has_a_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "orgs", "create", "Acme", "--id", "acme") == "acme"
    user = told(capsys, "users", "create", "Ada", "--email", "ada@example.com", "--org", "acme")
    team = told(capsys, "teams", "create", "search", "--org", "acme")
    told(capsys, "teams", "add", team, user, "--org", "acme")
    told(capsys, "teams", "add", team, user, "--org", "acme")
    told(capsys, "users", "grant", user, "owner", "--org", "acme")
    token = told(capsys, "users", "admin-key", user, "--org", "acme")
    assert token.startswith("tgk_adm_")
    assert token_id(token) is not None
    listed = json.loads(told(capsys, "users", "list", "--org", "acme", "--json"))
    assert (listed["id"], listed["email"]) == (user, "ada@example.com")
    assert "search" in told(capsys, "teams", "list", "--org", "acme")
    assert told(capsys, "teams", "list") == "ID  NAME  STATE"
    assert token.encode() not in b"".join(file.read_bytes() for file in home.iterdir())


def test_organisations_are_stopped_and_started(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "orgs", "create", "Acme", "--id", "acme")
    told(capsys, "orgs", "disable", "acme")
    assert [line.split() for line in told(capsys, "orgs", "list").splitlines()[1:]] == [
        ["acme", "Acme", "disabled"],
        ["default", "default", "active"],
    ]
    told(capsys, "orgs", "enable", "acme")
    rows = [json.loads(line) for line in told(capsys, "orgs", "list", "--json").splitlines()]
    assert [row["disabled_at"] for row in rows] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("orgs", "disable", "default"), "cannot be disabled"),
        (("orgs", "disable", "none"), "there is no organisation `none`"),
        (("orgs", "create", "d", "--id", "default"), "is taken"),
        (("orgs", "create", "d", "--id", "*"), "an organisation's id has"),
        (("teams", "add", "none", "none"), "no such team"),
        (("users", "grant", "none", "owner"), "there is no user `none`"),
        (("users", "grant", "none", "owner", "--scope", "org/other"), "not within `org/default`"),
        (("users", "grant", "none", "owner", "--scope", "everything"), "a scope is"),
        (("users", "admin-key", "none"), "there is no user `none`"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in told(capsys, *arguments, code=1)
