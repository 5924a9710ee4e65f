"""The ledger's line for a line of a batch that its provider ran: what it used, at the provider's rate for batches."""

import msgspec

from tidegate.dialects.base import Whole
from tidegate.policy.price import cost, version_at
from tidegate.policy.snapshot import Key, Target
from tidegate.ports import UsageEvent
from tidegate.ports.kept import Kept
from tidegate.proxy.batch import Batch


def usage_event(row: Kept, batch: Batch, key: Key, target: Target, place: int, read: Whole, *, at: float) -> UsageEvent:
    """The same for the same line, however often it is asked for: the ledger takes it once."""
    usage = read.usage
    priced = cost(usage, version_at(target.price, row.at))
    percent = target.upstream.spec.batch_percent
    return UsageEvent(
        request_id=f"req_{row.id}_{place}",
        attempt=1,
        at=at,
        key=key.id,
        key_name=key.name,
        surface="message_batch" if row.kind == "message_batch" else "batch",
        route=batch.route,
        target=target.name,
        provider=target.upstream.name,
        model=read.model or target.model,
        stream=False,
        identity=True,
        status=200,
        upstream_status=200,
        error=None,
        usage=None if usage is None else msgspec.to_builtins(usage),
        estimated=None,
        cost_nano=None if priced is None else -(-priced.nano * percent // 100),
        price_source=None if priced is None else f"{priced.label}, batch at {percent} %",
        duration_ms=0,
        first_byte_ms=None,
        receipt=[],
        org=key.org,
        team=key.team,
        user=key.user,
        tags=list(key.tags),
    )
