"""The most output tokens where they stand in an object of the body."""

import json
from typing import Any

import pytest
from tests.unit.proxy.values import GPT, Memory

from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin
from tidegate.policy.limits.estimate import asked_output
from tidegate.proxy.admission import capped
from tidegate.proxy.prepare import Prepared
from tidegate.wire.splice import scan


@pytest.mark.parametrize(
    ("dialect", "body", "wanted"),
    [
        ("bedrock_converse", {"messages": []}, {"messages": [], "inferenceConfig": {"maxTokens": 7}}),
        ("bedrock_converse", {"inferenceConfig": {"maxTokens": 50, "topP": 1}}, {"inferenceConfig": {"maxTokens": 7, "topP": 1}}),
        ("gemini", {"generationConfig": {"topK": 1}}, {"generationConfig": {"topK": 1, "maxOutputTokens": 7}}),
    ],
)
def test_a_cap_goes_where_the_dialect_has_it(dialect: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    prepared = Prepared(url="", headers={}, body=raw, dialect=DIALECTS[dialect], origin=Origin(dialect), losses=[])
    planner = Memory().app.live.current
    target = next(model.target for model in planner.models() if model.name == GPT)
    found = capped(prepared, scan(raw), target, 7)
    assert json.loads(found.body) == wanted
    assert asked_output(scan(found.body)) == 7
    assert [loss.kind for loss in found.losses] == ["mapped"]
