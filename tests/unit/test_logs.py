"""The lines of the log: JSON for machines, a sentence for people, and nothing that a value can break or a traceback give away."""

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.logs import Log

LOG = Log("tidegate.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not a fixture: pytest puts its own stderr in place between a fixture and its test."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_line_is_one_json_object_with_its_fields_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    LOG.warning("the disk is full", used=0.97, where="a\nb", of=("x", {1}))
    out, err = capsys.readouterr()
    line = json.loads(err)
    at = datetime.fromisoformat(line.pop("timestamp"))
    assert (out, err.count("\n")) == ("", 1)
    expected = {
        "event": "the disk is full",
        "level": "warning",
        "logger": "tidegate.test",
        "used": 0.97,
        "where": "a\nb",
        "of": ["x", "{1}"],
    }
    assert line == expected
    assert timedelta() <= datetime.now(UTC) - at < timedelta(minutes=5)


def test_levels_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    LOG.info("first")
    LOG.warning("second")
    LOG.error("third")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("first", "info"), ("second", "warning"), ("third", "error")]


def test_a_field_can_have_any_name_and_the_lines_own_names_win(capsys: pytest.CaptureFixture[str]) -> None:
    LOG.info("named", self="us", level="theirs")
    line = json.loads(capsys.readouterr().err)
    assert (line["self"], line["level"]) == ("us", "info")


def _fails(secret: str) -> None:
    raise ValueError("it failed", len(secret))


@pytest.mark.parametrize("given", [True, False])
def test_an_exception_is_told_with_its_traceback_and_without_its_variables(given: bool, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        _fails("tgk_" + "hidden")
    except ValueError as error:
        LOG.error("not done", exc_info=error) if given else LOG.exception("not done")
    line = json.loads(capsys.readouterr().err)
    assert line["level"] == "error"
    assert "in _fails" in line["exception"]
    assert line["exception"].endswith("ValueError: ('it failed', 10)")
    assert "tgk_hidden" not in line["exception"]


def test_people_read_a_sentence_whose_values_stay_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    LOG.warning("a target is drained", target="a/b\x1b[2J\nforged", count=2)
    (line,) = terminal.getvalue().splitlines()
    assert line.endswith('[warning] a target is drained target="a/b\\u001b[2J\\nforged" count=2')


def test_people_read_tracebacks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    LOG.error("not done", exc_info=ValueError("why"))
    assert terminal.getvalue().splitlines()[1:] == ["ValueError: why"]
