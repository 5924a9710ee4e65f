"""A usage event, for the tests of what takes them, and the pieces of an answer."""

from collections.abc import AsyncIterator

from tidegate.ports import UpstreamAnswer, UsageEvent


async def pieces_of(answer: UpstreamAnswer) -> AsyncIterator[bytes]:
    while piece := await answer.piece():
        yield piece


EVENT = UsageEvent(
    request_id="req_1",
    attempt=1,
    at=1.0,
    key="k",
    key_name="name",
    surface="messages",
    route="r",
    target="a/b",
    provider="a",
    model="b",
    stream=False,
    identity=True,
    status=200,
    upstream_status=200,
    error=None,
    usage={"input": 3},
    estimated=None,
    cost_nano=7,
    price_source="test",
    duration_ms=1.5,
    first_byte_ms=None,
    receipt=[],
)
