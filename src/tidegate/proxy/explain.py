"""`POST /v1/tidegate/explain`: where a call would go, and why, without making it. The body is the call's own; nothing is sent, counted or
reserved.
"""

from urllib.parse import parse_qs

import msgspec

from tidegate.dialects.base import Head
from tidegate.dialects.table import SPOKEN
from tidegate.dialects.values import dump
from tidegate.ir.errors import GatewayError, bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.pace import Hedge
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import CALLER_KEY
from tidegate.proxy.effects import has_effects
from tidegate.proxy.explainable import EXPLAINABLE, Explainable
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.through import Prepare, choice


class Explanation(msgspec.Struct, kw_only=True):
    """`targets` in the order in which they would be tried, then those that would not be. `hedge` is there where the second of them may be
    tried beside the first."""

    object: str = "tidegate.explanation"
    model: str
    route: str | None
    why: str
    retries: int
    hedge: JsonObject | None = None
    targets: list[JsonObject]


async def explain(app: App, call: Call, reply: Reply) -> None:
    """Raises `GatewayError` where the call itself would be refused before any target."""
    asked = parse_qs(call.query.decode("latin-1"), keep_blank_values=True)
    surface = asked.get("surface", ["chat_completions"])[0]
    kind = EXPLAINABLE.get(surface)
    if kind is None:
        raise bad_request(f"`surface` is one of {', '.join(EXPLAINABLE)}.", "surface")
    call.fields = scanned(call.body)
    call.head = _head(kind, surface, asked.get("model", []), call)
    call.surface, call.dialect = surface, SPOKEN[kind.dialect] if kind.spoken is None else kind.spoken(call)
    plan, prepare = kind.ready(call, call.planner.plan(call.key, call.head.model))
    await reply.whole(200, JSON, dump(msgspec.to_builtins(_explained(app, call, plan, prepare))), [])


def _head(kind: Explainable, surface: str, named: list[str], call: Call) -> Head:
    """What the call's body says of itself, or its URL would. Raises `GatewayError`."""
    if kind.head is not None:
        if named:
            raise bad_request(f"The body of a call to `{surface}` names its model: leave `model` out of the query.", "model")
        return kind.head(call.fields)
    if len(named) != 1 or not named[0]:
        raise bad_request(f"A call to `{surface}` has its model in the URL: name it once in the query, as `&model=NAME`.", "model")
    return Head(named[0], kind.stream is True)


def _explained(app: App, call: Call, plan: Plan, prepare: Prepare) -> Explanation:
    targets, why = list(plan.targets), "named by the call"
    out: list[JsonObject] = []
    if plan.groups:
        selection = choice(app, call, plan)
        targets, why = selection.targets, selection.why
        for skip in selection.skipped:
            out.append({"target": skip.name, "decision": "skipped", "reason": skip.reason})
    out += _without_keys(call, plan)
    tried: list[JsonObject] = []
    for target in targets:
        reason, row = _looked_at(app, call, plan, target, prepare)
        row["decision"], row["reason"] = "skipped", reason
        if reason is None:
            row["decision"], row["reason"] = ("next", "after the others") if tried else ("first", why)
        (out if reason is not None else tried).append(row)
    route = plan.route if plan.by_route else None
    rules = plan.rules
    hedge = _hedged(rules.hedge) if rules.hedge is not None and len(tried) > 1 and not has_effects(call) else None
    return Explanation(model=call.head.model, route=route, why=why, retries=rules.retries, hedge=hedge, targets=[*tried, *out])


def _hedged(hedge: Hedge) -> JsonObject:
    """In the words of the configuration."""
    return {"after": "p95" if hedge.after is None else hedge.after, "budget": round(hedge.share * 100, 6)}


def _looked_at(app: App, call: Call, plan: Plan, target: Target, prepare: Prepare) -> tuple[str | None, JsonObject]:
    """Why a target would not be tried, and what is known of it."""
    health, now = app.live.health, app.clock.monotonic()
    place = health.place(target)
    row: JsonObject = {"target": target.name, "state": place.circuit.state(now), "in_flight": place.in_flight}
    if target.account is not None and target.account.org == call.key.org:
        row["credential"] = target.account.name
    latency: Json = round(place.latency(now), 4) or None
    row["first_content_seconds"] = latency
    reason: str | None = None
    try:
        prepared = prepare(app, call, plan, target)
        row["dialect"] = prepared.dialect.name
        row["receipt"] = [msgspec.to_builtins(loss) for loss in prepared.losses]
        row["identity"] = prepared.identity
    except GatewayError as refused:
        reason = refused.error.message
    if health.is_drained(target):
        reason = "drained by its operator"
    elif plan.rules.guarded and not place.circuit.would_allow(now) and not (plan.caller_keys and CALLER_KEY in call.headers):
        reason = f"left alone for {place.circuit.rest(now):.1f} s"
    elif plan.free_first and not app.free.has_room(target):
        reason = "its free tier is used up for now"
    return reason, row


def _without_keys(call: Call, plan: Plan) -> list[JsonObject]:
    """Targets of the route whose provider has no credential."""
    route = call.snapshot.routes.get(plan.route)
    if not plan.by_route or route is None or route.caller_keys:
        return []
    found: list[JsonObject] = []
    for provider, model in route.targets:
        missing = call.planner.missing(call.key, provider)
        if missing:
            found.append({"target": f"{provider}/{model}", "decision": "skipped", "reason": f"no credential: {missing}"})
    return found
