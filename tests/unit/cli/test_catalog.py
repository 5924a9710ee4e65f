import importlib.metadata
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.unit.control.test_genai_prices import model, price, provider

from tidegate.cli import main
from tidegate.control.catalogue import PRICES

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `genai-prices` of tomorrow."""
    data = ModuleType("genai_prices.data")
    rows = [provider(model("gpt-5", price(input_mtok="7", output_mtok="8")))]
    monkeypatch.setattr(data, "providers", rows, raising=False)
    monkeypatch.setitem(sys.modules, "genai_prices", ModuleType("genai_prices"))
    monkeypatch.setitem(sys.modules, "genai_prices.data", data)
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "99.0.0")


@pytest.mark.usefixtures("installed")
def test_prices_are_made_anew_and_count(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    home = tmp_path / "home"
    assert main(["catalog", "refresh", "--home", str(home)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("~ openai/gpt-5 ") and line.endswith("-> 7/8") for line in said)
    assert any(line.startswith("- anthropic/") for line in said)
    assert said[-1].startswith("1 models of genai-prices 99.0.0 in ")
    assert json.loads((home / PRICES).read_text())["source"] == "genai-prices 99.0.0"
    assert main(["models", "openai/gpt-5", "--json", "--home", str(home)]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (rows["openai/gpt-5"]["price"]["input"], rows["openai/gpt-5"]["price"]["source"]) == (7_000_000_000, "https://prices.example")
    assert main(["catalog", "refresh", "--home", str(home)]) == 0
    assert capsys.readouterr().out.endswith("0 new, 0 changed, 0 gone. A gateway takes them at its next start.\n")


@pytest.mark.usefixtures("installed")
def test_an_older_package_changes_nothing(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "0.0.1")
    assert main(["catalog", "refresh", "--home", str(tmp_path)]) == 1
    assert "0.0.1 is installed: `pip install --upgrade genai-prices`" in capsys.readouterr().err
    assert not (tmp_path / PRICES).exists()


def test_without_the_package_the_command_to_install_it_is_said(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert main(["catalog", "refresh", "--home", str(tmp_path)]) == 1
    assert "`pip install --upgrade genai-prices`" in capsys.readouterr().err
