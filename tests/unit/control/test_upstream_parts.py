"""Providers whose address has parts, whose machine may have an identity, or that are no more: with the catalogue as it ships."""

from collections.abc import Callable

import pytest
from tests.unit.control.configs import Place

from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loaded
from tidegate.control.problems import ConfigError
from tidegate.policy.snapshot import Upstream


@pytest.fixture
def load(place: Place) -> Callable[..., Loaded]:
    place.catalogue = read_catalogue()
    return place.load


def bedrock(loaded: Loaded) -> Upstream:
    return loaded.snapshot.upstreams["bedrock"]


def test_a_region_of_the_environment_or_of_the_file(load: Callable[..., Loaded]) -> None:
    found = bedrock(load("", {"AWS_BEARER_TOKEN_BEDROCK": "key", "AWS_REGION": "eu-west-1"}))
    assert (found.base_url, found.missing, found.auth) == ("https://bedrock-runtime.eu-west-1.amazonaws.com", None, "aws")
    text = "providers:\n  bedrock: {settings: {region: ap-south-1}}"
    found = bedrock(load(text, {"AWS_REGION": "eu-west-1"}))
    assert (found.base_url, found.missing) == ("https://bedrock-runtime.ap-south-1.amazonaws.com", None)
    assert found.parts == {"region": "ap-south-1"}


def test_an_identity_of_the_machine_is_enough(load: Callable[..., Loaded]) -> None:
    found = bedrock(load("", {"AWS_PROFILE": "work", "AWS_DEFAULT_REGION": "eu-west-1"}))
    assert (found.credential, found.missing) == (None, None)
    assert "bedrock" not in load("", {"AWS_REGION": "eu-west-1"}).snapshot.upstreams


def test_a_part_that_nobody_gives_is_asked_for(load: Callable[..., Loaded]) -> None:
    missing = bedrock(load("", {"AWS_BEARER_TOKEN_BEDROCK": "key"})).missing
    assert missing is not None
    assert "`AWS_REGION` or `AWS_DEFAULT_REGION`" in missing
    own = bedrock(load("providers:\n  bedrock: {base_url: 'http://10.0.0.1', api_key: env:K}", {"K": "k"}))
    assert (own.base_url, own.missing) == ("http://10.0.0.1", None)


def test_parts_of_paths_have_defaults(load: Callable[..., Loaded]) -> None:
    text = "providers:\n  azure-deployments: {api_key: env:K, settings: {resource: me}}"
    found = load(text, {"K": "k"}).snapshot.upstreams["azure-deployments"]
    assert found.base_url == "https://me.openai.azure.com"
    assert found.parts == {"resource": "me", "api_version": "2024-10-21"}


@pytest.mark.parametrize("setting", ["regio: x", "region: 'a b'", "region: 'x?y'"])
def test_settings_that_are_none(load: Callable[..., Loaded], setting: str) -> None:
    with pytest.raises(ConfigError):
        load(f"providers:\n  bedrock: {{settings: {{{setting}}}}}", {})


def test_a_provider_that_is_no_more_says_so_at_its_own_address_only(load: Callable[..., Loaded]) -> None:
    gone = load("providers:\n  github: {api_key: env:K}", {"K": "k"})
    missing = gone.snapshot.upstreams["github"].missing
    assert missing is not None
    assert "30 July 2026" in missing
    assert any("30 July 2026" in str(warning) for warning in gone.warnings)
    own = load("providers:\n  github: {api_key: env:K, base_url: 'http://10.0.0.1/inference'}", {"K": "k"})
    assert own.snapshot.upstreams["github"].missing is None
    assert own.warnings == ()
