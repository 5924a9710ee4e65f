"""Google's credentials: what is sent for a token, and what is refused before anything is."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tidegate.adapters.access import google
from tidegate.ports import AccessFailure

EMAIL = "a@p.iam.gserviceaccount.com"
TOKEN_URL = "https://oauth2.googleapis.com/token"


class Asked:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, Any, Any]] = []
        self.answers: list[dict[str, Any]] = [{"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"}]

    def __call__(self, url: str, form: Any = None, *, body: Any = None, headers: Any = None) -> dict[str, Any]:
        self.calls.append((url, form, body, headers))
        return self.answers[min(len(self.calls), len(self.answers)) - 1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    found = Asked()
    monkeypatch.setattr(google, "ask", found)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(google.VARIABLE, raising=False)
    return found


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def _account(key: RSAPrivateKey, **more: Any) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps({"type": "service_account", "client_email": EMAIL, "private_key": pem, "private_key_id": "k", **more})


def _part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_service_account_signs_an_assertion(asked: Asked, key: RSAPrivateKey) -> None:
    access = google.exchange(_account(key))
    assert (access.token, access.lifetime) == ("ya29.x", 3599)
    ((url, form, _, _),) = asked.calls
    assert url == TOKEN_URL
    head, claims, signature = form["assertion"].split(".")
    key.public_key().verify(_part(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    assert json.loads(_part(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k"}
    told = json.loads(_part(claims))
    assert (told["iss"], told["aud"], told["scope"], told["exp"] - told["iat"]) == (
        EMAIL,
        TOKEN_URL,
        google.SCOPE,
        3600,
    )


def test_a_users_refresh_token(asked: Asked) -> None:
    google.exchange(json.dumps({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}))
    assert asked.calls[0][:2] == (TOKEN_URL, {"grant_type": "refresh_token", "client_id": "i", "client_secret": "s", "refresh_token": "r"})


def test_the_machines_own_identity(asked: Asked) -> None:
    assert google.exchange(None).token == "ya29.x"
    assert asked.calls == [
        (
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
            None,
            None,
            {"metadata-flavor": "Google"},
        )
    ]


def test_a_federation_of_the_machine_is_exchanged_and_impersonates(asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text('{"tok": "subject-token"}')
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/a:generateAccessToken",
        "credential_source": {"file": str(tmp_path / "subject"), "format": {"type": "json", "subject_token_field_name": "tok"}},
    }
    (tmp_path / "adc.json").write_text(json.dumps(document))
    monkeypatch.setenv(google.VARIABLE, str(tmp_path / "adc.json"))
    asked.answers = [{"access_token": "federated", "expires_in": 10}, {"accessToken": "impersonated"}]
    assert google.exchange(None).token == "impersonated"
    assert asked.calls[0][1]["subject_token"] == "subject-token"
    assert asked.calls[1][3]["authorization"] == "Bearer federated"


@pytest.mark.parametrize(
    "credential",
    [
        "{}",
        "{",
        "[]",
        '{"type": 3}',
        '{"type": "external_account", "credential_source": {"file": "/etc/passwd"}}',
        '{"type": "service_account", "client_email": "a"}',
        '{"type": "service_account", "client_email": "a", "private_key": "x"}',
        '{"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r", "token_uri": "https://example.org/t"}',
        '{"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r", "token_uri": "http://oauth2.googleapis.com/t"}',
    ],
)
def test_what_is_no_credential_is_refused_before_anything_is_sent(asked: Asked, credential: str) -> None:
    with pytest.raises(AccessFailure) as refused:
        google.exchange(credential)
    assert refused.value.permanent
    assert asked.calls == []


@pytest.mark.parametrize("answer", [{}, {"access_token": 3}, {"access_token": "a\nb"}])
def test_an_answer_without_a_token(asked: Asked, answer: dict[str, Any]) -> None:
    asked.answers = [answer]
    with pytest.raises(AccessFailure):
        google.exchange(None)
