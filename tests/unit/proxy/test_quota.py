import msgspec
from tests.support.client import MemoryClient
from tests.unit.policy.limits.values import limit
from tests.unit.policy.values import key, snapshot
from tests.unit.proxy.values import Memory, Ticks

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.dialects.table import DIALECTS
from tidegate.policy.limits.rules import Actual, claim
from tidegate.policy.route import Planner
from tidegate.proxy.call import Call
from tidegate.proxy.quota import quota
from tidegate.proxy.reply import Reply


async def test_a_key_sees_what_it_has_left() -> None:
    limits = (
        limit("requests", "day", 5, mode="observe"),
        limit("spend", "month", 25 * 10**9, kind="organisation"),
        limit("spend", "total", 10**9, hard=False),
        limit("concurrent", "moment", 2),
        limit(id="other", subject="nobody"),
        limit(id="e", kind="end_user"),
    )
    planner = Planner(msgspec.structs.replace(snapshot(), limits=limits))
    call = Call(id="c", started=0, at=0, planner=planner, dialect=DIALECTS["openai_chat"], headers={}, path=b"", query=b"")
    call.key = key("ci")
    counters = MemoryCounters(Ticks())
    charges = planner.limits.charges(call.key)
    await counters.reserve(claim("a", 1, charges, nano=10**9))
    counters.settle("a", 1, Actual(5, 1_500_000_000))
    await counters.reserve(claim("b", 1, charges, nano=500_000_000))
    client = MemoryClient("GET", "/v1/tidegate/quota", {})
    await quota(msgspec.structs.replace(Memory().app, counters=counters), call, Reply(client, []))
    body = client.json()
    assert body["key"] == {"id": "id-ci", "name": "ci"}
    requests, month, total, slots = body["limits"]
    assert requests == {
        "id": "requests/day",
        "scope": "key",
        "subject": "ci",
        "of": "requests",
        "per": "day",
        "mode": "observe",
        "limit": 5,
        "used": 1,
        "reserved": 1,
        "remaining": 3,
        "resets_at": "2023-11-15T00:00:00Z",
    }
    assert (month["subject"], month["mode"], month["resets_at"]) == ("default", "hard", "2023-12-01T00:00:00Z")
    assert month["usd"] == {"limit": "$25.00", "used": "$1.50", "remaining": "$23.00"}
    assert (total["mode"], total["remaining"], total["resets_at"]) == ("soft", 0, None)
    assert (slots["per"], slots["reserved"], slots["remaining"]) == (None, 1, 1)
