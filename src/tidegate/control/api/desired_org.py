"""An organisation's keys, limits, budgets and webhooks at once: as a document, what a document would change, and the change in
one transaction.

A key's value is never told: one that is stored for the first time is sent beside the document, and a key that gets another value is another
key, which replaces the old one. Admin keys are in no document, and nothing here ends them.
"""

from typing import Any

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.desired_entries import (
    SPEND,
    Called,
    DesiredWebhook,
    KeyEntry,
    LimitEntry,
    OrgExported,
    OrgSections,
    SpendEntry,
    key_entry,
    limit_entry,
    nano,
    pairs,
    spend_entry,
    tidy,
    told,
)
from tidegate.control.api.desired_steps import Planned, Step, adding, applied, planned, removing, replacing, shown
from tidegate.control.api.desired_webhooks import webhook_entries, webhook_steps
from tidegate.control.api.fields import in_reach, microseconds
from tidegate.control.api.identify import ended
from tidegate.control.api.key_fields import check
from tidegate.control.api.keys import require_within
from tidegate.control.api.problem import FieldError, conflict, invalid, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.desired import reference_of_key
from tidegate.control.limit_rows import flaws
from tidegate.policy.keys import ID_LENGTH, flaw_of_foreign, foreign_digests, token_digest, token_id
from tidegate.policy.roles import Grant, allows, org_scope
from tidegate.records import ApiKey, LimitRule, ServiceAccount, StoredWebhook, Team, User

_ADMIN = "adm"
_MADE = {"tgk_live_": "live", "tgk_test_": "test", "tgk_svc_": "svc"}
_VERBS = {"keys": ("create", "edit", "revoke"), "limits": ("create", "edit", "delete"), "budgets": ("create", "edit", "delete")}

Names = dict[str, Called]
"""How teams, users, service accounts and keys are called, by kind."""


class _Present(msgspec.Struct, frozen=True):
    keys: list[ApiKey]
    rules: list[LimitRule]
    webhooks: list[StoredWebhook]
    called: Names


async def get_org_configuration(call: Call, _asked: Nothing) -> OrgExported:
    return await org_exported(call)


async def plan_org_configuration(call: Call, asked: OrgSections) -> Planned:
    return planned(await org_steps(call, asked))


async def apply_org_configuration(call: Call, asked: OrgSections) -> Planned:
    return await applied(await org_steps(call, asked))


async def org_exported(call: Call) -> OrgExported:
    present = await _present(call)
    scope = org_scope(call.tenant.org_id)
    may = {name: allows(call.caller.grants, f"{name}:read", scope) for name in (*_VERBS, "webhooks")}
    limits = [limit_entry(row, present.called) for row in present.rules if row.measure != SPEND]
    budgets = [spend_entry(row, present.called) for row in present.rules if row.measure == SPEND]
    keys = [key_entry(row, present.called) for row in present.keys]
    return OrgExported(
        keys=sorted(keys, key=_order) if may["keys"] else None,
        limits=sorted(limits, key=_order) if may["limits"] else None,
        budgets=sorted(budgets, key=_order) if may["budgets"] else None,
        webhooks=sorted(webhook_entries(present.webhooks), key=_order) if may["webhooks"] else None,
    )


async def org_steps(call: Call, asked: OrgSections) -> list[Step]:
    """In an order in which they can be made. Raises `Problem` for what is wrong with the document."""
    if asked.keys is None and asked.limits is None and asked.budgets is None and asked.webhooks is None:
        return []
    present = await _present(call)
    of_keys, called = ([], present.called) if asked.keys is None else await _keys(call, asked.keys, asked.secrets, present)
    of_limits = [] if asked.limits is None else _limits(call, asked.limits, present, called)
    of_budgets = [] if asked.budgets is None else _budgets(call, asked.budgets, present, called)
    for name, steps in (("keys", of_keys), ("limits", of_limits), ("budgets", of_budgets)):
        if steps:
            needed = frozenset(f"{name}:{verb}" for verb in _VERBS[name])
            call.require_held((Grant(org_scope(call.tenant.org_id), needed),), f"A change of {name}")
    of_webhooks = [] if asked.webhooks is None else webhook_steps(call, asked.webhooks, asked.secrets, present.webhooks)
    return [*of_keys, *of_limits, *of_budgets, *of_webhooks]


