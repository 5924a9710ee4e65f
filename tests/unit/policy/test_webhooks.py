from tidegate.policy.webhooks import origin_of, webhook_secret


def test_each_webhook_and_each_version_has_a_secret_of_its_own() -> None:
    given = {
        webhook_secret(pepper, org, id, version)
        for pepper in (b"p" * 32, b"q" * 32)
        for org in ("a", "b")
        for id in ("hook_1", "hook_2")
        for version in (1, 2)
    }
    assert len(given) == 16
    assert all(secret.startswith("whsec_") and len(secret) == 49 for secret in given)


def test_it_is_the_same_on_every_gateway() -> None:
    """Gateways of two versions sign alike: the form never changes."""
    assert webhook_secret(b"p" * 32, "a", "hook_1", 1) == "whsec_YVbLthiXnRkVaSrzpQGSfeQyP9I0GjxIWoUb5WmmMFk"


def test_an_origin_has_nothing_behind_the_host_and_its_port() -> None:
    assert origin_of("https://hooks.example.com/services/T00/secret?key=secret") == "https://hooks.example.com"
    assert origin_of("http://[::1]:8443?secret") == "http://[::1]:8443"
