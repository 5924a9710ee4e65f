"""`tidegate orgs`, `teams` and `users` on a database of their own."""

import json
from pathlib import Path

import pytest

from tidegate.adapters.sql.engine import Database
from tidegate.cli.commands import run
from tidegate.cli.database import with_database
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
        (("orgs", "create", "d", "--id", "*"), "id: it is to be 1 to 40 small letters"),
        (("orgs", "create", ""), "name: "),
        (("teams", "add", "none", "none"), "`default` has no team `none`. It has none"),
        (("teams", "create", "a", "--org", "acm"), "there is no organisation `acm`. There is `default`"),
        (("teams", "list", "--org", "acm"), "there is no organisation `acm`"),
        (("users", "grant", "none", "owner"), "`default` has no user `none`"),
        (("users", "create", "Ada", "--email", "ada"), "email: it is to be an e-mail address"),
        (("users", "grant", "none", "owner", "--scope", "org/other"), "not within `org/default`"),
        (("users", "grant", "none", "owner", "--scope", "everything"), "a scope is"),
        (("users", "admin-key", "none"), "`default` has no user `none`"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in told(capsys, *arguments, code=1)


def test_a_user_is_exported_and_erased(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    user = told(capsys, "users", "create", "Ada", "--email", "ada@example.com")
    told(capsys, "users", "admin-key", user)
    rows = [json.loads(line) for line in told(capsys, "users", "export", user).splitlines()]
    assert {row["kind"] for row in rows} == {"user_account", "api_key", "audit_event"}
    assert "--yes" in told(capsys, "users", "erase", user, code=1)
    assert "there is no user" in told(capsys, "users", "erase", "user_none", "--yes", code=1)
    assert "there is no user" in told(capsys, "users", "export", "user_none", code=1)
    assert told(capsys, "users", "erase", user, "--yes").startswith("erasure_")
    assert "is being erased already" in told(capsys, "users", "erase", user, "--yes", code=1)
    assert "disabled" in told(capsys, "users", "list")  # until a gateway finishes it


def test_an_end_user_is_exported_and_erased(capsys: pytest.CaptureFixture[str]) -> None:
    assert [json.loads(line)["kind"] for line in told(capsys, "end-users", "export", "alice").splitlines()] == ["audit_event"]  # its own
    assert told(capsys, "end-users", "erase", "alice", "--yes").startswith("erasure_")
    assert [json.loads(line)["kind"] for line in told(capsys, "end-users", "export", "alice").splitlines()] == ["audit_event"] * 2


def test_a_reader_that_has_had_enough_is_no_failure_of_the_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def print_to_nobody(_database: Database) -> None:
        raise BrokenPipeError

    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    with pytest.raises(BrokenPipeError):
        with_database(tmp_path, print_to_nobody)
