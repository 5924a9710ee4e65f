import json
from typing import Any

import pytest

from tidegate.proxy.defaults import put_within
from tidegate.wire.splice import scan


@pytest.mark.parametrize(
    ("dialect", "body", "defaults", "made"),
    [
        ("gemini", {}, {"max_tokens": 5}, {"generationConfig": {"maxOutputTokens": 5}}),
        (
            "gemini",
            {"generationConfig": {"maxOutputTokens": 9, "a": 1}},
            {"max_tokens": 5, "top_p": 1},
            {"generationConfig": {"maxOutputTokens": 9, "a": 1, "topP": 1}},
        ),
        ("gemini", {"generationConfig": {"max_output_tokens": 9}}, {"max_tokens": 5}, {"generationConfig": {"max_output_tokens": 9}}),
        ("gemini", {}, {"stop": "x"}, {"generationConfig": {"stopSequences": ["x"]}}),
        ("gemini", {}, {"reasoning_effort": "low", "user": "u"}, {}),
        ("gemini", {"safetySettings": []}, {"safetySettings": [1], "cachedContent": "c"}, {"safetySettings": [], "cachedContent": "c"}),
        (
            "gemini",
            {"generationConfig": {"topK": 1}},
            {"generationConfig": {"topK": 2, "seed": 3}},
            {"generationConfig": {"topK": 1, "seed": 3}},
        ),
        ("gemini", {"generationConfig": None}, {"seed": 3}, {"generationConfig": {"seed": 3}}),
        ("bedrock_converse", {}, {"max_completion_tokens": 5, "seed": 1}, {"inferenceConfig": {"maxTokens": 5}}),
    ],
)
def test_defaults_stand_where_the_dialect_has_them(dialect: str, body: Any, defaults: Any, made: Any) -> None:
    assert json.loads(put_within(scan(json.dumps(body).encode()), dialect, defaults).body) == made


def test_nothing_to_add_leaves_the_bytes() -> None:
    fields = scan(b'{ "generationConfig" : {"temperature":0} }')
    assert put_within(fields, "gemini", {"temperature": 1, "tool_choice": "x"}) is fields
