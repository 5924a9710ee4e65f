"""T-SP-5: what the spool has, and when: the beginning before anything is sent, the row before an answer's last bytes, and under
`durability: power_loss` the sync before them too."""

from typing import Any

import msgspec
import pytest
from tests.faults.rig.sizes import sizes
from tests.unit.proxy.values import CLAUDE, GPT, SSE, STREAM, WHOLE, Given, Memory, silence

from tidegate.ports import UsageEvent
from tidegate.proxy.reply import Reply
from tidegate.proxy.server import Gateway

CALLS = sizes().ordered
pytestmark = pytest.mark.programme("T-SP-5", of=f"{CALLS * 4} calls in order")


class Ordered:
    """The `Events` port; notes what happens beside what the client gets."""

    def __init__(self, seen: list[str]) -> None:
        self.accepting = True
        self.seen = seen
        self.durable: OSError | None = None
        self.rows: list[UsageEvent] = []

    def begin(self, event: UsageEvent) -> None:
        assert (event.entry, event.status, event.cost_nano) == ("unknown", 0, None)
        self.seen.append("begun")

    def emit(self, event: UsageEvent) -> None:
        assert event.entry == "settled"
        self.seen.append("settled")
        self.rows.append(event)

    async def synced(self) -> None:
        self.seen.append("synced")
        if self.durable is not None:
            raise self.durable


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, in order; `sent` is the end of an answer."""
    found: list[str] = []
    for name in ("whole", "end_stream"):
        real = getattr(Reply, name)

        def sent(reply: Reply, *given: Any, real: Any = real) -> Any:
            found.append("sent")
            return real(reply, *given)

        monkeypatch.setattr(Reply, name, sent)
    return found


def gateway(seen: list[str], monkeypatch: pytest.MonkeyPatch, *given: Any) -> tuple[Memory, Ordered]:
    memory, events = Memory(*given), Ordered(seen)
    opened = memory.provider.open

    async def noted(*args: Any, **named: Any) -> Any:
        seen.append("opened")
        return await opened(*args, **named)

    monkeypatch.setattr(memory.provider, "open", noted)
    memory.gateway = Gateway(msgspec.structs.replace(memory.app, events=events))
    return memory, events


@pytest.mark.parametrize("model", [GPT, CLAUDE])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_row_is_there_before_the_last_bytes(seen: list[str], monkeypatch: pytest.MonkeyPatch, model: str, stream: bool) -> None:
    memory, _ = gateway(seen, monkeypatch, *(Given(*STREAM, headers=SSE) if stream else Given(WHOLE) for _ in range(CALLS)))
    for _ in range(CALLS):
        seen.clear()
        await (memory.chat if model == GPT else memory.message)(GPT, stream=stream)
        assert seen == ["begun", "opened", "settled", "synced", "sent"]


async def test_an_attempt_that_fails_leaves_its_row_before_the_next_begins(seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    memory, events = gateway(seen, monkeypatch, silence(), Given(WHOLE))
    assert (await memory.chat("two")).status == 200
    assert seen == ["begun", "opened", "settled", "begun", "opened", "settled", "synced", "sent"]
    assert [event.attempt for event in events.rows] == [1, 2]


async def test_nothing_is_answered_that_cannot_be_made_durable(seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    memory, events = gateway(seen, monkeypatch, Given(WHOLE))
    events.durable = OSError("the disk is gone")
    got = await memory.chat()
    assert (got.status, got.json()["error"]["code"]) == (503, "usage_storage_unavailable")
    assert [event.status for event in events.rows] == [200]


@pytest.mark.parametrize("model", [GPT, "two"])
async def test_no_new_call_is_taken_where_usage_cannot_be_kept(seen: list[str], monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    memory, events = gateway(seen, monkeypatch)
    events.accepting = False
    got = await memory.chat(model)
    assert (got.status, got.headers["retry-after"]) == (503, "5")
    assert seen == ["sent"]
