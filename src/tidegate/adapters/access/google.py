"""Google's credentials for access tokens: service accounts (a signed assertion), users and federations of `gcloud`, and the identity of
the machine from its metadata server.

Shapes: https://google.aip.dev/auth/4111 to 4117. Blocking, for `StoredTokens`.
"""

import base64
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tidegate.adapters.access.forms import ask
from tidegate.adapters.access.tokens import Access
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.egress import Egress, Refused, place_of
from tidegate.ports import AccessFailure

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_METADATA = "http://{}/computeMetadata/v1/instance/service-accounts/default/token"
_HOUR = 3600


def exchange(credential: str | None) -> Access:
    """A token for a credential document, or for this machine's identity: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, the one
    that `gcloud auth application-default login` left, the metadata server. Raises `AccessFailure`."""
    kinds = _KINDS
    if credential is None:
        credential, kinds = _ambient(), _AMBIENT
    if credential is None:
        return _metadata()
    document = _document(credential, "the credential")
    kind = document.get("type")
    take = kinds.get(kind) if isinstance(kind, str) else None
    if take is None:
        raise AccessFailure(f"the credential is of the type {kind!r}; taken here are {', '.join(kinds)}", permanent=True)
    return take(document)


def _ambient() -> str | None:
    named = os.environ.get(VARIABLE)
    if named:
        return _read(Path(named), f"the file of {VARIABLE}")
    usual = Path.home() / ".config" / "gcloud" / "application_default_credentials.json"
    return _read(usual, "the credential of gcloud") if usual.exists() else None


def _metadata() -> Access:
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    try:
        return _access(ask(_METADATA.format(host), headers={"metadata-flavor": "Google"}))
    except AccessFailure as failure:
        raise AccessFailure(f"there is no credential: give one in `api_key`, or in {VARIABLE} ({failure})") from None


def _service_account(document: JsonObject) -> Access:
    email, key, url = _text(document, "client_email"), _text(document, "private_key"), _google(document.get("token_uri") or _TOKEN_URL)
    try:
        private = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, RSAPrivateKey):
        raise AccessFailure("the `private_key` of the service account is no RSA key in PEM", permanent=True)
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": document.get("private_key_id")}
    claims = {"iss": email, "scope": SCOPE, "aud": url, "iat": now, "exp": now + _HOUR}
    signed = f"{_coded(msgspec.json.encode(head))}.{_coded(msgspec.json.encode(claims))}"
    assertion = f"{signed}.{_coded(private.sign(signed.encode(), PKCS1v15(), SHA256()))}"
    return _access(ask(url, {"grant_type": _JWT_GRANT, "assertion": assertion}))


def _user(document: JsonObject) -> Access:
    fields = {name: _text(document, name) for name in ("client_id", "client_secret", "refresh_token")}
    return _access(ask(_google(document.get("token_uri") or _TOKEN_URL), {"grant_type": "refresh_token", **fields}))


def _federation(document: JsonObject) -> Access:
    """Workload identity federation with a token in a file or behind an address."""
    form = {
        "grant_type": _EXCHANGE_GRANT,
        "audience": _text(document, "audience"),
        "scope": SCOPE,
        "requested_token_type": _ACCESS,
        "subject_token_type": _text(document, "subject_token_type"),
        "subject_token": _subject(document.get("credential_source")),
    }
    access = _access(ask(_google(_text(document, "token_url")), form))
    impersonated = document.get("service_account_impersonation_url")
    if not impersonated:
        return access
    body = msgspec.json.encode({"scope": [SCOPE], "lifetime": f"{_HOUR}s"})
    headers = {"authorization": f"Bearer {access.token}", "content-type": "application/json"}
    answer = ask(_google(impersonated), body=body, headers=headers)
    token = answer.get("accessToken")
    if not isinstance(token, str):
        raise AccessFailure("the service account's token is not in the answer of the impersonation")
    return Access(token, _HOUR)


def _subject(source: Json) -> str:
    if type(source) is not dict or "environment_id" in source:
        raise AccessFailure("of the federation's `credential_source` only `file` and `url` are known", permanent=True)
    shape, file = source.get("format"), source.get("file")
    field = shape.get("subject_token_field_name") if type(shape) is dict and shape.get("type") == "json" else None
    if type(file) is str:
        text = _read(Path(file), "the federation's token")
        if field is None:
            return text.strip()
        found = _document(text, "the federation's token file")
    else:
        url, headers = source.get("url"), source.get("headers")
        if type(url) is not str or urlsplit(url).scheme not in ("http", "https"):
            raise AccessFailure("the federation's `credential_source.url` is no address", permanent=True)
        found = ask(url, headers={name: str(value) for name, value in headers.items()} if type(headers) is dict else None)
    token = found.get(field if type(field) is str else "value")
    if type(token) is not str:
        raise AccessFailure("the federation's token is not where its `credential_source.format` says")
    return token


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise AccessFailure(f"{what} cannot be read: {unreadable}", permanent=True) from None


def _document(text: str, what: str) -> JsonObject:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError):
        raise AccessFailure(f"{what} is no JSON object", permanent=True) from None


def _google(url: Json) -> str:
    """Credentials go to Google only, over TLS."""
    text = url if type(url) is str else ""
    with contextlib.suppress(Refused):
        place = place_of(text, Egress())
        if place.host.endswith(".googleapis.com"):
            return f"https://{place.host}{place.target}"
    raise AccessFailure(f"the credential names the address {text[:100]!r}, which is not Google's", permanent=True)


def _access(answer: JsonObject) -> Access:
    token, lifetime = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise AccessFailure("there is no access token in the answer")
    return Access(token, float(lifetime) if isinstance(lifetime, int | float) else _HOUR)


def _text(document: JsonObject, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise AccessFailure(f"the credential has no `{name}`", permanent=True)
    return value


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_KINDS: dict[str, Callable[[JsonObject], Access]] = {"service_account": _service_account, "authorized_user": _user}
_AMBIENT = {**_KINDS, "external_account": _federation}
"""A federation names files and addresses that are read for it, so it comes from the machine alone and never from who sets up a provider."""
