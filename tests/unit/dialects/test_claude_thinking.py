"""How much to think, by what the model takes, and what goes with it."""

from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import encode, foreign, lost

from tidegate.ir.request import Reasoning, Tool, ToolChoice


def _sent(
    reasoning: Reasoning | None, style: str, *, max_output: int | None = 64000, **fields: Any
) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    body, losses = encode(foreign(reasoning=reasoning, **fields), thinking=style, max_output=max_output)
    return body, lost(losses) - {("mapped", "max_tokens")}


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 16384), ("xhigh", 24576), ("max", 32768), ("odd", 8192)],
)
def test_an_effort_is_a_budget(effort: str, budget: int) -> None:
    body, losses = _sent(Reasoning(effort=effort), "budget")
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] == 64000
    assert losses == {("mapped", "reasoning_effort")}


@pytest.mark.parametrize(
    ("effort", "told", "noted"),
    [
        ("minimal", "low", True),
        ("low", "low", False),
        ("medium", "medium", False),
        ("high", "high", False),
        ("xhigh", "max", True),
        ("max", "max", False),
    ],
)
def test_an_effort_is_an_effort_where_thinking_is_adaptive(effort: str, told: str, noted: bool) -> None:
    body, losses = _sent(Reasoning(effort=effort, display="summarized"), "adaptive")
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": told}
    assert losses == ({("mapped", "reasoning_effort")} if noted else set())


@pytest.mark.parametrize(
    ("asked", "efforts", "told"),
    [("xhigh", ("low", "medium", "high", "xhigh", "max"), "xhigh"), ("max", ("low", "medium", "high"), "high"), ("low", (), None)],
)
def test_the_nearest_effort_of_the_model(asked: str, efforts: tuple[str, ...], told: str | None) -> None:
    body, losses = encode(foreign(reasoning=Reasoning(effort=asked), max_tokens=8), thinking="adaptive", efforts=efforts)
    assert body.get("output_config", {}).get("effort") == told
    kind = "dropped" if told is None else "mapped"
    assert lost(losses) == (set() if told == asked else {(kind, "reasoning_effort")})


def test_an_unknown_effort_is_dropped() -> None:
    body, losses = _sent(Reasoning(effort="odd"), "adaptive")
    assert body["thinking"] == {"type": "adaptive"}
    assert losses == {("dropped", "reasoning_effort")}


def test_a_budget_on_an_adaptive_model_is_an_effort() -> None:
    body, losses = _sent(Reasoning(budget=5000), "adaptive")
    assert body["output_config"] == {"effort": "medium"}
    assert losses == {("mapped", "reasoning")}
    assert _sent(Reasoning("adaptive"), "adaptive")[0]["thinking"] == {"type": "adaptive"}


def test_a_model_with_efforts_only() -> None:
    body, _ = _sent(Reasoning(effort="low"), "effort")
    assert body["output_config"] == {"effort": "low"}
    assert "thinking" not in body


@pytest.mark.parametrize("reasoning", [Reasoning(effort="none"), Reasoning("disabled")])
def test_not_to_think(reasoning: Reasoning) -> None:
    assert _sent(reasoning, "adaptive")[0]["thinking"] == {"type": "disabled"}
    for style in ("budget", "none"):
        body, losses = _sent(reasoning, style)
        assert "thinking" not in body
        assert losses == set()


@pytest.mark.parametrize("reasoning", [Reasoning(effort="none"), Reasoning("disabled")])
def test_models_with_their_own_way_not_to_think(reasoning: Reasoning) -> None:
    request = foreign(reasoning=reasoning, max_tokens=8, temperature=0.3)
    body, losses = encode(request, thinking="adaptive", thinking_off="between_tools")
    assert (body["thinking"], body["temperature"], losses) == ({"type": "between_tools"}, 0.3, [])
    for efforts, config in ((("low", "high"), {"effort": "low"}), (None, None)):
        body, losses = encode(request, thinking="adaptive", thinking_off="never", efforts=efforts)
        assert ("thinking" in body, body.get("output_config")) == (False, config)
        assert lost(losses) == {("emulated", "reasoning_effort" if reasoning.effort else "reasoning")}


