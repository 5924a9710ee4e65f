"""The sections `billing` and `webhooks`: what they become, and every mistake in them."""

import pytest
from tests.unit.control.configs import Place

from tidegate.policy.webhooks import webhook_secret
from tidegate.records import Kept, StoredWebhook

SECRETS = {"KEY": "sk_live_0123456789abcdef", "HOOK": "whsec_0123456789abcdef", "SHORT": "short"}
STRIPE = "billing: {stripe: {api_key: 'env:KEY', webhook_secret: 'env:HOOK'%s}}"


def test_a_payment_provider(place: Place) -> None:
    settings = place.load(STRIPE % "", SECRETS).snapshot.billing
    assert settings is not None
    assert (settings.api_key.reveal(), settings.webhook_secret.reveal()) == (SECRETS["KEY"], SECRETS["HOOK"])
    assert (settings.meter, settings.base_url) == ("tidegate_usage", "https://api.stripe.com")
    assert place.load("", SECRETS).snapshot.billing is None


@pytest.mark.parametrize("url", ["http://api.stripe.com", "api.stripe.com", "ftp://127.0.0.1", "https://"])
def test_the_secret_key_goes_nowhere_in_the_clear(place: Place, url: str) -> None:
    (told,) = place.mistakes(STRIPE % f", base_url: '{url}'", SECRETS)
    assert "write it like `https://api.stripe.com`" in told


def test_webhooks(place: Place) -> None:
    made = place.load(
        "webhooks: [{url: 'https://a.example/x', secret: 'env:HOOK'}, {url: 'https://a.example/x', secret: 'env:HOOK', org: b}]", SECRETS
    )
    one, other = made.snapshot.webhooks
    assert (one.url, one.org, one.secret.reveal()) == ("https://a.example/x", "", SECRETS["HOOK"])
    assert other.org == "b"
    assert one.id != other.id


def test_webhooks_of_the_database_stand_beside_those_of_the_file(place: Place) -> None:
    place.file.write_text("webhooks: [{url: 'https://a.example/x', secret: 'env:HOOK'}]")
    loader = place.loader(SECRETS)
    loader.kept = Kept(
        webhooks=(
            ("acme", StoredWebhook(id="h1", name="n", url="https://b.example/", version=3)),
            ("default", StoredWebhook(id="h2", name="n", url="https://c.example/", shared=True)),
            ("acme", StoredWebhook(id="h3", name="n", url="https://d.example/", disabled_at=1)),
        )
    )
    snapshot = loader.load(1).snapshot
    assert [(one.id, one.url, one.org) for one in snapshot.webhooks[1:]] == [
        ("h1", "https://b.example/", "acme"),
        ("h2", "https://c.example/", ""),
    ]
    assert snapshot.webhooks[1].secret.reveal() == webhook_secret(snapshot.pepper, "acme", "h1", 3)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{url: 'https://127.0.0.1/x', secret: 'env:HOOK'}", "webhooks[0].url: 127.0.0.1 is at 127.0.0.1, which is not public"),
        ("{url: 'https://169.254.169.254/x', secret: 'env:HOOK'}", "webhooks[0].url: 169.254.169.254 is at 169.254.169.254, which nothing"),
        ("{url: 'http://a.example/x', secret: 'env:HOOK'}", "webhooks[0].url: only https on port 443 is public"),
        ("{url: 'https://u:p@a.example/x', secret: 'env:HOOK'}", "webhooks[0].url: an address carries no user name"),
        ("{url: 'https://a.example/x', secret: 'env:SHORT'}", "webhooks[0].secret: it has fewer than 16 characters"),
        ("{url: 'https://a.example/x', secret: ''}", "webhooks[0].secret: it is empty"),
        ("{url: 'https://a.example/x', secret: 'env:NOT_THERE'}", "webhooks[0].secret: "),
    ],
)
def test_mistakes_in_webhooks(place: Place, entry: str, told: str) -> None:
    found = place.mistakes(f"webhooks: [{entry}]", SECRETS)
    assert any(told in mistake for mistake in found), found


def test_two_of_one_address(place: Place) -> None:
    entry = "{url: 'https://a.example/x', secret: 'env:HOOK'}"
    (told,) = place.mistakes(f"webhooks: [{entry}, {entry}]", SECRETS)
    assert "there is another one with this address" in told
