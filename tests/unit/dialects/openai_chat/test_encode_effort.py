from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded, encoded, foreign, told, user

from tidegate.ir.content import Text
from tidegate.ir.request import Reasoning, Tool

HI = user(Text("hi"))
F = Tool("f", schema={"type": "object"})


@pytest.mark.parametrize(
    ("reasoning", "effort", "losses"),
    [
        (Reasoning("enabled", budget=1024), "low", [("mapped", "thinking.budget_tokens")]),
        (Reasoning("enabled", budget=4096), "medium", [("mapped", "thinking.budget_tokens")]),
        (Reasoning("enabled", budget=16_384), "high", [("mapped", "thinking.budget_tokens")]),
        (Reasoning("adaptive", "low"), "low", []),
        (Reasoning("adaptive", "max"), "high", [("mapped", "output_config.effort")]),
        (Reasoning("adaptive"), "medium", [("mapped", "thinking")]),
        (Reasoning("adaptive", "odd"), None, [("dropped", "output_config.effort")]),
        (Reasoning("adaptive", "low", display="omitted"), "low", [("dropped", "thinking.display")]),
        (Reasoning("disabled"), None, [("dropped", "thinking")]),
        (Reasoning("disabled", "high"), None, [("dropped", "output_config.effort"), ("dropped", "thinking")]),
    ],
)
def test_reasoning_as_effort(reasoning: Reasoning, effort: str | None, losses: list[tuple[str, str]]) -> None:
    body, found = encoded(foreign(HI, reasoning=reasoning), thinking="effort")
    assert (body.get("reasoning_effort"), told(found)) == (effort, losses)


@pytest.mark.parametrize(
    ("efforts", "asked", "effort"),
    [
        (("none", "low", "medium", "high", "xhigh", "max"), "max", "max"),
        (("none", "low", "medium", "high", "xhigh"), "max", "xhigh"),
        (("low", "high", "max"), "medium", "high"),
        (("none", "high"), "low", "high"),
        (("none", "default"), "low", "default"),
        ((), "low", None),
    ],
)
def test_the_nearest_word_that_the_model_takes(efforts: tuple[str, ...], asked: str, effort: str | None) -> None:
    body, losses = encoded(foreign(HI, reasoning=Reasoning("adaptive", asked)), thinking="effort", efforts=efforts)
    assert body.get("reasoning_effort") == effort
    kind = "dropped" if effort is None else "mapped"
    assert told(losses) == ([] if effort == asked else [(kind, "output_config.effort")])


@pytest.mark.parametrize(
    ("efforts", "effort", "losses"),
    [
        (("none", "low"), "none", []),
        (("minimal", "low"), "minimal", [("emulated", "thinking")]),
        ((), None, [("dropped", "thinking")]),
        (None, None, [("dropped", "thinking")]),
    ],
)
def test_not_to_reason(efforts: Any, effort: str | None, losses: list[tuple[str, str]]) -> None:
    body, found = encoded(foreign(HI, reasoning=Reasoning("disabled")), thinking="effort", efforts=efforts)
    assert (body.get("reasoning_effort"), told(found)) == (effort, losses)


def test_reasoning_for_models_that_do_not() -> None:
    body, losses = encoded(foreign(HI, reasoning=Reasoning("enabled", budget=2048)))
    assert ("reasoning_effort" in body, told(losses)) == (False, [("dropped", "thinking")])
    assert encoded(foreign(HI, reasoning=Reasoning("disabled")))[1] == []


@pytest.mark.parametrize(
    ("reasoning", "losses"),
    [
        (Reasoning("enabled", budget=2048), [("dropped", "thinking")]),
        (Reasoning("adaptive", "max"), [("dropped", "thinking"), ("dropped", "output_config.effort")]),
        (Reasoning(effort="max"), [("dropped", "output_config.effort")]),
        (Reasoning("disabled"), []),
        (None, [("mapped", "tools")]),
    ],
)
def test_models_that_take_tools_only_without_reasoning(reasoning: Reasoning | None, losses: list[tuple[str, str]]) -> None:
    model: dict[str, Any] = {"thinking": "effort", "tools_while_thinking": False, "efforts": ("none", "low", "high")}
    body, found = encoded(foreign(HI, tools=[F], reasoning=reasoning), **model)
    assert (body["reasoning_effort"], told(found)) == ("none", losses)
    assert encoded(foreign(HI, reasoning=Reasoning(effort="low")), **model)[0]["reasoning_effort"] == "low"


def test_an_openai_client_keeps_its_own_words() -> None:
    for fields in (
        {"reasoning_effort": "max", "tools": [{"type": "function", "function": {"name": "f"}}]},
        {"thinking": {"type": "enabled", "budget_tokens": 9, "clear_thinking": False}},
    ):
        body, losses = encoded(decoded(**fields), thinking="effort", efforts=("low",), tools_while_thinking=False)
        assert {name: body[name] for name in fields} == fields
        assert losses == []