def test_a_model_that_does_not_think() -> None:
    assert _sent(Reasoning(effort="low", extras={"x": 1}), "none")[1] == {("dropped", "reasoning_effort"), ("dropped", "reasoning.x")}


@pytest.mark.parametrize(
    ("reasoning", "max_tokens", "ceiling", "expected"),
    [
        (Reasoning(budget=2000), 8000, None, (2000, 8000)),
        (Reasoning(budget=8000), 8000, None, (4000, 8000)),
        (Reasoning(budget=8000), 1500, None, (1024, 1500)),
        (Reasoning(budget=100), 8000, None, (1024, 8000)),
        (Reasoning(budget=8000), 1024, None, (None, 1024)),
        (Reasoning(budget=8000), None, None, (8000, 12096)),
        (Reasoning(budget=7000), 8000, None, (7000, 8000)),
        (Reasoning(budget=8000), None, 8192, (4096, 8192)),
        (Reasoning(budget=9000), None, 8192, (4096, 8192)),
    ],
)
def test_a_budget_is_below_the_limit(
    reasoning: Reasoning, max_tokens: int | None, ceiling: int | None, expected: tuple[int | None, int]
) -> None:
    body, losses = _sent(reasoning, "budget", max_tokens=max_tokens, max_output=ceiling)
    budget = body.get("thinking", {}).get("budget_tokens")
    assert (budget, body["max_tokens"]) == expected
    if budget is None:
        assert losses == {("dropped", "reasoning")}
    else:
        assert 1024 <= budget < body["max_tokens"]
        assert losses == (set() if budget == reasoning.budget else {("mapped", "reasoning")})


@pytest.mark.parametrize("style", ["budget", "adaptive"])
def test_a_forced_tool_goes_before_thinking(style: str) -> None:
    body, losses = _sent(Reasoning(effort="low"), style, tools=[Tool("f")], tool_choice=ToolChoice("required"))
    assert body["tool_choice"] == {"type": "any"}
    assert "thinking" not in body
    assert losses == {("dropped", "reasoning_effort")}


@pytest.mark.parametrize(
    ("fields", "sent", "losses"),
    [
        ({"temperature": 0.3}, {"temperature": 0.3}, set()),
        ({"temperature": 1.7}, {"temperature": 1}, {("mapped", "temperature")}),
        ({"top_p": 0.3, "top_k": 5}, {"top_p": 0.3, "top_k": 5}, set()),
        ({"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3}, {("dropped", "top_p")}),
        ({"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}, {("dropped", "temperature")}),
        ({"temperature": 1, "top_p": 1}, {"temperature": 1}, {("dropped", "top_p")}),
    ],
)
def test_sampling(fields: dict[str, Any], sent: dict[str, Any], losses: set[tuple[str, str]]) -> None:
    body, receipt = _sent(None, "none", **fields)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == sent
    assert receipt == losses


def test_sampling_while_thinking() -> None:
    body, losses = _sent(Reasoning(budget=2000), "budget", temperature=0.3, top_p=0.5, top_k=4)
    assert not body.keys() & {"temperature", "top_p", "top_k"}
    assert losses == {("dropped", "temperature"), ("dropped", "top_p"), ("dropped", "top_k")}
    assert _sent(Reasoning(budget=2000), "budget", top_p=0.96)[0]["top_p"] == 0.96


def test_models_without_sampling() -> None:
    body, losses = encode(foreign(max_tokens=1, temperature=0.3, top_p=0.5, top_k=4), sampling=False)
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert lost(losses) == {("dropped", "temperature"), ("dropped", "top_p"), ("dropped", "top_k")}
