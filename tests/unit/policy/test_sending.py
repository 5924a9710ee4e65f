"""How calls of one dialect go to one target."""

import msgspec
from tests.unit.policy.values import key, snapshot, upstream

from tidegate.dialects.table import SPOKEN
from tidegate.policy.route import Planner
from tidegate.policy.sending import Sending, address


def test_what_is_worked_out_is_kept_for_the_very_target() -> None:
    """Another target of the same name may have another credential."""
    planner = Planner(snapshot(upstream("anthropic")))
    target = planner.plan(key(), "claude-big").targets[0]
    client, other = SPOKEN["openai_chat"], SPOKEN["anthropic"]
    found = planner.sending(target, client)
    assert planner.sending(target, client) is found
    assert planner.sending(target, other) is not found
    twin = msgspec.structs.replace(target)
    assert (planner.sending(twin, client).target, twin == target) == (twin, True)
    assert planner.sending(twin, client) is not found


def test_where_whole_answers_and_streams_are_asked_for() -> None:
    target = Planner(snapshot(upstream("anthropic"))).plan(key(), "claude-big").targets[0]
    sending = Sending(target, SPOKEN["openai_chat"])
    assert (sending.dialect.name, sending.origin.model, sending.framing) == ("anthropic", "claude-big", "sse")
    assert sending.url == sending.stream_url == "https://api.anthropic.example/v1/messages"
    assert address(target, "/a/{model}:b") == "https://api.anthropic.example/a/claude-big:b"
