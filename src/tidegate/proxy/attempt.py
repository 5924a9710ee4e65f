"""One attempt: what it works with, and what it leaves behind.

Filled while it runs, told to the client in headers, and emitted once as a usage event.
"""

import asyncio
from asyncio import TimerHandle
from functools import lru_cache, partial
from typing import Protocol

import msgspec

from tidegate.ir.errors import Error, GatewayError
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage
from tidegate.policy.circuit import Circuit
from tidegate.policy.limits.estimate import Used
from tidegate.policy.price import cost, version_at
from tidegate.policy.route import OTHER, Plan
from tidegate.policy.snapshot import Target
from tidegate.ports import RawHeaders, UsageEvent
from tidegate.proxy.admission import Admitted, end_user
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.delivered import Delivered, nothing_delivered
from tidegate.proxy.effects import has_effects
from tidegate.proxy.failure import DRAINING, UNRECORDED
from tidegate.proxy.headers import header_value
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.reply import Reply
from tidegate.proxy.waiting import QUEUE

OK = 200
CLIENT_GONE = 499
MAX_RECEIPT = 512
"""Bytes of `x-tidegate-receipt`; the whole receipt goes with the usage event."""


class Race(Protocol):
    """Several attempts of one call, of which one answers the client."""

    def entered(self, attempt: "Attempt") -> None:
        """The attempt runs."""
        ...

    def claim(self, attempt: "Attempt") -> bool:
        """Whether it is this one that answers. The first that asks has won, and the others are cancelled."""
        ...


class Attempt:
    """One try at one target. `admitted` is what it holds of the limits, where there are any. `last` says that no other target follows, so
    that nothing is held back for one."""

    upstream_status: int | None = None
    status = 0
    error: Error | None = None
    gone = False
    was_sent = True
    """Something of it may have reached the provider."""
    has_lost = False
    """Another attempt of the call was faster."""
    race: Race | None = None
    is_drained = False
    """Its client has left, and the rest of the answer is read all the same."""
    diverts = False
    """An answer that its provider's filter held back is not given to the client: another target is asked."""
    has_expired = False
    """It gave no content in its time."""
    timer: TimerHandle | None = None
    circuit: Circuit | None = None
    """That of its place, which need not wait for the end of a stream to know that its provider is well."""
    model: str | None = None
    usage: Usage | None = None
    delivered: Delivered | None = None
    """What has come of a generation that is streamed."""
    _first_byte: float | None = None
    _first_content: float | None = None
    _given: list[bytes] | None = None
    _settled = False

    def __init__(
        self,
        app: App,
        call: Call,
        plan: Plan,
        target: Target,
        prepared: Prepared,
        admitted: Admitted | None,
        reply: Reply,
        *,
        last: bool,
    ) -> None:
        self.app = app
        self.call = call
        self.target = target
        self.prepared = prepared
        self.reply = reply
        self.last = last
        self.losses = prepared.losses
        self._admitted = admitted
        self._event = _unsettled(call, plan, target, prepared, admitted)
        self.started = app.clock.monotonic()
        self.ended = self.started
        self.lasts = target.upstream.drains if plan.rules.drains is None else plan.rules.drains
        # Time passes for the call as a whole; the machine decides that none begins without any left.
        self.within = max(0.001, call.started + plan.rules.seconds - self.started)
        self._label = plan.label
        self._by_route = plan.by_route
        app.metrics.begun(call.surface, plan.label)

    @property
    def logs(self) -> bool:
        """Whether the operator has bodies in the log."""
        return self.call.snapshot.server.bodies_in_log

    def log(self, data: bytes) -> None:
        """A piece of the answer, where the operator has bodies in the log."""
        if self._given is None:
            self._given = []
        self._given.append(data)

    def claims(self) -> bool:
        """Whether it may answer the client, who has got nothing yet."""
        if self.timer is not None:
            self.timer.cancel()
        return self.race is None or self.race.claim(self)

    def first_byte(self) -> None:
        """The first byte for the client is ready."""
        self._first_byte = self.app.clock.monotonic()

    def first_content(self) -> None:
        """The first content for the client is ready, beyond what announces it; or the error that ends a stream without any."""
        self._first_content = self.app.clock.monotonic()
        if self.circuit is not None and self.circuit.until and self.error is None:
            self.circuit.succeeded(self.started)

    @property
    def latency(self) -> float | None:
        """Seconds from the attempt's start to the first content for the client, if there was any."""
        first = self._first_content or self._first_byte
        return None if first is None else first - self.started

    def headers(self) -> RawHeaders:
        """Where the call went and what became of its fields, for the client."""
        receipt = b"identity" if self.prepared.identity and not self.losses else _short(self.losses)
        told = [(b"x-tidegate-target", _shown(self.target.name)), (b"x-tidegate-receipt", receipt)]
        if self._by_route:
            told.append((b"x-tidegate-route", way(self._event.route, self.call.why, self._event.attempt)))
        if self.call.queued:
            told.append((QUEUE, self.call.queued))
        if self.target.price is None:
            told.append((b"x-tidegate-price", b"unknown"))
        if self._admitted is not None:
            told += self._admitted.headers(self.call.dialect.name, self.app.clock.now())
        return told

    def may_repeat(self) -> bool:
        """Whether its request may reach the provider twice."""
        return not has_effects(self.call)

    def begin(self) -> None:
        """Says before anything is sent what the ledger shall have of this attempt if the process ends with it."""
        self.app.events.begin(self._event)

    @property
    def is_cut(self) -> bool:
        """Its answer has not come to its end, and something of a stream had come, or nobody waits for it any more: its provider had the
        prompt. Of files nothing is counted."""
        if self._settled:
            return False
        if self.gone or self.has_lost or self.error is DRAINING:
            return self.was_sent and self.upstream_status in (None, OK) and self.prepared.upload is None
        return self.delivered is not None and self.delivered.has_begun

    async def count(self) -> None:
        """Of an answer that was cut: what its provider has not told of its usage is counted, in a thread."""
        delivered, call = self.delivered, self.call
        if delivered is None and not self.is_cut:
            return
        # Of a whole answer that had begun nobody knows how long it is.
        unseen = None if self.upstream_status == OK and not call.head.stream else 0
        self.usage = await asyncio.to_thread(
            partial(nothing_delivered, unseen) if delivered is None else delivered.usage,
            self.usage,
            self.app.tokens,
            self.target.model,
            call.meant,
            len(self.prepared.body),
        )

    async def settled(self) -> None:
        """As `settle`, and waits until a power loss cannot take it back, where the operator wants that."""
        self.settle()
        try:
            await self.app.events.synced()
        except OSError:
            raise GatewayError(UNRECORDED) from None

    def settle(self) -> None:
        """Leaves the attempt's line in the ledger, once: before the last bytes of an answer go out, or where it ended without one."""
        if self._settled:
            return
        self._settled = True
        event, error, usage = self._event, self.error, self.usage
        priced = cost(usage, version_at(self.target.price, self.call.at))
        settled: Used | None = None
        if self._admitted is not None:
            settled = self._admitted.settle(usage, priced, answered=self.upstream_status == OK)
            if self.app.door.lines:
                self.app.door.freed()
        estimated = None if settled is None else settled.estimated
        event.entry = "settled"
        event.model = self.model or self.target.model
        event.status = CLIENT_GONE if self.gone or self.is_drained else (self.status or (error.http_status if error else 0))
        event.upstream_status = self.upstream_status
        event.error = None if error is None else f"{error.kind.word}: {error.message}"[:500]
        event.usage = None if usage is None else msgspec.to_builtins(usage)
        event.estimated = self._estimated(estimated)
        self.ended = self.app.clock.monotonic()
        event.duration_ms = round((self.ended - self.started) * 1000, 3)
        event.first_byte_ms = None if self._first_byte is None else round((self._first_byte - self.started) * 1000, 3)
        event.receipt = msgspec.to_builtins(self.losses) if self.losses else []
        event.cost_nano = None
        if settled is not None and settled.tokens is not None:
            event.usage = _tokens(*settled.tokens)
            event.cost_nano = settled.actual.nano or None
        elif priced is not None:
            event.cost_nano, event.price_source, event.saved_nano = priced.nano, priced.label, priced.saved
            event.lines = priced.lines
        if self.logs:
            event.request_body = self.call.body.decode("utf-8", "replace")
            event.response_body = b"".join(self._given).decode("utf-8", "replace") if self._given else None
        self.app.events.emit(event)
        target = self.target.name if self.target.is_known else f"{self.target.upstream.name}/{OTHER}"
        self.app.metrics.attempt(event, self._label, target, self.latency)

    def _estimated(self, otherwise: str | None) -> str | None:
        """Why the tokens are not all that the provider made."""
        if self.gone:
            return "hedge_lost" if self.has_lost else "client_disconnect"
        if self.error is DRAINING:
            return "gateway_draining"
        # What a provider has told before its stream was cut is less than it made, and perhaps bills.
        cut = self.error is not None and self._event.stream and self.upstream_status == OK and self.usage is not None
        return "stream_cut" if cut else otherwise


