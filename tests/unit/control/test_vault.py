"""Credentials are opened when they are used, each only as what it was sealed for."""

import msgspec
import pytest
from tests.support.clock import FixedClock
from tests.support.control import KEK

from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring
from tidegate.control.vault import KEPT_SECONDS, Vault, flaw_of_secret
from tidegate.policy.secret import Secret
from tidegate.ports import Unsealable
from tidegate.records import Credential

CANARY = "sk-ant-canary-0123456789"
ROW = Credential(id="cred_1", name="main", provider="anthropic", origin="https://api.anthropic.com")


class Counting(EnvelopeSealer):
    opened = 0

    def open(self, purpose: str, tenant: str, id: str, sealed: bytes, *, version: int = 1) -> bytes:
        self.opened += 1
        return super().open(purpose, tenant, id, sealed, version=version)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(1_800_000_000.0)


@pytest.fixture
def sealer() -> Counting:
    return Counting(Keyring((KEK,), lambda: (KEK,)))


@pytest.fixture
def vault(sealer: Counting, clock: FixedClock) -> Vault:
    return Vault(sealer, clock)


def test_what_is_sealed_is_opened(vault: Vault) -> None:
    row = vault.seal("a", ROW, Secret(CANARY))
    assert (row.last4, row.kek_id) == ("6789", KEK.id)
    assert CANARY not in repr(row)
    assert vault.open("a", row).reveal() == CANARY
    assert vault.secret("a", row).reveal() == CANARY
    assert repr(vault.secret("a", row)) == "***"


def test_a_short_secret_shows_nothing_of_itself(vault: Vault) -> None:
    assert vault.seal("a", ROW, Secret("short-secret")).last4 == ""


@pytest.mark.parametrize(
    "change",
    [{"id": "cred_2"}, {"provider": "openai"}, {"origin": "https://attacker.example"}, {"version": 2}],
)
def test_a_row_that_was_changed_does_not_open(vault: Vault, change: dict[str, object]) -> None:
    row = vault.seal("a", ROW, Secret(CANARY))
    with pytest.raises(Unsealable):
        vault.open("a", msgspec.structs.replace(row, **change))
    with pytest.raises(Unsealable):
        vault.open("b", row)
    with pytest.raises(ValueError, match="cannot be opened") as refused:
        vault.secret("b", row).reveal()
    assert CANARY not in str(refused.value)


def test_it_is_opened_once_in_some_minutes(vault: Vault, sealer: Counting, clock: FixedClock) -> None:
    secret = vault.secret("a", vault.seal("a", ROW, Secret(CANARY)))
    assert sealer.opened == 0
    assert [secret.reveal() for _ in range(5)] == [CANARY] * 5
    assert sealer.opened == 1
    clock.at += KEPT_SECONDS + 1
    assert secret.reveal() == CANARY
    assert sealer.opened == 2


def test_it_tells_what_was_used(vault: Vault, clock: FixedClock) -> None:
    row = vault.seal("a", ROW, Secret(CANARY))
    vault.secret("a", row).reveal()
    clock.at += 1
    vault.secret("a", row).reveal()
    assert vault.take_used() == {("a", "cred_1"): 1_800_000_001_000_000}
    assert vault.take_used() == {}


@pytest.mark.parametrize("text", ["short", "x" * 20_000, "has a\nline-end", " blank at an end", "ümlaut-secret", '{"type": "service'])
def test_what_cannot_be_a_credential(text: str) -> None:
    flaw = flaw_of_secret(text)
    assert flaw is not None
    assert text not in flaw


def test_what_can_be_one() -> None:
    assert flaw_of_secret(CANARY) is None
    assert flaw_of_secret('{\n "type": "service_account"\n}') is None


def test_of_a_credential_document_nothing_is_shown(vault: Vault) -> None:
    assert vault.seal("a", ROW, Secret('{"type": "service_account", "x": "y"}')).last4 == ""
