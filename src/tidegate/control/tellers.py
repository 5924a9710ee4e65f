"""Whom the gateway tells something: the payment provider in `billing`, and `webhooks`, of the file and of the database."""

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from tidegate.control.config import BillingEntry, WebhookEntry
from tidegate.control.problems import Path, Problems
from tidegate.control.secrets import Secrets
from tidegate.policy.egress import Egress, Refused, place_of
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import BillingSettings, Webhook
from tidegate.policy.webhooks import webhook_secret
from tidegate.records import StoredWebhook

SHORTEST_SECRET = 16
_HERE = ("127.0.0.1", "::1", "localhost")


def read_billing(entry: BillingEntry, secrets: Secrets, problems: Problems) -> BillingSettings | None:
    """None where there is none. Mistakes are in `problems`."""
    stripe = entry.stripe
    if stripe is None:
        return None
    where = ("billing", "stripe")
    api_key = secrets.resolve(stripe.api_key, (*where, "api_key"), problems)
    webhook_secret = secrets.resolve(stripe.webhook_secret, (*where, "webhook_secret"), problems)
    for name, value in (("api_key", stripe.api_key), ("webhook_secret", stripe.webhook_secret)):
        if not value.strip():
            problems.error((*where, name), "it is empty: without it nothing that Stripe sends could be trusted, and nothing be sent there")
    address = urlsplit(stripe.base_url)
    if not address.hostname or not (address.scheme == "https" or (address.scheme == "http" and address.hostname in _HERE)):
        problems.error((*where, "base_url"), "write it like `https://api.stripe.com`: the secret key goes there")
    if not api_key or not webhook_secret:
        return None
    return BillingSettings(
        api_key=Secret(api_key), webhook_secret=Secret(webhook_secret), meter=stripe.meter, base_url=stripe.base_url.rstrip("/")
    )


def read_webhooks(entries: Sequence[WebhookEntry], secrets: Secrets, egress: Egress, problems: Problems) -> tuple[Webhook, ...]:
    """Mistakes are in `problems`."""
    made: dict[str, Webhook] = {}
    for index, entry in enumerate(entries):
        where: Path = ("webhooks", index)
        secret = secrets.resolve(entry.secret, (*where, "secret"), problems) or ""
        if secret and len(secret) < SHORTEST_SECRET:
            problems.error((*where, "secret"), f"it has fewer than {SHORTEST_SECRET} characters: make one with `openssl rand -hex 32`")
        elif not entry.secret.strip():
            problems.error((*where, "secret"), "it is empty: whoever is told could not know that it was Tidegate")
        try:
            place_of(entry.url, egress)
        except Refused as refused:
            problems.error((*where, "url"), str(refused))
        id = hashlib.sha256(f"{entry.org}\0{entry.url}".encode()).hexdigest()[:16]
        if id in made:
            problems.error(where, "there is another one with this address")
        made[id] = Webhook(id=id, url=entry.url, secret=Secret(secret), org=entry.org)
    return tuple(made.values())


def stored_webhooks(rows: Sequence[tuple[str, StoredWebhook]], pepper: bytes) -> tuple[Webhook, ...]:
    """Those of the database that are not disabled. Where the operator no longer allows an address, nothing is sent there."""
    return tuple(
        Webhook(id=row.id, url=row.url, secret=Secret(webhook_secret(pepper, org, row.id, row.version)), org="" if row.shared else org)
        for org, row in rows
        if row.disabled_at is None
    )