async def _present(call: Call) -> _Present:
    """Without keys that a rotation replaces: they end by themselves, and another one has their name."""
    everyone = await call.all(ApiKey)
    keys = [row for row in everyone if row.env != _ADMIN and row.overlap_until is None and ended_for_good(row, call.now) is None]
    others = {row.id for row in everyone} - {row.id for row in keys}
    return _Present(
        keys,
        [row for row in await call.all(LimitRule) if row.scope_kind != "key" or row.scope_id not in others],
        await call.all(StoredWebhook),
        {
            "team": Called((row.id, row.name) for row in await call.all(Team)),
            "user": Called((row.id, row.email) for row in await call.all(User)),
            "service_account": Called((row.id, row.name) for row in await call.all(ServiceAccount)),
            "key": Called((row.id, row.name) for row in keys),
        },
    )


def ended_for_good(row: ApiKey, now: int) -> str | None:
    """Why a key will never work again; None for one that is only disabled."""
    return ended(msgspec.structs.replace(row, disabled_at=None), now)


async def _keys(call: Call, wanted: list[KeyEntry], secrets: dict[str, str], present: _Present) -> tuple[list[Step], Names]:
    """The steps, and how keys are called after them."""
    whole = [_with_reference(entry) for entry in wanted]
    steps: list[Step] = []
    after: list[tuple[str, str]] = []
    found = pairs(
        present.keys,
        whole,
        lambda row: key_entry(row, present.called),
        lambda said, entry: (said.name, said.owner_kind, said.owner, said.team) == (entry.name, entry.owner_kind, entry.owner, entry.team),
    )
    for row, entry in found:
        if entry is None:
            if row is not None:
                gone = msgspec.structs.replace(row, revoked_at=call.now)
                steps.append(Step(shown("key", row.name, told(key_entry(row, present.called)), None), replacing(call, gone, "key.revoke")))
            continue
        new = await _key(call, entry, row, secrets, present.called)
        steps += new.steps
        after.append((new.id, entry.name))
    # What ends first: its name and its value may be those of what is made.
    steps.sort(key=lambda step: step.shown.action != "delete")
    return steps, {**present.called, "key": Called(after)}


class _NewKey(msgspec.Struct, frozen=True):
    id: str
    steps: list[Step]


async def _key(call: Call, entry: KeyEntry, row: ApiKey | None, secrets: dict[str, str], called: Names) -> _NewKey:
    where_it_is = f"keys.{entry.name}"
    check(models=entry.models, routes=entry.routes, addresses=entry.addresses, times=entry.times)
    token = secrets.get(entry.reference or "")
    before = None if row is None else key_entry(row, called)
    known = token is None or await _is_there(call, token)
    if before == _without_reference(entry, before) and known and row is not None:
        return _NewKey(row.id, [])
    if row is not None and known:
        after = msgspec.structs.replace(row, **_rules(call, entry, row, where_it_is))
        await require_within(call, after)
        return _NewKey(row.id, [Step(shown("key", entry.name, _told(before), _told(entry)), replacing(call, after, "key.update"))])
    if token is None:
        why = f"`{entry.reference}` is needed for the key `{entry.name}`, and leads to nothing where this is sent from"
        raise invalid_field("secrets", why)
    if known:
        raise conflict(f"The value of the key `{entry.name}` is another key's: one that was ended, or that has another name or owner.")
    fresh = _made(call, entry, token, called, where_it_is)
    await require_within(call, fresh)
    steps = [Step(shown("key", entry.name, _told(before), _told(entry), hidden=() if row is None else ("secret",)), adding(call, fresh))]
    if row is not None:
        gone = msgspec.structs.replace(row, revoked_at=call.now)
        steps = [Step(steps[0].shown, _both(steps[0], Step(steps[0].shown, replacing(call, gone, "key.revoke"))))]
    return _NewKey(fresh.id, steps)


def _both(first: Step, second: Step) -> Any:
    async def make() -> None:
        await first.make()
        await second.make()

    return make


