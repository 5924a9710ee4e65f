"""Reserve before an attempt is sent, settle on every way out: what the pipeline does about limits and budgets.

`admit` takes all limits of an attempt in one step and caps its answer where a hard budget needs it; what it gives back settles
the attempt, and tells the client where its limits stand. Nothing is decided here: that is `policy.limits`.
"""

import asyncio
import math

import msgspec

from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage
from tidegate.policy.limits.estimate import NESTED_CAPS, Estimate, Sizes, Used, asked_output, estimate, used
from tidegate.policy.limits.rules import CONCURRENT, Charge, Refusal, Reservation, claim
from tidegate.policy.limits.verdict import headers, refusal_headers, refused
from tidegate.policy.price import Cost, version_at
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.ports import RawHeaders
from tidegate.ports.limits import BudgetsAway, Counters
from tidegate.providers.spec import Price
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.estimate import estimate as count
from tidegate.proxy.failure import BusyError, LimitError
from tidegate.proxy.prepare import Prepared
from tidegate.wire.splice import Fields, scan, splice

_COMPLETION = "max_completion_tokens"
_OWN_CAPS = {"anthropic": "max_tokens", "openai_responses": "max_output_tokens"}
_STRING = msgspec.json.Decoder(str)


class _Metadata(msgspec.Struct, gc=False):
    user_id: str | None = None


_METADATA = msgspec.json.Decoder(_Metadata)


class Admitted:
    """One attempt that was let through. It is settled or voided once; repeating either changes nothing."""

    __slots__ = ("_attempt", "_counters", "_estimate", "_price", "_request_id", "reservation")

    def __init__(self, counters: Counters, reservation: Reservation, estimate: Estimate, price: Price | None) -> None:
        self._counters = counters
        self._request_id = reservation.request_id
        self._attempt = reservation.attempt
        self._estimate = estimate
        self._price = price
        self.reservation = reservation

    def headers(self, dialect: str, now: float) -> RawHeaders:
        """Where the limits stand, for a client of `dialect`; `now` is Unix time."""
        return headers(self.reservation, dialect, now)

    @property
    def reserved(self) -> Estimate:
        """What it is charged where nobody ever settles it."""
        return self._estimate

    def settle(self, usage: Usage | None, priced: Cost | None, *, answered: bool, delivered: int | None = None) -> Used:
        """The attempt is over, and its usage costs `priced`. `answered` = the provider gave an answer, or part of one; `delivered`
        are the output tokens that were counted where it did not tell them. Gives what was settled: the ledger must say the same."""
        found = used(usage, priced, self._price, self._estimate, answered=answered, delivered=delivered)
        self._counters.settle(self._request_id, self._attempt, found.actual)
        return found

    def void(self) -> None:
        """Nothing was sent."""
        self._counters.void(self._request_id, self._attempt)

    def renew(self) -> None:
        """It still runs."""
        self._counters.renew(self._request_id, self._attempt)


async def admit(
    app: App, call: Call, plan: Plan, target: Target, prepared: Prepared, *, has_turn: bool = False
) -> tuple[Prepared, Admitted | None]:
    """For the attempt that comes after the `call.attempts` there were: what goes to the provider now, and what to settle; None where
    nothing limits the call. `has_turn`: it has waited for others that ran. Raises `BusyError` where it may wait for that, `LimitError`, and
    `GatewayError` where a hard budget cannot be kept."""
    route = plan.route if plan.by_route else ""
    caller = end_user(call.fields, call.dialect.name)
    charges = app.live.rows.charges(call.planner.limits, call.key, route, target.name, caller, target)
    if not charges:
        return prepared, None
    if app.door.lines and not has_turn:
        _behind_others(app, call, charges)
    budgets = app.live.rows.budgets(charges)
    fields: list[Fields] = []

    def scanned() -> Fields:
        if not fields:
            fields.append(scan(prepared.body))
        return fields[0]

    price = version_at(target.price, call.at)
    sizes = Sizes(
        body=prepared.body,
        output=asked_output(call.fields) if prepared.output is None else prepared.output,
        most=target.profile.capabilities.max_output if prepared.output is None else prepared.output,
        unbounded=prepared.unbounded,
        price=price,
        counted=await _counted(app, call, target) if budgets is not None and budgets.needs_count else None,
    )
    found = estimate(budgets, sizes, scanned, prepared.dialect.name)
    attempt = call.attempts + 1
    wanted = claim(call.request_id, attempt, charges, tokens=found.tokens, least_tokens=found.input, nano=found.nano)
    try:
        answer = await app.counters.reserve(wanted)
    except BudgetsAway:
        raise _away() from None
    if isinstance(answer, Refusal):
        raise _refused(answer, call.dialect.name, app.clock.now())
    if found.cap is not None and prepared.output is None:
        prepared = capped(prepared, scanned(), target, found.cap)
    return prepared, Admitted(app.counters, answer, found, price)