def _tokens(prompt: int, answer: int) -> JsonObject:
    return {"input": prompt, "output": answer}


def _unsettled(call: Call, plan: Plan, target: Target, prepared: Prepared, admitted: Admitted | None) -> UsageEvent:
    """What is known before the attempt is sent: the row of one that never ends, which is charged what it had reserved."""
    reserved = None if admitted is None else admitted.reserved
    return UsageEvent(
        request_id=call.request_id,
        attempt=call.attempts,
        at=call.at,
        key=call.key.id,
        key_name=call.key.name,
        surface=call.surface,
        route=plan.route,
        target=target.name,
        provider=target.upstream.name,
        model=target.model,
        stream=call.head.stream,
        identity=prepared.identity,
        status=0,
        upstream_status=None,
        error=None,
        usage=None if reserved is None else _tokens(reserved.input, reserved.tokens - reserved.input),
        estimated="process_ended",
        cost_nano=None if reserved is None else reserved.nano or None,
        price_source=None,
        duration_ms=0,
        first_byte_ms=None,
        receipt=[],
        org=call.key.org,
        team=call.key.team,
        user=call.key.user,
        end_user=end_user(call.fields, call.dialect.name),
        tags=list(call.key.tags),
        entry="unknown",
    )


@lru_cache(1024)
def way(name: str, why: str, attempt: int) -> bytes:
    """The route, what chose the target and what came before it, and which attempt it was, cut at what a header may hold."""
    after = "" if attempt <= 1 else f"; attempt {attempt}"
    return header_value(f"{name}; {(why or 'in_order')[:MAX_RECEIPT]}{after}")


_shown = lru_cache(1024)(header_value)


def _short(losses: list[Loss]) -> bytes:
    """`translated` or the losses as `kind:field`, cut at a whole one."""
    if not losses:
        return b"translated"
    parts: list[str] = []
    size = 0
    for count, loss in enumerate(losses):
        part = f"{loss.kind}:{loss.field}"
        size += len(part) + 2
        if size > MAX_RECEIPT:
            parts.append(f"+{len(losses) - count} more")
            break
        parts.append(part)
    return header_value("; ".join(parts))