def _with_reference(entry: KeyEntry) -> KeyEntry:
    return entry if entry.reference is not None else msgspec.structs.replace(entry, reference=reference_of_key(entry.name))


def _without_reference(entry: KeyEntry, before: KeyEntry | None) -> KeyEntry:
    """Where a value is read from is nothing that is stored."""
    return entry if before is None else msgspec.structs.replace(entry, reference=before.reference)


def _told(entry: KeyEntry | None) -> dict[str, Any] | None:
    return None if entry is None else {name: value for name, value in told(entry).items() if name != "reference"}


async def _is_there(call: Call, token: str) -> bool:
    pepper = call.services.peppers.secret
    return bool(await call.view.digests_there([token_digest(pepper, token), *foreign_digests(pepper, token)]))


def _rules(call: Call, entry: KeyEntry, row: ApiKey | None, where_it_is: str) -> dict[str, Any]:
    disabled = call.now if row is None or row.disabled_at is None else row.disabled_at
    ends = None if entry.expires_at is None else microseconds(in_reach(f"{where_it_is}.expires_at", entry.expires_at))
    if ends is not None and ends <= call.now:
        raise invalid_field(f"{where_it_is}.expires_at", "it has passed")
    return {
        "name": entry.name,
        "purpose": entry.purpose,
        "models": entry.models,
        "routes": entry.routes,
        "addresses": entry.addresses,
        "times": msgspec.to_builtins(entry.times),
        "tags": entry.tags,
        "priority": entry.priority,
        "expires_at": ends,
        "disabled_at": disabled if entry.disabled else None,
    }


def _made(call: Call, entry: KeyEntry, token: str, called: Names, where_it_is: str) -> ApiKey:
    """A new key of that value. Raises `Problem`."""
    env = next((env for start, env in _MADE.items() if token.startswith(start)), "ext")
    public = token_id(token) if env != "ext" else call.services.secrets.base62(ID_LENGTH)
    flaw = flaw_of_foreign(token) if env == "ext" else None if public is not None else "it is no whole key of a gateway"
    if flaw is not None or public is None:
        raise invalid_field("secrets", f"what `{entry.reference}` leads to cannot be a key: {flaw}")
    team = _id(called, "team", entry.team, f"{where_it_is}.team") if entry.team else None
    if entry.owner_kind == "org":
        owner = call.tenant.org_id
        if entry.owner:
            raise invalid_field(f"{where_it_is}.owner", "the organisation owns it: leave it out, or say `owner_kind`")
    else:
        owner = _id(called, entry.owner_kind, entry.owner, f"{where_it_is}.owner")
    if entry.owner_kind == "team":
        if team is not None:
            raise invalid_field(f"{where_it_is}.team", "the team owns it: leave it out")
        team = owner
    pepper = call.services.peppers
    return ApiKey(
        **_rules(call, entry, None, where_it_is),
        id=public,
        env=env,  # pyright: ignore[reportArgumentType] - one of `_MADE`, or `ext`
        digest=token_digest(pepper.secret, token),
        pepper_version=pepper.current,
        owner_kind=entry.owner_kind,
        owner_id=owner,
        team_id=team,
        user_id=owner if entry.owner_kind == "user" else None,
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )


def _limits(call: Call, wanted: list[LimitEntry], present: _Present, called: Names) -> list[Step]:
    rows = [row for row in present.rules if row.measure != SPEND]
    steps: list[Step] = []
    found = pairs(rows, wanted, lambda row: limit_entry(row, called), lambda said, entry: _thing(said) == _thing(entry))
    for row, entry in found:
        if entry is None:
            steps += [] if row is None else [_gone(call, row, "limit", limit_entry(row, called))]
            continue
        before = None if row is None else limit_entry(row, called)
        after = msgspec.structs.replace(
            _rule(call, entry, row, called, "limits", measure=entry.measure), amount=entry.amount, mode=entry.mode
        )
        steps += _stepped(call, "limit", entry, before, row, after)
    return steps


