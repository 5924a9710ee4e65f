"""`tidegate keys create` for keys of the database, and `tidegate keys show`."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.cli.commands import run
from tidegate.policy.keys import token_id


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(arguments) == code, capsys.readouterr().err
    captured = capsys.readouterr()
    return captured.out.strip(), captured.err.strip()


def days_left(micros: int) -> int:
    return round((datetime.fromtimestamp(micros / 1_000_000, UTC) - datetime.now(UTC)) / timedelta(days=1))


def test_a_key_of_a_users_with_limits_is_made_shown_and_checked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(capsys, "orgs", "create", "Acme", "--id", "acme")
    team = told(capsys, "teams", "create", "search", "--org", "acme")[0]
    user = told(capsys, "users", "create", "Ada", "--email", "ada@example.com", "--org", "acme")[0]
    more = ("--model", "claude-*", "--tag", "a", "--tag", "b", "--address", "10.0.0.0/8", "--priority", "batch", "--purpose", "nightly")
    limits = ("--limit", "requests_per_minute=60", "--limit", "concurrent=3", "--budget", "25/month")
    owner = ("--org", "acme", "--user", "ada@example.com", "--team", "search", "--expires", "2w")
    token, words = told(capsys, "keys", "create", "--name", "ada", *owner, *more, *limits)
    id = token_id(token)
    assert id is not None and id in words and user in words and token not in words
    shown = json.loads(told(capsys, "keys", "show", "ada", "--org", "acme", "--json")[0])
    assert (shown["id"], shown["owner_kind"], shown["owner_id"], shown["user_id"], shown["team_id"]) == (id, "user", user, user, team)
    assert (shown["models"], shown["tags"], shown["addresses"], shown["priority"]) == (["claude-*"], ["a", "b"], ["10.0.0.0/8"], "batch")
    assert days_left(shown["expires_at"]) == 14 and "digest" not in shown
    wanted = [("concurrent", "moment", 3), ("requests", "minute", 60), ("spend", "month", 25 * 10**9)]
    assert sorted((limit["of"], limit["per"], limit["amount"]) for limit in shown["limits"]) == wanted
    assert "active, for claude-*" in told(capsys, "keys", "check", token)[1]
    monkeypatch.setattr("sys.stdin", io.StringIO(token + "\n"))
    assert "active, for claude-*" in told(capsys, "keys", "check", "-")[1]
    text = told(capsys, "keys", "show", id)[0]
    assert "25.00 $ per month" in text and "nightly" in text and token not in text


def test_whose_it_is_and_when_it_ends_where_nothing_else_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "teams", "create", "search")
    for options, owner, days in (
        (("--org", "default"), "org", 90),
        (("--team", "search"), "team", 90),
        (("--env", "svc", "--expires", "never"), "org", None),
    ):
        id = token_id(told(capsys, "keys", "create", *options)[0]) or ""
        shown = json.loads(told(capsys, "keys", "show", id, "--json")[0])
        assert (shown["kept_in"], shown["owner_kind"]) == ("database", owner)
        assert (None if shown["expires_at"] is None else days_left(shown["expires_at"])) == days
    id = token_id(told(capsys, "keys", "create", "--name", "of the file")[0]) or ""
    assert json.loads(told(capsys, "keys", "show", id, "--json")[0])["kept_in"] == "keys.json"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--org", "acm"), "there is no organisation `acm`. Did you mean `acme`? There is `acme`, `default`"),
        (("--team", "serch"), "`default` has no team `serch`. Did you mean `search`? It has `search` (team_"),
        (("--user", "ada"), "`default` has no user `ada`. It has none"),
        (("--service-account", "bot"), "`default` has no service account `bot`"),
        (("--service-account", "bot", "--user", "ada"), "give --user or --service-account"),
        (("--limit", "rpm=60"), "one of requests_per_minute, requests_per_hour"),
        (("--limit", "concurrent=-1"), "it is like requests_per_minute=60"),
        (("--budget", "25"), "it is dollars per hour, day, week, month, total"),
        (("--budget", "lots/month"), "`lots` is no amount"),
        (("--budget", "9000001/month"), "budget per month: amount: it lies between 0 and"),
        (("--expires", "soon"), "it is like 90d, 12h, 2027-01-31"),
        (("--expires", "2020-01-01"), "it has passed"),
        (("--expires", "0d"), "it has passed"),
        (("--expires", "999999w"), "it is not between the years 1970 and 2200"),
        (("--expires", "9999-01-01"), "it is not between the years 1970 and 2200"),
        (("--address", "10.0.0.1/8"), "it is no network"),
        (("--org", "default", "--model", "a*b"), "`*` stands only at the end"),
        (("--org", "default", "--name", ""), "name: "),
    ],
)
def test_what_is_wrong_is_told_with_what_there_is_and_makes_no_key(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    told(capsys, "orgs", "create", "Acme", "--id", "acme")
    told(capsys, "teams", "create", "search")
    assert words in told(capsys, "keys", "create", *options, code=1)[1]
    assert told(capsys, "keys", "list", "--json")[0] == ""


def test_a_rotation_carries_limits_over_to_the_new_key(capsys: pytest.CaptureFixture[str]) -> None:
    limits = ("--budget", "25/month", "--limit", "requests_per_minute=60")
    first = token_id(told(capsys, "keys", "create", "--org", "default", *limits)[0]) or ""

    def set_for(id: str) -> list[tuple[str, int]]:
        found = json.loads(told(capsys, "keys", "show", id, "--json")[0])["limits"]
        return sorted((limit["per"], limit["amount"]) for limit in found)

    wanted = [("minute", 60), ("month", 25 * 10**9)]
    second = token_id(told(capsys, "keys", "rotate", first)[0]) or ""
    third = token_id(told(capsys, "keys", "rotate", second, "--overlap", "0")[0]) or ""
    assert [set_for(id) for id in (first, second, third)] == [wanted] * 3
    assert len([line for line in told(capsys, "budgets", "list", "--json")[0].splitlines() if line]) == 1
    budget = ("budgets", "create", "old", "--usd", "1", "--per", "day", "--scope", "key", "--id")
    assert "was rotated" in told(capsys, *budget, second, code=1)[1]


def test_the_lists_tell_what_replaced_a_key_and_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    old = token_id(told(capsys, "keys", "create", "--name", "ci", "--org", "default")[0]) or ""
    new = token_id(told(capsys, "keys", "rotate", old, "--overlap", "3600")[0]) or ""
    lines = {line["id"]: line for line in map(json.loads, told(capsys, "keys", "list", "--json")[0].splitlines())}
    assert (lines[old]["state"], lines[old]["replaced_by"], lines[new]["replaced_by"]) == ("active", new, None)
    assert lines[old]["ends"] - lines[old]["created"] < 4000 < lines[new]["ends"] - lines[new]["created"]
    assert f"active, replaced by {new}" in told(capsys, "keys", "list")[0]
    assert json.loads(told(capsys, "keys", "show", old, "--json")[0])["replaced_by"] == new
