"""`GET /v1/tidegate/quota`: what a key may use, what it has used, and when that opens again. For clients of either dialect.

Limits that only a call decides on (its route, its model, its end user) are not in the list.
"""

import msgspec

from tidegate.ir.json import JsonObject
from tidegate.policy.limits.rules import Standing
from tidegate.policy.limits.verdict import moment, usd
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.reply import JSON, Reply


async def quota(app: App, call: Call, reply: Reply) -> None:
    """The limits of the caller's key and of what the key belongs to."""
    standings = await app.counters.quota(app.live.rows.charges(call.planner.limits, call.key))
    body: JsonObject = {
        "object": "quota",
        "key": {"id": call.key.id, "name": call.key.name},
        "limits": [_line(standing) for standing in standings],
    }
    await reply.whole(200, JSON, msgspec.json.encode(body), [])


def _line(standing: Standing) -> JsonObject:
    """Counts are whole numbers, of money nano-dollars, which stand as text in dollars beside them."""
    charge, limit = standing.charge, standing.charge.limit
    left = max(0, limit.amount - standing.used - standing.reserved)
    line: JsonObject = {
        "id": limit.id,
        "scope": limit.kind,
        "subject": charge.whose,
        "of": limit.what,
        "per": None if limit.per == "moment" else limit.per,
        "mode": limit.mode if limit.what != "spend" or limit.mode == "observe" else "hard" if limit.hard else "soft",
        "limit": limit.amount,
        "used": standing.used,
        "reserved": standing.reserved,
        "remaining": left,
        "resets_at": None if standing.opens is None else moment(standing.opens),
    }
    if limit.what == "spend":
        line["usd"] = {"limit": usd(limit.amount), "used": usd(standing.used), "remaining": usd(left)}
    return line
