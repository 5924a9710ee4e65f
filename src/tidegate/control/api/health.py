"""How the targets are, as the gateway that answers has seen them, and taking them out of use by hand.

Nothing of this is stored: it is the state of one process, which forgets it when it ends.
"""

from typing import Annotated, Any, Literal

import msgspec

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.logs import Log
from tidegate.policy.health import MOST_DRAINED, Place

_LOG = Log("tidegate.health")
TargetName = Annotated[
    str,
    msgspec.Meta(min_length=3, max_length=600, pattern=forms.TARGET, description="`provider/model`, or `provider/*`."),
]


class TargetHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: `closed` is tried, `open` is left alone for `rest_seconds`, `half_open` is tried by one call. `failed` counts the attempts
    that said that the target is not well."""

    target: str
    provider: str
    credential: str
    state: Literal["closed", "open", "half_open"]
    rest_seconds: float
    drained: bool
    in_flight: int
    ok: int
    failed: int
    first_content_seconds: float | None
    last_error: str


class TargetsHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Those that calls have gone to since the start; `drained` also those that none has gone to."""

    items: list[TargetHealth]
    drained: list[str]


class OneTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    target: TargetName


async def list_targets(call: Call, _asked: Nothing) -> TargetsHealth:
    return _all(call)


async def drain_target(call: Call, asked: OneTarget) -> TargetsHealth:
    drained = call.services.health.drained
    if len(drained) >= MOST_DRAINED and asked.target not in drained:
        raise invalid_field("target", f"{MOST_DRAINED} targets are drained already: restore some of them")
    provider = asked.target.partition("/")[0]
    live = call.services.configuration
    if live is not None and provider not in live.current.snapshot.upstreams:
        raise invalid_field("target", f"there is no provider `{provider}`")
    drained.add(asked.target)
    _LOG.warning("a target is drained", target=asked.target, by=call.actor_name)
    return _all(call)


async def restore_target(call: Call, asked: OneTarget) -> TargetsHealth:
    """It is no longer drained, and no longer left alone either."""
    health = call.services.health
    health.drained.discard(asked.target)
    for place in health.places():
        if asked.target in (place.name, f"{place.provider}/*"):
            place.circuit.succeeded(call.services.clock.monotonic())
    _LOG.warning("a target is restored", target=asked.target, by=call.actor_name)
    return _all(call)


def _all(call: Call) -> TargetsHealth:
    health, now = call.services.health, call.services.clock.monotonic()
    rows = [_shown(place, health.drained, now) for place in health.places()]
    return TargetsHealth(items=sorted(rows, key=_name), drained=sorted(health.drained))


def _name(row: TargetHealth) -> Any:
    return row.target, row.credential


def _shown(place: Place, drained: set[str], now: float) -> TargetHealth:
    return TargetHealth(
        target=place.name,
        provider=place.provider,
        credential=place.account,
        state=place.circuit.state(now),
        rest_seconds=round(place.circuit.rest(now), 3),
        drained=place.name in drained or f"{place.provider}/*" in drained,
        in_flight=place.in_flight,
        ok=place.ok,
        failed=place.failed,
        first_content_seconds=round(place.latency(now), 4) or None,
        last_error=place.last_error,
    )


ROUTES = (
    Route(
        method="GET",
        path="/health/targets",
        name="list_target_health",
        permission="config:read",
        where=where.gateway,
        answer=TargetsHealth,
        handler=list_targets,
        summary="How each provider, credential and model is, as this gateway has seen it.",
    ),
    Route(
        method="POST",
        path="/health/targets/drain",
        name="drain_target",
        permission="config:edit",
        where=where.gateway,
        asked=OneTarget,
        answer=TargetsHealth,
        handler=drain_target,
        summary="Takes a target out of use at this gateway: calls that run there end, and no new ones begin.",
    ),
    Route(
        method="POST",
        path="/health/targets/restore",
        name="restore_target",
        permission="config:edit",
        where=where.gateway,
        asked=OneTarget,
        answer=TargetsHealth,
        handler=restore_target,
        summary="Takes a target back into use, also one that is left alone because it failed.",
    ),
)
