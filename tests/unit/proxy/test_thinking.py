from tidegate.adapters.thinking_memory import MemoryThinkingCache
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Origin, Text, Thinking, ToolUse
from tidegate.ir.request import Message, Request
from tidegate.proxy.thinking import ThinkingCollector, remember, restore

ORIGIN = Origin("anthropic", "anthropic", "claude")
THOUGHT = Thinking("Let me see.", "sig", None, ORIGIN)
REDACTED = Thinking("", None, "secret", ORIGIN)


def request(*messages: Message) -> Request:
    return Request(dialect="openai_chat", model="m", messages=list(messages))


def assistant(*blocks: Block) -> Message:
    return Message("assistant", list(blocks))


def test_what_a_client_dropped_is_put_back_before_the_rest() -> None:
    cache = MemoryThinkingCache()
    remember(cache, "k", [THOUGHT, REDACTED, Text("I look."), ToolUse("call_1", "f", "{}"), ToolUse("call_2", "f", "{}")])
    for name in ("call_1", "call_2"):
        before = request(assistant(Text("I look."), ToolUse(name, "f", "{}")))
        after = restore(cache, "k", before)
        assert after.messages[0].blocks == [THOUGHT, REDACTED, Text("I look."), ToolUse(name, "f", "{}")]
        assert len(before.messages[0].blocks) == 2


def test_unsigned_text_that_came_back_gives_way_to_what_was_signed() -> None:
    cache = MemoryThinkingCache()
    remember(cache, "k", [THOUGHT, ToolUse("call_1", "f", "{}")])
    after = restore(cache, "k", request(assistant(Thinking("Let me see."), ToolUse("call_1", "f", "{}"))))
    assert after.messages[0].blocks == [THOUGHT, ToolUse("call_1", "f", "{}")]


def test_a_turn_of_several_messages_has_its_thinking_once_and_first() -> None:
    cache = MemoryThinkingCache()
    one, two = ToolUse("call_1", "f", "{}"), ToolUse("call_2", "f", "{}")
    remember(cache, "k", [THOUGHT, Text("I look."), one, two])
    dropped = request(assistant(Text("I look.")), assistant(one), assistant(two), Message("user", [Text("x")]))
    after = restore(cache, "k", dropped)
    assert [message.blocks for message in after.messages[:3]] == [[THOUGHT, Text("I look.")], [one], [two]]
    kept = request(assistant(THOUGHT), assistant(Text("I look.")), assistant(one), assistant(two))
    assert restore(cache, "k", kept) is kept


def test_what_is_still_there_is_left_alone() -> None:
    cache = MemoryThinkingCache()
    remember(cache, "k", [THOUGHT, ToolUse("call_1", "f", "{}")])
    own = Thinking("Other.", "other", None, ORIGIN)
    for message in (
        assistant(own, ToolUse("call_1", "f", "{}")),
        assistant(ToolUse("call_9", "f", "{}")),
        assistant(Text("no tools")),
        Message("user", [Text("hi")]),
    ):
        before = request(message)
        assert restore(cache, "k", before) is before
    before = request(assistant(ToolUse("call_1", "f", "{}")))
    assert restore(cache, "another", before) is before


def test_answers_without_signed_thinking_or_without_tools_are_not_kept() -> None:
    cache = MemoryThinkingCache()
    remember(cache, "k", [Thinking("unsigned"), ToolUse("call_1", "f", "{}")])
    remember(cache, "k", [THOUGHT, Text("done")])
    remember(cache, "k", [THOUGHT, ToolUse("", "f", "{}")])
    assert (cache.get("k", "call_1"), cache.get("k", "")) == (None, None)


def test_a_stream_is_gathered() -> None:
    collector = ThinkingCollector()
    for event in (
        ev.BlockStart(0, Thinking("", None, None, ORIGIN)),
        ev.ThinkingDelta(0, "Let me "),
        ev.ThinkingDelta(0, "see."),
        ev.ThinkingDelta(0, signature="sig"),
        ev.BlockStop(0),
        ev.BlockStart(1, REDACTED),
        ev.BlockStart(2, Text("")),
        ev.TextDelta(2, "I look."),
        ev.BlockStart(3, ToolUse("call_1", "f", "")),
        ev.ArgsDelta(3, "{}"),
        ev.ThinkingDelta(9, "of a block that never began"),
    ):
        collector.feed(event)
    cache = MemoryThinkingCache()
    collector.keep(cache, "k")
    after = restore(cache, "k", request(assistant(ToolUse("call_1", "f", "{}"))))
    assert after.messages[0].blocks == [THOUGHT, REDACTED, ToolUse("call_1", "f", "{}")]


SIGNED = ToolUse("call_1", "f", "{}", signature='{"google":{"thought_signature":"abc"}}', origin=Origin("openai_chat", "gemini", "g"))


def test_the_signature_of_a_call_is_put_back() -> None:
    cache = MemoryThinkingCache()
    remember(cache, "k", [SIGNED, ToolUse("call_2", "f", "{}")])
    before = request(assistant(Text("I look."), ToolUse("call_1", "f", "{}"), ToolUse("call_2", "f", "{}")))
    after = restore(cache, "k", before)
    assert after.messages[0].blocks == [Text("I look."), SIGNED, ToolUse("call_2", "f", "{}")]
    assert restore(cache, "another", before) is before
    again = request(assistant(SIGNED))
    assert restore(cache, "k", again) is again


def test_signatures_of_calls_and_of_thinking_together() -> None:
    cache = MemoryThinkingCache()
    remember(cache, "k", [THOUGHT, SIGNED])
    after = restore(cache, "k", request(assistant(ToolUse("call_1", "f", "{}"))))
    assert after.messages[0].blocks == [THOUGHT, SIGNED]
