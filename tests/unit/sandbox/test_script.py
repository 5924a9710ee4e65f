import json
from typing import Any

import pytest

from tidegate.sandbox.script import PLAIN, Script, ScriptError, find, for_target, order


def user(text: object) -> Any:
    return {"role": "user", "content": text if isinstance(text, str) else json.dumps(text)}


CALLED: Any = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
RESULT: Any = {"role": "tool", "tool_call_id": "a", "content": "42"}
ANTHROPIC_RESULT: Any = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "42"}]}


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 3, "gap_ms": 1}',
        'please do {"n": 3, "gap_ms": 1} now',
        '{"sandbox": {"n": 3, "gap_ms": 1}}',
        'a {brace} and {"foo": 1} then {"sandbox":{"n":3,"gap_ms":1}}, ok',
    ],
)
def test_a_script_is_found_anywhere(text: str) -> None:
    assert find(text) == Script(n=3, gap_ms=1)


@pytest.mark.parametrize(
    "text", ["", "no script", '{"n": 3, "other": 1}', '{"text": "ordinary json"}', '{"status": 500}', '{"n": 3', '["n"]', '{"sandbox": 1}']
)
def test_other_json_is_the_users_own(text: str) -> None:
    assert find(text) is None


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ({"colour": 1}, "colour"),
        ({"n": "many"}, "$.n"),
        ({"n": -1}, "$.n"),
        ({"mode": "explode"}, "explode"),
        ({"mode": "429+later"}, "429+later"),
        ({"mode": "200"}, "200"),
        ({"then": {"mode": "explode"}}, "explode"),
        ({"by_target": {"a": {"mode": "explode"}}}, "explode"),
    ],
)
def test_a_named_script_that_cannot_be_followed_is_refused(script: object, word: str) -> None:
    with pytest.raises(ScriptError) as caught:
        find(json.dumps({"sandbox": script}))
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("script", "status", "cut"),
    [
        (Script(), None, None),
        (Script(mode="500"), 500, None),
        (Script(mode="429+retry_after"), 429, None),
        (Script(status=503), 503, None),
        (Script(status=201), None, None),
        (Script(mode="rst"), None, "rst"),
        (Script(mode="dup_done"), None, None),
    ],
)
def test_modes(script: Script, status: int | None, cut: str | None) -> None:
    assert (script.failure, script.cut) == (status, cut)


def test_only_the_last_turn_counts() -> None:
    assert order([user({"n": 3}), {"role": "assistant", "content": "x"}, user("plain")]) == PLAIN
    assert order([user("plain"), {"role": "assistant", "content": "x"}, user({"n": 3})]).n == 3
    assert order([user({"n": 3}), {"role": "assistant", "content": "x"}]) == PLAIN
    assert order("no list") == PLAIN


@pytest.mark.parametrize("result", [RESULT, ANTHROPIC_RESULT])
def test_then_is_the_script_after_tool_results(result: Any) -> None:
    script = {"sandbox": {"n": 1, "then": {"n": 2, "then": {"n": 3}}}}
    assert order([user(script)]).n == 1
    assert order([user(script), CALLED, result]).n == 2
    assert order([user(script), CALLED, result, CALLED, result]).n == 3
    assert order([user(script), CALLED, result, CALLED, result, CALLED, result]) == PLAIN


def test_a_tool_result_may_bring_its_own_script() -> None:
    result: Any = {"role": "tool", "tool_call_id": "a", "content": '{"sandbox": {"n": 9}}'}
    assert order([user({"n": 1, "then": {"n": 2}}), CALLED, result]).n == 9


def test_by_target_takes_the_first_name_that_is_known() -> None:
    script = Script(n=1, by_target={"a": Script(n=2), "p1": Script(n=3)})
    assert [for_target(script, *names).n for names in (("x/a", "a", "p1"), ("b", "p1"), ("b", "v1"))] == [2, 3, 1]


def test_many_braces_are_quick() -> None:
    assert find('{"n":' * 200_000) is None
