"""Prices from the command line, on a database of their own."""

import json
from pathlib import Path

import pytest

from tidegate.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEGATE_DATABASE_URL", "TIDEGATE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(("prices", *arguments))
    shown = capsys.readouterr()
    return code, shown.out.strip(), shown.err.strip()


def test_a_price_is_set_listed_set_again_and_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    code, first, _ = run(capsys, "set", "anthropic/claude-x", "--input", "3", "--output", "15", "--cache-read", "0.30")
    assert (code, first.startswith("price_")) == (0, True)
    steps = '{"above": {"tokens": 200000, "input": 6}, "input": 1}'
    _, second, _ = run(capsys, "set", "anthropic/claude-x", "--from", "2027-01-01", "--entry", steps, "--output", "9", "--read-at", "here")
    assert run(capsys, "set", "anthropic/claude-x", "--input", "2", "--output", "15")[1] == first
    lines = [json.loads(line) for line in run(capsys, "list", "--json")[1].splitlines()]
    assert [(line["id"], line["revision"], line["price"]) for line in lines] == [
        (first, 2, {"input": "2", "output": "15"}),
        (second, 1, {"input": 1, "output": "9", "above": {"input": 6, "tokens": 200_000}}),
    ]
    listed = run(capsys, "list")[1]
    assert "2027-01-01" in listed and "always" in listed and "above" in listed and "here" in listed
    assert run(capsys, "delete", second)[0] == 0
    code, _, told = run(capsys, "delete", second)
    assert (code, f"there is no price `{second}`" in told) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("claude-x", "--input", "1"), "a price is for `provider/model`"),
        (("nobody/x", "--input", "1"), "there is no provider `nobody`"),
        (("anthropic/x", "--input", "free"), "a price is in dollars"),
        (("anthropic/x",), "a price has `input` or `output` at least"),
        (("anthropic/x", "--entry", "[1]"), "--entry is no JSON object"),
        (("anthropic/x", "--entry", '{"imput": 1}'), "Did you mean `input`"),
        (("anthropic/of-file", "--input", "1"), "has its prices in"),
    ],
)
def test_mistakes_are_told(folder: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tidegate.yaml").write_text("prices: {anthropic/of-file: [{input: 1, output: 1}]}")
    code, _, told = run(capsys, "set", *arguments)
    assert (code, words in told) == (1, True), told