def _budgets(call: Call, wanted: list[SpendEntry], present: _Present, called: Names) -> list[Step]:
    rows = [row for row in present.rules if row.measure == SPEND]
    steps: list[Step] = []
    try:
        entries = [tidy(entry) for entry in wanted]
    except ValueError as error:
        raise invalid_field("budgets", str(error)) from None
    found = pairs(rows, entries, lambda row: spend_entry(row, called), lambda said, entry: _thing(said) == _thing(entry))
    for row, entry in found:
        if entry is None:
            steps += [] if row is None else [_gone(call, row, "budget", spend_entry(row, called))]
            continue
        before = None if row is None else spend_entry(row, called)
        after = msgspec.structs.replace(
            _rule(call, entry, row, called, "budgets", measure=SPEND),
            amount=nano(entry.usd),
            mode="observe" if entry.mode == "observe" else "enforce",
            hard=entry.mode != "soft",
            reserve=entry.reserve,
            alerts=entry.alerts,
            ceiling_nano=None if entry.ceiling_usd is None else nano(entry.ceiling_usd),
            output_cap=entry.max_output_tokens,
        )
        steps += _stepped(call, "budget", entry, before, row, after)
    return steps


def _stepped(
    call: Call, kind: Any, entry: LimitEntry | SpendEntry, before: LimitEntry | SpendEntry | None, row: LimitRule | None, after: LimitRule
) -> list[Step]:
    if before == entry:
        return []
    if wrong := flaws(after):
        raise invalid(*(FieldError(f"{kind}s.{entry.name}.{name}", why) for name, why in wrong.items()))
    change = shown(kind, entry.name, None if before is None else told(before), told(entry))
    return [Step(change, adding(call, after) if row is None else replacing(call, after, "limit.update"))]


def _gone(call: Call, row: LimitRule, kind: Any, said: LimitEntry | SpendEntry) -> Step:
    return Step(shown(kind, row.name, told(said), None), removing(call, row))


def _thing(entry: LimitEntry | SpendEntry) -> tuple[str, ...]:
    """What makes two entries one limit: an edit changes nothing of it."""
    return entry.name, entry.scope, entry.id, entry.per, entry.measure if isinstance(entry, LimitEntry) else SPEND


def _rule(call: Call, entry: LimitEntry | SpendEntry, row: LimitRule | None, called: Names, section: str, *, measure: Any) -> LimitRule:
    disabled = call.now if row is None or row.disabled_at is None else row.disabled_at
    common: dict[str, Any] = {"time_zone": entry.time_zone, "disabled_at": disabled if entry.disabled else None}
    if row is not None:
        return msgspec.structs.replace(row, **common)
    return LimitRule(
        **common,
        id=call.new_id("lim"),
        name=entry.name,
        scope_kind=entry.scope,
        scope_id=_id(called, entry.scope, entry.id, f"{section}.{entry.name}.id") if entry.scope in called else entry.id,
        measure=measure,
        per=entry.per,
        amount=0,
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )


def _id(called: Names, kind: str, name: str, where_it_is: str) -> str:
    found = called[kind].id(name)
    if found is None:
        raise invalid_field(where_it_is, f"there is no {kind.replace('_', ' ')} `{name}`, or more than one")
    return found


def _order(entry: KeyEntry | LimitEntry | SpendEntry | DesiredWebhook) -> tuple[str, bytes]:
    """So that two gateways that have the same say the same."""
    return entry.name, msgspec.json.encode(entry)


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/configuration",
        name="get_org_configuration",
        permission="limits:read",
        where=where.organisation,
        answer=OrgExported,
        handler=get_org_configuration,
        summary="The keys, limits, budgets and webhooks of an organisation as a document, as far as they may be read; no value of a key.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/configuration/plan",
        name="plan_org_configuration",
        permission="limits:edit",
        where=where.organisation,
        asked=OrgSections,
        answer=Planned,
        handler=plan_org_configuration,
        reads=True,
        summary="What a document would change of an organisation's keys, limits, budgets and webhooks.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/configuration/apply",
        name="apply_org_configuration",
        permission="limits:edit",
        where=where.organisation,
        asked=OrgSections,
        answer=Planned,
        handler=apply_org_configuration,
        summary="Make an organisation's keys, limits, budgets and webhooks what a document says: all of it, or nothing.",
    ),
)
