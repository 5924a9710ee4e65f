"""The section `egress_allow`, and what it means for providers of the database."""

import ipaddress

import pytest
from tests.unit.control.configs import Place
from tests.unit.control.test_accounts import load, provider

from tidegate.policy.egress import Allowed
from tidegate.records import Kept

LAB = {"kind": "custom", "dialect": "openai_chat"}


def test_rules(place: Place) -> None:
    found = place.load("egress_allow: [{cidr: 10.0.0.0/8, ports: [8000, 443]}, {host: Hooks.Internal}]").snapshot.egress
    assert found.allow == (
        Allowed(network=ipaddress.ip_network("10.0.0.0/8"), ports=(8000, 443)),
        Allowed(host="hooks.internal", ports=(443,)),
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{}", "give `cidr`"),
        ("{cidr: 10.0.0.0/8, host: x}", "one of them"),
        ("{cidr: 10.0.0.1/8}", "this is no network"),
        ("{cidr: 0.0.0.0/0}", "this would allow everything"),
        ("{host: '*.internal'}", "a host is a whole name"),
        ("{host: 'https://x'}", "a host is a whole name"),
        ("{host: x, ports: [0]}", "ports are numbers"),
        ("{host: x, ports: []}", "ports are numbers"),
    ],
)
def test_mistakes(place: Place, entry: str, words: str) -> None:
    found = place.mistakes(f"egress_allow: [{entry}]")
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/v1", "https://10.0.0.5/v1", "http://10.0.0.5:8000/v1", "https://0x7f.1/v1", "https://127.1/v1"]
)
def test_a_provider_of_the_database_inside_is_left_out(place: Place, url: str) -> None:
    found = load(place, "", Kept(providers=(provider("lab", base_url=url, **LAB),)))
    assert "lab" not in found.snapshot.upstreams
    assert [problem.where for problem in found.warnings] == ["providers.lab.base_url"]


def test_unless_the_operator_allows_it(place: Place) -> None:
    kept = Kept(providers=(provider("lab", base_url="http://10.0.0.5:8000/v1", **LAB),))
    found = load(place, "egress_allow: [{cidr: 10.0.0.0/8, ports: [8000]}]", kept).snapshot
    assert found.upstreams["lab"].egress == found.egress
    metadata = Kept(providers=(provider("lab", base_url="http://169.254.169.254/v1", **LAB),))
    left = load(place, "egress_allow: [{cidr: 169.254.0.0/16, ports: [80, 443]}]", metadata)
    assert "lab" not in left.snapshot.upstreams
    assert "nothing may reach" in left.warnings[0].message


def test_the_machines_own_identity_goes_nowhere_else(place: Place) -> None:
    kept = Kept(providers=(provider("lab", base_url="https://attacker.example/v1", auth="aws", **LAB),))
    found = load(place, "", kept).snapshot.upstreams.get("lab")
    assert found is None or (found.credential is None and found.missing is not None)
