"""An organisation's webhooks in a document. What is behind the host of an address may be a secret: such an address stands there as a
reference, which leads to the whole address, and is told nowhere. What signs is in no document: it is the gateway's own."""

from collections.abc import Mapping, Sequence

import msgspec

from tidegate.control.api.call import Call
from tidegate.control.api.desired_entries import DesiredWebhook, pairs, told
from tidegate.control.api.desired_steps import Step, adding, removing, replacing, shown
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.webhooks import flaw_of_url
from tidegate.control.desired import reference_of_webhook
from tidegate.control.secrets import is_reference
from tidegate.policy.roles import GATEWAY, Grant, org_scope
from tidegate.policy.webhooks import MOST, origin_of
from tidegate.records import DEFAULT_ORG, StoredWebhook

_ORDER = {"delete": 0, "update": 1, "create": 2}
_NEEDED = frozenset(f"webhooks:{verb}" for verb in ("create", "edit", "delete"))


def webhook_entries(rows: Sequence[StoredWebhook]) -> list[DesiredWebhook]:
    """As they stand in a document, in the order of the rows."""
    names = [row.name for row in rows]
    found: list[DesiredWebhook] = []
    for row in rows:
        is_plain = row.url.rstrip("/") == origin_of(row.url)
        url = row.url if is_plain else reference_of_webhook(row.name if names.count(row.name) == 1 else row.id)
        found.append(msgspec.structs.replace(_says(row), url=url))
    return found


def webhook_steps(call: Call, wanted: Sequence[DesiredWebhook], secrets: Mapping[str, str], rows: Sequence[StoredWebhook]) -> list[Step]:
    """What makes the organisation's webhooks those of the document, deletions first. Raises `Problem`."""
    known = {entry.url: row.url for entry, row in zip(webhook_entries(rows), rows, strict=True)}
    whole = [msgspec.structs.replace(entry, url=secrets.get(entry.url) or known.get(entry.url) or entry.url) for entry in wanted]
    _check(call, wanted, whole)
    steps: list[Step] = []
    is_shared = False
    for row, entry in _pairs(rows, whole):
        step = _step(call, row, entry)
        if step is not None:
            steps.append(step)
            is_shared = is_shared or (row is not None and row.shared) or (entry is not None and entry.shared)
    if steps:
        scope = GATEWAY if is_shared else org_scope(call.tenant.org_id)
        call.require_held((Grant(scope, _NEEDED),), "A change of webhooks")
    # An address belongs to one webhook at a time: whoever leaves one goes before whoever comes to it.
    steps.sort(key=lambda step: _ORDER[step.shown.action])
    return steps


def _pairs(rows: Sequence[StoredWebhook], whole: list[DesiredWebhook]) -> list[tuple[StoredWebhook | None, DesiredWebhook | None]]:
    """What is sent to an address is signed for who reads it there, so a webhook is known by its address, and then by its name."""
    found = pairs(list(rows), whole, _says, lambda said, entry: (said.url, said.shared) == (entry.url, entry.shared))
    old = [row for row, entry in found if row is not None and entry is None]
    new = [entry for row, entry in found if entry is not None and row is None]
    both = [(row, entry) for row, entry in found if row is not None and entry is not None]
    return [*both, *pairs(old, new, _says, lambda said, entry: (said.name, said.shared) == (entry.name, entry.shared))]


def _says(row: StoredWebhook) -> DesiredWebhook:
    return DesiredWebhook(name=row.name, url=row.url, shared=row.shared, disabled=row.disabled_at is not None)


def _check(call: Call, wanted: Sequence[DesiredWebhook], whole: Sequence[DesiredWebhook]) -> None:
    if len(whole) > MOST:
        raise invalid_field("webhooks", f"an organisation has at most {MOST}")
    for given, entry in zip(wanted, whole, strict=True):
        where = f"webhooks.{given.name}"
        if entry.shared and call.tenant.org_id != DEFAULT_ORG:
            raise invalid_field(f"{where}.shared", f"what is shared belongs to the organisation `{DEFAULT_ORG}`")
        flaw = None if is_reference(entry.url) else flaw_of_url(call, entry.url)
        if flaw is not None:
            raise invalid_field(f"{where}.url", flaw)
        if sum(other.url == entry.url for other in whole) > 1:
            raise invalid_field(f"{where}.url", "there is another one with this address")


def _step(call: Call, row: StoredWebhook | None, entry: DesiredWebhook | None) -> Step | None:
    if entry is None:
        return None if row is None else Step(shown("webhook", row.name, told(_short(_says(row))), None), removing(call, row))
    if row is None and is_reference(entry.url):
        why = f"`{entry.url}` is needed for the webhook `{entry.name}`, and leads to nothing where this is sent from"
        raise invalid_field("secrets", why)
    disabled = call.now if row is None or row.disabled_at is None else row.disabled_at
    base = row or StoredWebhook(
        id=call.new_id("hook"),
        name=entry.name,
        url="",
        shared=entry.shared,
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    after = msgspec.structs.replace(
        base,
        name=entry.name,
        url=base.url if is_reference(entry.url) else entry.url,
        disabled_at=disabled if entry.disabled else None,
    )
    if row is None:
        return Step(shown("webhook", after.name, None, told(_short(_says(after)))), adding(call, after))
    if after == row:
        return None
    hidden = ("url",) if after.url != row.url else ()
    change = shown("webhook", row.name, told(_short(_says(row))), told(_short(_says(after))), hidden=hidden)
    return Step(change, replacing(call, after, "webhook.update"))


def _short(entry: DesiredWebhook) -> DesiredWebhook:
    return msgspec.structs.replace(entry, url=origin_of(entry.url))
