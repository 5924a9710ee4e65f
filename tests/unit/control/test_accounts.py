"""Credentials and entries of the database in the compiled snapshot."""

from typing import Any

import msgspec
import pytest
from tests.support.clock import FixedClock
from tests.support.control import KEK
from tests.unit.control.configs import Place

from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring
from tidegate.control.load import Loaded
from tidegate.control.vault import Vault
from tidegate.policy.secret import Secret
from tidegate.records import Credential, Kept, StoredProvider, StoredRoute

VAULT = Vault(EnvelopeSealer(Keyring((KEK,), lambda: (KEK,))), FixedClock(1_800_000_000.0))
ANTHROPIC = "https://api.anthropic.example"


def credential(id: str, org: str = "default", **fields: object) -> tuple[str, Credential]:
    values: dict[str, Any] = {"id": id, "name": id, "provider": "anthropic", "origin": ANTHROPIC, "shared": org == "default", **fields}
    return org, VAULT.seal(org, Credential(**values), Secret(f"secret-of-{id}-0123456789"))


def provider(name: str, **entry: Any) -> StoredProvider:
    return StoredProvider(id=f"p_{name}", name=name, entry=entry)


def load(place: Place, text: str, kept: Kept, environ: dict[str, str] | None = None) -> Loaded:
    place.file.write_text(text)
    loader = place.loader(environ if environ is not None else {"ANTHROPIC_API_KEY": "sk-ant-of-the-environment"})
    loader.kept = kept
    loader.vault = VAULT
    return loader.load(1)


def revealed(loaded: Loaded, name: str) -> list[str]:
    return [account.secret.reveal() for account in loaded.snapshot.upstreams[name].accounts]


def test_shared_and_own_credentials(place: Place) -> None:
    kept = Kept(credentials=(credential("one"), credential("two", weight=3), credential("mine", "a")))
    found = load(place, "", kept)
    assert revealed(found, "anthropic") == ["secret-of-one-0123456789", "secret-of-two-0123456789"]
    assert [account.weight for account in found.snapshot.upstreams["anthropic"].accounts] == [1, 3]
    assert [account.id for account in found.snapshot.own["a"]["anthropic"]] == ["mine"]
    assert found.warnings == ()


def test_a_credential_configures_its_provider(place: Place) -> None:
    found = load(place, "", Kept(credentials=(credential("one"),)), {})
    assert found.snapshot.upstreams["anthropic"].missing is None
    own = load(place, "", Kept(credentials=(credential("mine", "a"),)), {}).snapshot
    assert own.upstreams["anthropic"].missing is not None
    assert own.upstreams["anthropic"].accounts == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"provider": "nobody"}, "there is no provider `nobody`"),
        ({"origin": "https://other.example"}, "it was given for https://other.example and `anthropic` is at https://api.anthropic.example"),
        ({"sealed": b"damaged"}, "it cannot be opened"),
        ({"version": 2}, "it cannot be opened"),
    ],
)
def test_what_cannot_be_used_is_told_and_left_out(place: Place, changes: dict[str, object], words: str) -> None:
    org, row = credential("one")
    found = load(place, "", Kept(credentials=((org, msgspec.structs.replace(row, **changes)), credential("two"))))
    assert revealed(found, "anthropic") == ["secret-of-two-0123456789"]
    assert [words in str(problem) for problem in found.warnings] == [True]


def test_a_provider_that_moves_leaves_its_credentials_behind(place: Place) -> None:
    """The theft of a secret by pointing its provider elsewhere."""
    kept = Kept(credentials=(credential("one"), credential("mine", "a")))
    text = "providers: {anthropic: {base_url: 'https://attacker.example', auth: none}}"
    found = load(place, text, kept)
    assert found.snapshot.upstreams["anthropic"].accounts == ()
    assert found.snapshot.upstreams["anthropic"].credential is None
    assert found.snapshot.own == {}


def test_a_disabled_credential_is_not_used(place: Place) -> None:
    found = load(place, "", Kept(credentials=(credential("one", disabled_at=1),)))
    assert revealed(found, "anthropic") == []
    assert found.snapshot.upstreams["anthropic"].credential is not None


def test_limits_of_a_credential(place: Place) -> None:
    found = load(place, "", Kept(credentials=(credential("one", limits={"requests_per_minute": 5, "concurrent": 2}),)))
    limits = found.snapshot.upstreams["anthropic"].accounts[0].limits
    assert [(limit.kind, limit.subject, limit.what, limit.amount) for limit in limits] == [
        ("credential", "one", "requests", 5),
        ("credential", "one", "concurrent", 2),
    ]


def test_providers_and_routes_of_the_database_join_those_of_the_file(place: Place) -> None:
    kept = Kept(
        providers=(provider("lab", kind="custom", dialect="openai_chat", base_url="https://lab.example/v1", models=["q"]),),
        routes=(
            StoredRoute(id="r1", name="smart", entry={"targets": ["lab/q"]}),
            StoredRoute(id="r2", name="fast", entry={"targets": ["lab/q", "anthropic/claude-big"]}),
        ),
        credentials=(credential("of-lab", provider="lab", origin="https://lab.example"),),
    )
    found = load(place, "routes: {smart: {targets: [anthropic/claude-big]}}", kept).snapshot
    assert found.routes["smart"].targets == (("anthropic", "claude-big"),)
    assert found.routes["fast"].targets == (("lab", "q"), ("anthropic", "claude-big"))
    assert found.upstreams["lab"].egress is not None
    assert found.upstreams["anthropic"].egress is None
    assert [account.id for account in found.upstreams["lab"].accounts] == ["of-lab"]


@pytest.mark.parametrize(
    "entry",
    [
        {"api_key": "env:ANTHROPIC_API_KEY"},
        {"api_key": "file:/etc/passwd"},
        {"proxy": "http://attacker.example"},
        {"ca_file": "/etc/passwd"},
        {"headers": {"x-team": "env:ANTHROPIC_API_KEY"}},
        {"headers": {"authorization": "Bearer x"}},
        {"headers": {"X-Api-Key": "x"}},
        {"base_url": 5},
        {"nonsense": 1},
    ],
)
def test_an_entry_of_the_database_reads_no_secret_and_no_file(place: Place, entry: dict[str, object]) -> None:
    kept = Kept(providers=(provider("lab", **{"kind": "custom", "dialect": "openai_chat", "base_url": "https://lab.example/v1", **entry}),))
    found = load(place, "", kept)
    assert "lab" not in found.snapshot.upstreams
    assert found.warnings
    assert all(problem.file == "the database" for problem in found.warnings)
    assert "sk-ant-of-the-environment" not in str(found.warnings)


def test_the_environments_key_does_not_follow_an_entry_of_the_database(place: Place) -> None:
    moved = load(place, "", Kept(providers=(provider("anthropic", base_url="https://attacker.example"),))).snapshot
    assert moved.upstreams["anthropic"].credential is None
    assert moved.upstreams["anthropic"].missing is not None
    there = load(place, "", Kept(providers=(provider("anthropic", timeouts={"idle": 5}),))).snapshot
    assert there.upstreams["anthropic"].credential is not None
    # The file is the operator's: it may say so.
    operators = load(place, "providers: {anthropic: {base_url: 'https://proxy.example'}}", Kept()).snapshot
    assert operators.upstreams["anthropic"].credential is not None