async def _counted(app: App, call: Call, target: Target) -> int | None:
    """The tokens of the prompt. Vocabularies load on first use, so it is not done on the loop."""
    request = call.meant()
    return await asyncio.to_thread(count, request, app.tokens, target.model)


def _behind_others(app: App, call: Call, charges: tuple[Charge, ...]) -> None:
    """Who has just come does not go before those who wait for the same. Raises `BusyError`."""
    full = next((one for one in charges if one.key in app.door.lines), None)
    if full is not None:
        raise _refused(Refusal(full, 0, full.limit.amount, 1, wait=1.0), call.dialect.name, app.clock.now())


def _refused(refusal: Refusal, dialect: str, now: float) -> LimitError:
    error = refused(refusal)
    told = refusal_headers(refusal, dialect, now)
    if error.retry_after is not None:
        told.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
    if refusal.charge.measure == CONCURRENT and refusal.wait is not None:
        return BusyError(refusal.charge.key, error, told)
    return LimitError(error, told)


def _away() -> LimitError:
    error = Error(
        kind=ErrorKind.UNAVAILABLE,
        message="A hard budget cannot be asked: the gateway's database does not answer. Try again in a moment.",
        code="budget_backend_unavailable",
        retry_after=1.0,
    )
    return LimitError(error, [(b"retry-after", b"1")])


def capped(prepared: Prepared, fields: Fields, target: Target, cap: int) -> Prepared:
    """The request with at most `cap` output tokens, under the name that the provider has for it, and a line on the receipt."""
    nested = NESTED_CAPS.get(prepared.dialect.name)
    if nested is not None:
        return _capped_within(prepared, fields, *nested, cap)
    names = [name for name in ("max_tokens", _COMPLETION, "max_output_tokens") if name in fields.spans]
    if not names:
        names = [_OWN_CAPS.get(prepared.dialect.name) or _completion(target)]
    value = b"%d" % cap
    loss = Loss("mapped", names[0], f"a hard budget caps the answer at {cap} tokens")
    return msgspec.structs.replace(prepared, body=splice(fields, dict.fromkeys(names, value)), losses=[*prepared.losses, loss])


def _capped_within(prepared: Prepared, fields: Fields, outer: str, inner: str, cap: int) -> Prepared:
    """The same where the limit stands in an object."""
    raw = fields.get(outer)
    found = scan(raw if raw is not None and raw.startswith(b"{") else b"{}")
    body = splice(fields, {outer: splice(found, {inner: b"%d" % cap})})
    loss = Loss("mapped", f"{outer}.{inner}", f"a hard budget caps the answer at {cap} tokens")
    return msgspec.structs.replace(prepared, body=body, losses=[*prepared.losses, loss])


def _completion(target: Target) -> str:
    quirks = target.upstream.spec.quirks
    return "max_tokens" if _COMPLETION in quirks.drop else quirks.rename.get(_COMPLETION, _COMPLETION)


def end_user(fields: Fields, dialect: str) -> str:
    """Whom the client calls for: `metadata.user_id` of Anthropic's dialect, `user` of OpenAI's; empty where it does not say."""
    try:
        if dialect == "anthropic":
            raw = fields.get("metadata")
            return (raw is not None and _METADATA.decode(raw).user_id) or ""
        raw = fields.get("user")
        return "" if raw is None else _STRING.decode(raw)
    except msgspec.DecodeError:
        return ""
