"""Credentials and the key that seals them from the command line, on a database of their own."""

import io
from pathlib import Path

import pytest

from tidegate.adapters.sealing.keys import FILE, KeyFile
from tidegate.cli import main

CANARY = "sk-ant-canary-0123456789"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEGATE_DATABASE_URL", "TIDEGATE_KEK", "TIDEGATE_CONFIG", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CANARY_KEY", CANARY)
    return tmp_path / "home"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    shown = capsys.readouterr()
    assert CANARY not in shown.out + shown.err
    return code, shown.out.strip(), shown.err.strip()


def test_a_credential_from_the_first_to_the_last_day(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    code, id, _ = run(capsys, "credentials", "create", "anthropic", "--secret", "env:CANARY_KEY")
    assert (code, id.startswith("cred_")) == (0, True)
    monkeypatch.setattr("sys.stdin", io.StringIO(CANARY[::-1] + "\n"))
    assert run(capsys, "credentials", "rotate", id)[0] == 0
    assert run(capsys, "credentials", "disable", id)[0] == 0
    _, listed, _ = run(capsys, "credentials", "list")
    assert "…a-ks" in listed and "disabled" in listed and "https://api.anthropic.com" in listed
    assert run(capsys, "credentials", "enable", id)[0] == 0
    _, as_json, _ = run(capsys, "credentials", "list", "--json")
    assert '"version":2' in as_json and "sealed" not in as_json
    old = KeyFile(home).read()[0].id
    assert run(capsys, "keys", "rotate-kek")[0] == 0
    kept = KeyFile(home).read()
    assert len(kept) == 1 and kept[0].id != old
    assert kept[0].id in run(capsys, "credentials", "list", "--json")[1]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or not any(text.encode() in path.read_bytes() for text in (CANARY, CANARY[::-1])), path
    assert run(capsys, "credentials", "delete", id)[0] == 0
    assert run(capsys, "credentials", "delete", id)[0] == 1


def test_limits_of_a_credential_are_set_changed_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    many = ("--limit", "requests_per_minute=60", "--limit", "concurrent=4")
    id = run(capsys, "credentials", "create", "anthropic", "--secret", "env:CANARY_KEY", *many)[1]
    assert run(capsys, "credentials", "edit", id, "--limit", "concurrent=5", "--weight", "3")[0] == 0
    listed = run(capsys, "credentials", "list", "--json")[1]
    assert '"limits":{"requests_per_minute":60,"concurrent":5}' in listed and '"weight":3' in listed
    assert run(capsys, "credentials", "edit", id, "--no-limits", "--name", "main")[0] == 0
    listed = run(capsys, "credentials", "list", "--json")[1]
    assert '"limits":null' in listed and '"name":"main"' in listed and '"weight":3' in listed
    for wrong in ("requests=1", "concurrent=-1", "concurrent=x", "concurrent"):
        code, _, words = run(capsys, "credentials", "edit", id, "--limit", wrong)
        assert (code, f"--limit `{wrong}` is NAME=AMOUNT" in words) == (1, True)
    assert run(capsys, "credentials", "edit", id, "--weight", "0")[0] == 1


def test_a_lost_key_is_told_with_the_fix(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    _, id, _ = run(capsys, "credentials", "create", "anthropic", "--secret", "env:CANARY_KEY")
    lost = KeyFile(home).read()[0].id
    (home / FILE).unlink()
    code, _, told = run(capsys, "credentials", "rotate", id, "--secret", "env:CANARY_KEY")
    assert code == 1
    assert f"tidegate keys forget-kek {lost} --yes" in told
    assert not (home / FILE).exists()
    assert run(capsys, "keys", "forget-kek", lost)[0] == 1
    assert "Deleted 1 secrets" in run(capsys, "keys", "forget-kek", lost, "--yes")[2]
    assert run(capsys, "credentials", "create", "anthropic", "--secret", "env:CANARY_KEY")[0] == 0


def test_a_secret_comes_from_standard_input_also_where_that_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CANARY + "\n"))
    assert run(capsys, "credentials", "create", "anthropic", "--secret", "-")[0] == 0


@pytest.mark.parametrize("source", [CANARY, "env:NOT_THERE", "file:/not/there"])
def test_a_secret_is_no_argument(capsys: pytest.CaptureFixture[str], source: str) -> None:
    code = main(["credentials", "create", "anthropic", "--secret", source])
    told = capsys.readouterr().err
    assert (code, told.startswith("error: --secret")) == (1, True)
    assert CANARY not in told


def test_a_provider_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = run(capsys, "credentials", "create", "nobody", "--secret", "env:CANARY_KEY")
    assert (code, "there is no provider `nobody`" in told) == (1, True)
