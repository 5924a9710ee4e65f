"""The table: names are the records' own, and nobody changes it."""

import pytest

from tidegate.dialects.table import DIALECTS


def test_every_dialect_stands_under_its_own_name() -> None:
    assert set(DIALECTS) == {"openai_chat", "openai_responses", "anthropic", "gemini", "bedrock_converse"}
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


def test_the_table_is_closed() -> None:
    with pytest.raises(TypeError):
        DIALECTS["x"] = DIALECTS["anthropic"]  # type: ignore[index]  # the very thing that must not work
