import datetime
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from tidegate.providers.sigv4 import Claim, Credentials, Scope, host_of, read_authorization, read_stamp, sign, stamp

AT = 1_700_000_000.75


def botocore_signs(credentials: Credentials, region: str, method: str, url: str, headers: dict[str, str], body: bytes) -> str:
    """The Authorization header as botocore makes it at `AT`."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    moment = datetime.datetime.fromtimestamp(int(AT), datetime.UTC)
    boto = BotoCredentials(credentials.access_key, credentials.secret_key, credentials.session_token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        SigV4Auth(boto, "bedrock", region).add_auth(request)
    return str(request.headers["Authorization"])


def ours(credentials: Credentials, region: str, method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    return sign(credentials, region, "bedrock", method=method, url=url, headers=headers, body=body, at=AT)


KEY = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    "url",
    [
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/invoke",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/a:0/converse",
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        "https://bedrock-runtime.us-east-1.amazonaws.com/",
        "https://bedrock-runtime.us-east-1.amazonaws.com/a//b/./c/../d/",
        "https://bedrock-runtime.us-east-1.amazonaws.com/a~b/%20c/%C3%A4?b=2&a=1&a=0&c&d=%20",
        "http://127.0.0.1:8080/model/m/converse",
        "https://host:443/x",
        "http://[::1]:80/x",
    ],
)
@pytest.mark.parametrize("token", [None, "session/token+="])
def test_the_signature_is_botocores(url: str, token: str | None) -> None:
    credentials = Credentials(KEY.access_key, KEY.secret_key, token)
    headers = {"content-type": "application/json", "x-amz-target": "  a   b "}
    added = ours(credentials, "us-east-1", "POST", url, headers, b'{"a":1}')
    assert added["authorization"] == botocore_signs(credentials, "us-east-1", "POST", url, headers, b'{"a":1}')
    assert added["x-amz-date"] == "20231114T221320Z"
    assert added.get("x-amz-security-token") == token


_PATH = st.text("abz09~._-/ :%&=+@!$'()*,;ä", max_size=30).map(
    lambda text: "/" + text.replace("%", "%25").replace(" ", "%20").replace("ä", "%C3%A4")
)
_QUERY = st.lists(st.tuples(st.text("abc-_.~", min_size=1, max_size=4), st.text("xyz019-_.~", max_size=5)), max_size=4)


@given(
    path=_PATH,
    query=_QUERY,
    body=st.binary(max_size=50),
    headers=st.dictionaries(st.sampled_from(["content-type", "x-amz-a", "x-amz-b-c"]), st.text("ab  \t/=;,", max_size=12), max_size=3),
    secret=st.text("abcXYZ019/+=", min_size=1, max_size=60),
    token=st.none() | st.text("abc/+=", min_size=1, max_size=20),
    region=st.sampled_from(["us-east-1", "eu-central-2", "us-gov-west-1"]),
    method=st.sampled_from(["POST", "GET", "DELETE"]),
)
def test_any_request_is_signed_as_botocore_signs_it(
    path: str,
    query: list[tuple[str, str]],
    body: bytes,
    headers: dict[str, str],
    secret: str,
    token: str | None,
    region: str,
    method: str,
) -> None:
    credentials = Credentials("AKIDEXAMPLE", secret, token)
    url = "https://bedrock-runtime.example.com" + path + ("?" + "&".join(f"{name}={value}" for name, value in query) if query else "")
    assert ours(credentials, region, method, url, headers, body)["authorization"] == botocore_signs(
        credentials, region, method, url, headers, body
    )


def test_what_is_signed_can_be_read_again() -> None:
    added = ours(KEY, "eu-west-1", "POST", "https://h/x", {"content-type": "application/json", "accept": "*/*"}, b"")
    claim = read_authorization(added["authorization"])
    assert claim is not None
    assert claim == Claim("AKIDEXAMPLE", Scope("20231114", "eu-west-1", "bedrock"), ("content-type", "host", "x-amz-date"), claim.signature)
    assert read_stamp(added["x-amz-date"]) == int(AT)


@pytest.mark.parametrize("header", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256 Credential=a/1/r/s/aws4_request"])
def test_other_headers_are_no_claim(header: str) -> None:
    assert read_authorization(header) is None


@pytest.mark.parametrize("text", ["", "20231114", "20231314T221320Z", "2023-11-14T22:13:20Z"])
def test_other_texts_are_no_time(text: str) -> None:
    assert read_stamp(text) is None


def test_times_are_in_whole_seconds() -> None:
    assert stamp(0.99) == "19700101T000000Z"


def test_a_default_port_is_not_in_the_host() -> None:
    assert [host_of(url) for url in ("https://A.b:443/x", "http://a:443/", "http://[::1]:9/")] == ["a.b", "a:443", "[::1]:9"]
