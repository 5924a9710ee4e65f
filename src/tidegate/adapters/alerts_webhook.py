"""Budgets that passed a threshold are told by signed webhooks: a message in the outbox for each threshold, window and receiver, whose id is
made of these, so that it is stored once whoever notices, and the request that carries it, through the guarded client.

The signature is `t=<Unix seconds>,v1=<hex>` of HMAC-SHA-256 over `<t>.<body>`, as Stripe's is, since receivers have code for that.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from tidegate.ir.json import Json
from tidegate.policy.limits.windows import WindowPer, window
from tidegate.policy.snapshot import Webhook
from tidegate.ports import Clock, Egress, UpstreamFailure
from tidegate.ports.delivery import NotDelivered
from tidegate.ports.limits import PassedThreshold
from tidegate.records import DEFAULT_ORG, JsonObject, Message, Tenant

TOPIC = "budget_threshold"
SIGNATURE = "tidegate-signature"
GONE = 410
"""A receiver that answers so is told nothing more of this."""
SECONDS = 10.0
_MICROS = 1_000_000
_PERIODS: dict[str, WindowPer] = {"hour": "hour", "day": "day", "week": "week", "month": "month", "total": "total"}


def messages(passed: PassedThreshold, webhooks: Iterable[Webhook], now: int) -> list[tuple[Tenant, Message]]:
    """One for each receiver; `now` in microseconds."""
    org = passed.org or DEFAULT_ORG
    return [(Tenant(org), _message(passed, org, webhook, now)) for webhook in webhooks if webhook.org in ("", org)]


def _message(passed: PassedThreshold, org: str, webhook: Webhook, now: int) -> Message:
    what = (org, passed.limit.id, passed.subject, str(passed.window), str(passed.percent), webhook.id)
    id = "alert_" + hashlib.sha256("\0".join(what).encode()).hexdigest()[:32]
    return Message(id=id, topic=TOPIC, message={"to": webhook.id, "data": _data(passed, org)}, created_at=now, due_at=now)


def _data(passed: PassedThreshold, org: str) -> JsonObject:
    limit = passed.limit
    found = window(_PERIODS[limit.per], passed.window, limit.zone)
    return {
        "org": org,
        "budget": limit.id,
        "scope": {"kind": limit.kind, "id": _known_as(passed)},
        "hard": limit.enforced,
        "per": limit.per,
        "window_start": _moment(found.start) if limit.per != "total" else None,
        "window_end": _moment(found.end) if found.end != float("inf") else None,
        "threshold_percent": passed.percent,
        "amount_nano": limit.amount,
        "used_nano": passed.used,
    }


def _known_as(passed: PassedThreshold) -> str:
    """The subject as people name it: end users and tags are counted under the organisation's name and their own."""
    return passed.subject.removeprefix(f"{passed.org}/") if passed.limit.kind in ("end_user", "tag") else passed.subject


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class WebhookSender:
    """Handles messages of `TOPIC`. `webhooks` are those of now: a receiver that is no longer configured is told nothing."""

    def __init__(self, egress: Egress, webhooks: Callable[[], Sequence[Webhook]], clock: Clock) -> None:
        self._egress = egress
        self._webhooks = webhooks
        self._clock = clock

    async def send(self, tenant: Tenant, message: Message) -> None:
        to = next((webhook for webhook in self._webhooks() if webhook.id == message.message["to"]), None)
        if to is None or to.org not in ("", tenant.org_id):
            raise NotDelivered("the receiver is not configured any more", again=False)
        body = _body(message.id, "budget.threshold", message.created_at // _MICROS, message.message["data"])
        await _post(self._egress, to, int(self._clock.now()), body)


async def try_out(egress: Egress, org: str, to: Webhook, id: str, at: int) -> None:
    """Tells a receiver that it is tried, at a Unix time. Raises `NotDelivered`."""
    await _post(egress, to, at, _body(id, "webhook.test", at, {"org": org, "webhook": to.id}))


def _body(id: str, type: str, at: int, data: Json) -> bytes:
    return msgspec.json.encode({"id": id, "type": type, "created_at": _moment(at), "data": data})


async def _post(egress: Egress, to: Webhook, at: int, body: bytes) -> None:
    headers = {"content-type": "application/json", "user-agent": "tidegate", SIGNATURE: signature(to.secret.reveal(), at, body)}
    try:
        answer = await egress.request("POST", to.url, headers=headers, body=body, seconds=SECONDS)
    except UpstreamFailure as failure:
        raise NotDelivered(str(failure), again=True) from None
    if not 200 <= answer.status < 300:
        raise NotDelivered(f"the receiver answered {answer.status}", again=answer.status != GONE)


def signature(secret: str, at: int, body: bytes) -> str:
    """Of a body that is sent at a Unix time."""
    return f"t={at},v1={hmac.digest(secret.encode(), f'{at}.'.encode() + body, 'sha256').hex()}"
