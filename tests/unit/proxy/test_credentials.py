"""Which credential goes with an attempt."""

import msgspec
import pytest
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.test_headers import call

from tidegate.ir.errors import GatewayError
from tidegate.policy.route import Planner
from tidegate.policy.secret import Secret
from tidegate.policy.sending import Sending
from tidegate.proxy.credentials import prove


class Turned(Secret):
    """Of the database: it may be another one at the next call, or not open."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now: str | None = "first"

    def reveal(self) -> str:
        if self.now is None:
            raise ValueError("the credential cannot be opened")
        return self.now


def test_a_proof_holds_for_its_credential_alone() -> None:
    secret = Turned()
    made = upstream("anthropic")
    plan = Planner(snapshot(msgspec.structs.replace(made, credential=secret))).plan(key(), "claude-big")
    sending = Sending(plan.targets[0], call().dialect)
    free = msgspec.structs.replace(plan, caller_keys=True)

    first = prove(call(), plan, sending)
    assert first.headers == {"x-api-key": "first"}
    assert prove(call(), plan, sending) is first
    assert prove(call(x_tidegate_provider_key="mine"), free, sending).headers == {"x-api-key": "mine"}
    assert prove(call(), free, sending) is first
    with pytest.raises(GatewayError, match="does not take a provider key"):
        prove(call(x_tidegate_provider_key="mine"), plan, sending)
    secret.now = "second"
    assert prove(call(), plan, sending).headers == {"x-api-key": "second"}
    secret.now = None
    with pytest.raises(GatewayError, match="cannot be opened"):
        prove(call(), plan, sending)
