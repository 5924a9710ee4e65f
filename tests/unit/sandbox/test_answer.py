import json
from typing import Any

import pytest

from tidegate.sandbox.answer import LABEL, Answer, Attachment, Call, Offered, Redacted, Search, Text, Thinking, Turn, compose, story
from tidegate.sandbox.script import PLAIN, Script, ScriptedCall

WEATHER = Offered("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}})
CLOCK = Offered("clock", {"type": "object", "properties": {}})


def text(answer: Answer) -> str:
    return "".join(piece for part in answer.parts if isinstance(part, Text) for piece in part.pieces)


def calls(answer: Answer) -> list[tuple[str, Any]]:
    return [(part.name, json.loads("".join(part.pieces))) for part in answer.parts if isinstance(part, Call)]


def ask(model: str = "m", script: Script = PLAIN, **fields: Any) -> Answer:
    return compose(Turn(model, **fields), script, 1)


def test_a_plain_answer_is_labelled_and_says_how_to_reach_a_real_model() -> None:
    said = text(ask(text="hello"))
    assert said.startswith(LABEL)
    assert "'hello'" in said
    assert "ANTHROPIC_API_KEY" in said


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("echo", "say this"),
        ("sandbox/echo", "say this"),
        ("fixed", f"{LABEL} This is the fixed answer."),
        ("vision", f"{LABEL} I received no attachments."),
    ],
)
def test_models(model: str, expected: str) -> None:
    assert text(ask(model, text="say this")) == expected


def test_the_reasoner_thinks_first() -> None:
    assert [type(part) for part in ask("reasoner").parts] == [Thinking, Text]
    assert [type(part) for part in ask("m", thinking=True).parts] == [Thinking, Text]


def test_vision_names_what_came() -> None:
    said = text(ask("vision", attachments=[Attachment("image/png", 68), Attachment("image", url="https://x/y.png")]))
    assert said == f"{LABEL} I received 2 attachments: image/png (68 bytes), image at https://x/y.png."


def test_the_json_model_fits_the_schema() -> None:
    assert json.loads(text(ask("json", structured=True, schema={"type": "object", "properties": {"a": {"type": "integer"}}}))) == {"a": 1}
    assert json.loads(text(ask("json", text="hi")))["sandbox"] is True


@pytest.mark.parametrize(
    ("fields", "called"),
    [
        ({"text": "what does get_weather say?"}, "get_weather"),
        ({"text": "my get_weather2 tool"}, None),
        ({"text": "hello"}, None),
        ({"text": "hello", "forced": "*"}, "clock"),
        ({"text": "hello", "forced": "get_weather"}, "get_weather"),
        ({"text": "get_weather", "tools_allowed": False}, None),
        ({"text": "get_weather", "tool_results": ["sunny"]}, None),
        ({"model": "tools", "text": "hello"}, "clock"),
    ],
)
def test_when_a_tool_is_called(fields: dict[str, Any], called: str | None) -> None:
    answer = ask(**{"tools": [CLOCK, WEATHER], **fields})
    assert [name for name, _ in calls(answer)] == ([called] if called else [])
    assert answer.stop == ("tool" if called else "end")


def test_arguments_fit_the_tools_schema() -> None:
    assert calls(ask(tools=[WEATHER], forced="*")) == [("get_weather", {"city": "sandbox"})]


def test_after_a_tool_result_the_answer_repeats_it() -> None:
    assert text(ask("tools", tools=[CLOCK], tool_results=["sunny", "12:00"])) == f"{LABEL} The tool answered: sunny | 12:00"


def test_a_script_orders_everything() -> None:
    ordered = [ScriptedCall("a", {"x": 1}, "id1"), ScriptedCall("b", "{broken")]
    script = Script(text="hi there", reasoning_text="hm", redacted=1, tool_calls=ordered, web_search="q")
    answer = ask(script=script)
    assert [type(part) for part in answer.parts] == [Thinking, Redacted, Search, Text, Call, Call]
    assert [("".join(part.pieces), part.id) for part in answer.parts if isinstance(part, Call)] == [('{"x":1}', "id1"), ("{broken", "")]
    assert answer.stop == "tool"


@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_n_is_the_number_of_text_tokens(n: int) -> None:
    assert ask(script=Script(n=n)).tokens == n
    assert ask(script=Script(n=n, text="ab cd ef")).tokens == n
    assert ask(script=Script(n=n, reasoning=3)).reasoning_tokens == 3


def test_answers_depend_on_the_seed_alone() -> None:
    assert story(1, 20) == story(1, 20)
    assert len({"".join(story(seed, 20)) for seed in range(20)}) > 15


@pytest.mark.parametrize(
    ("script", "fields", "expected", "stop"),
    [
        (Script(text="one two three"), {"max_tokens": 2}, "one two", "length"),
        (Script(text="one two three"), {"max_tokens": 3}, "one two three", "end"),
        (Script(text="one two three"), {"stops": ["wo", "three"]}, "one t", "stop_sequence"),
        (Script(text="one two three"), {"stops": ["one"]}, "", "stop_sequence"),
        (Script(text="one two three", stop="weird"), {}, "one two three", "weird"),
        (Script(refusal="no"), {}, "no", "refusal"),
        (Script(refusal=True), {}, f"{LABEL} I cannot help with that.", "refusal"),
    ],
)
def test_how_answers_end(script: Script, fields: dict[str, Any], expected: str, stop: str) -> None:
    answer = ask(script=script, **fields)
    assert (text(answer), answer.stop) == (expected, stop)


def test_a_limit_cuts_thinking_and_calls_too() -> None:
    answer = ask(script=Script(reasoning=5, tool_calls=[ScriptedCall("a", {"long": "x" * 100})], n=2), max_tokens=8)
    assert (answer.tokens, answer.stop) == (8, "length")
    assert ask(script=Script(reasoning=5, n=2), max_tokens=3).tokens == 3
