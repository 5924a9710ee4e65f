import msgspec
import pytest

from tidegate.providers.auth import auth_headers
from tidegate.providers.spec import ProviderSpec

SPEC = ProviderSpec(name="p", title="P", dialect="openai_chat", base_url="http://p", auth="bearer", headers={"X-Team": "eu"})


def test_each_kind_of_authentication_has_its_header():
    assert auth_headers(SPEC, "s3") == {"x-team": "eu", "authorization": "Bearer s3"}
    assert auth_headers(msgspec.structs.replace(SPEC, auth="x-api-key"), "s3") == {"x-team": "eu", "x-api-key": "s3"}
    assert auth_headers(SPEC, "s3", "api-key") == {"x-team": "eu", "api-key": "s3"}
    assert auth_headers(SPEC, "s3", "none") == {"x-team": "eu"}


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_only_the_providers_own_headers_are_sent(secret: str | None):
    assert auth_headers(SPEC, secret) == {"x-team": "eu"}


@pytest.mark.parametrize("secret", ["q7\nb", "q7\r\nx: y", " q7", "q7 ", "q7ä", "q7\x00"])
def test_a_secret_that_cannot_stand_in_a_header_is_refused_without_being_shown(secret: str):
    with pytest.raises(ValueError, match="credential for p") as refused:
        auth_headers(SPEC, secret)
    assert "q7" not in str(refused.value)
