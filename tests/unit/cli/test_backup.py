"""`tidegate backup` and `restore` as people use them: what they print, and what they refuse."""

from pathlib import Path

import pytest

from tidegate.cli.commands import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    return tmp_path / "home"


def test_there_and_back(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.backup"
    assert run(["migrate", "upgrade", "--home", str(home)]) == 0
    assert run(["orgs", "create", "acme", "--home", str(home)]) == 0
    capsys.readouterr()
    assert run(["backup", str(file), "--home", str(home)]) == 0
    told = capsys.readouterr().err
    assert f"{file}: " in told
    assert "Not in it: the files `pepper` and `keys.json`" in told
    assert run(["restore", str(file), "--home", str(tmp_path / "other")]) == 0
    assert "Restored " in capsys.readouterr().err
    assert run(["orgs", "list", "--home", str(tmp_path / "other")]) == 0
    assert "acme" in capsys.readouterr().out


def test_what_is_refused(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.backup"
    assert run(["backup", str(file), "--home", str(home)]) == 1
    assert "run `tidegate migrate upgrade`" in capsys.readouterr().err
    run(["migrate", "upgrade", "--home", str(home)])
    run(["orgs", "create", "acme", "--home", str(home)])
    assert run(["backup", str(file), "--home", str(home)]) == 0
    capsys.readouterr()
    assert run(["backup", str(file), "--home", str(home)]) == 1
    assert capsys.readouterr().err == f"error: {file} is there already\n"
    assert run(["restore", str(file), "--home", str(home)]) == 1
    assert "the database is not empty" in capsys.readouterr().err
    file.write_bytes(file.read_bytes()[:-100])
    assert run(["restore", str(file), "--home", str(tmp_path / "other")]) == 1
    assert "cut short or was changed" in capsys.readouterr().err
    assert run(["restore", str(tmp_path / "nothing"), "--home", str(home)]) == 1
    assert "there is no file" in capsys.readouterr().err
    assert run(["backup", str(tmp_path / "nowhere" / "x"), "--home", str(home)]) == 1
    assert capsys.readouterr().err == f"error: there is no directory {tmp_path / 'nowhere'}\n"
