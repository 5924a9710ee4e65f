"""`tidegate limits` and `tidegate service-accounts` on a database of their own."""

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


def test_a_limit_from_the_first_to_the_last_day(capsys: pytest.CaptureFixture[str]) -> None:
    team = told(capsys, "teams", "create", "search")
    first = told(capsys, "limits", "create", "a minute", "--amount", "600", "--per", "minute", "--scope", "team", "--id", "search")
    told(capsys, "limits", "create", "at once", "--amount", "4", "--of", "concurrent")
    told(capsys, "limits", "edit", first, "--amount", "5", "--mode", "observe")
    lines = [json.loads(line) for line in told(capsys, "limits", "list", "--json").splitlines()]
    assert [(line["name"], line["scope_id"], line["of"], line["per"], line["amount"], line["mode"]) for line in lines] == [
        ("a minute", team, "requests", "minute", 5, "observe"),
        ("at once", "", "concurrent", None, 4, "enforce"),
    ]
    told(capsys, "limits", "edit", first, "--disable")
    assert " off " in told(capsys, "limits", "list").splitlines()[1]
    assert told(capsys, "budgets", "list", "--json") == ""
    told(capsys, "limits", "delete", first)
    assert "there is no limit" in told(capsys, "limits", "delete", first, code=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--amount", "1"), "per: for requests it is one of minute, hour, day"),
        (("--amount", "1", "--of", "concurrent", "--per", "day"), "per: for concurrent it is one of moment"),
        (("--amount", "-1", "--per", "day"), "amount"),
        (("--amount", "1", "--per", "day", "--time-zone", "Nowhere"), "there is no such time zone"),
        (("--amount", "1", "--per", "day", "--scope", "team"), "say which team"),
        (("--amount", "1", "--per", "day", "--scope", "team", "--id", "x"), "`default` has no team `x`"),
    ],
)
def test_what_is_wrong_is_told(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str) -> None:
    assert words in told(capsys, "limits", "create", "x", *options, code=1)


@pytest.mark.parametrize(
    "command",
    [
        ("limits", "create", "", "--amount", "1", "--per", "day"),
        ("budgets", "create", "a\x1b[31m", "--usd", "1", "--per", "day"),
        ("budgets", "create", "x", "--usd", "1", "--per", "day", "--scope", "tag", "--id", "a\nb"),
        ("webhooks", "create", "https://hooks.example.com/x", "--name", ""),
        ("service-accounts", "create", "x" * 201),
        ("users", "admin-key", "ada", "--name", "a\nb"),
    ],
)
def test_what_the_control_api_would_refuse_is_refused_here(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    told(capsys, "users", "create", "ada")
    words = told(capsys, *command, code=1)
    assert words.startswith("error: ") and ("name: " in words or "scope_id: " in words)


def test_a_service_account_from_the_first_to_the_last_day(capsys: pytest.CaptureFixture[str]) -> None:
    team = told(capsys, "teams", "create", "search")
    id = told(capsys, "service-accounts", "create", "indexer", "--team", "search")
    assert told(capsys, "service-accounts", "grant", "indexer", "service").startswith("rb_")
    assert "it is not within" in told(capsys, "service-accounts", "grant", "indexer", "owner", "--scope", "org/other", code=1)
    for made in (("service-accounts", "admin-key", "indexer"), ("keys", "create", "--env", "svc", "--service-account", "indexer")):
        shown = json.loads(told(capsys, "keys", "show", token_id(told(capsys, *made)) or "", "--json"))
        assert (shown["owner_kind"], shown["owner_id"], shown["team_id"]) == ("service_account", id, team)
    assert told(capsys, "service-accounts", "disable", "indexer") == id
    assert told(capsys, "service-accounts", "list").splitlines()[1].split() == [id, "indexer", team, "disabled"]
    told(capsys, "service-accounts", "enable", id)
    assert json.loads(told(capsys, "service-accounts", "list", "--json"))["disabled_at"] is None
    assert "It has `indexer`" in told(capsys, "service-accounts", "enable", "nobody", code=1)
