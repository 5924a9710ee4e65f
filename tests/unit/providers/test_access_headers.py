import json
from typing import Any

import pytest

from tidegate.providers.auth import access_headers, auth_headers, exchanges
from tidegate.providers.sigv4 import read_authorization
from tidegate.providers.spec import ProviderSpec


@pytest.mark.parametrize("auth", ["google", "aws", "azure"])
def test_documents_and_identities_are_exchanged_and_keys_are_not(auth: Any) -> None:
    assert exchanges(auth, None)
    assert exchanges(auth, ' {"a":"b"}')
    assert not exchanges(auth, "key")


def test_keys_of_aws_and_azure() -> None:
    spec = ProviderSpec(name="x", title="X", dialect="openai_chat", base_url="https://x", auth="aws")
    assert auth_headers(spec, "bedrock-key") == {"authorization": "Bearer bedrock-key"}
    assert auth_headers(spec, "azure-key", "azure") == {"api-key": "azure-key"}


def test_a_token_is_a_bearer_and_keys_of_aws_sign() -> None:
    where: Any = {"url": "https://h.example/x", "headers": {"content-type": "application/json"}, "body": b"{}", "at": 1_700_000_000.0}
    assert access_headers("azure", "t", {}, **where) == {"authorization": "Bearer t"}
    keys = json.dumps({"access_key": "AKIA", "secret_key": "s", "session_token": "t"})
    made = access_headers("aws", keys, {"region": "eu-west-1"}, **where)
    claim = read_authorization(made["authorization"])
    assert claim is not None
    assert (claim.access_key, claim.scope.region, claim.scope.service) == ("AKIA", "eu-west-1", "bedrock")
    assert made["x-amz-security-token"] == "t"
