"""Tokens of Microsoft Entra for Azure's models: a client's secret or a workload's federated token for an access token, or the identity of
the machine from its metadata service. Blocking, for `StoredTokens`.

Shapes: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tidegate.adapters.access.forms import ask
from tidegate.adapters.access.tokens import Access
from tidegate.ir.json import JsonObject
from tidegate.ports import AccessFailure

_RESOURCE = "https://cognitiveservices.azure.com"
_AUTHORITY = "https://login.microsoftonline.com"
_AUTHORITIES = frozenset(
    {
        _AUTHORITY,
        "https://login.microsoftonline.us",
        "https://login.partner.microsoftonline.cn",
        "https://login.chinacloudapi.cn",
        "https://login.windows.net",
    }
)
"""Microsoft's clouds: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud"""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_METADATA = "http://169.254.169.254/metadata/identity/oauth2/token"
_HOUR = 3600.0
_VARIABLES = {
    "tenant_id": "AZURE_TENANT_ID",
    "client_id": "AZURE_CLIENT_ID",
    "client_secret": "AZURE_CLIENT_SECRET",
    "token_file": "AZURE_FEDERATED_TOKEN_FILE",
    "authority": "AZURE_AUTHORITY_HOST",
}


def exchange(credential: str | None) -> Access:
    """A token for a document (`tenant_id`, `client_id`, `client_secret`; `authority` for national clouds), or for the identity of the
    process as Azure's own SDKs find it: the same names as variables, a workload's token file, the metadata service. Raises
    `AccessFailure`."""
    if credential is not None:
        return _of_client(_document(credential))
    given = {name: value for name, variable in _VARIABLES.items() if (value := os.environ.get(variable))}
    if "tenant_id" in given and "client_id" in given and ("client_secret" in given or "token_file" in given):
        return _of_client(given)
    query = urlencode(
        {"api-version": "2018-02-01", "resource": _RESOURCE, **({"client_id": given["client_id"]} if "client_id" in given else {})}
    )
    return _token(ask(f"{_METADATA}?{query}", headers={"metadata": "true"}))


def _document(text: str) -> Mapping[str, str]:
    try:
        found = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        raise AccessFailure("the credential is no JSON object of texts", permanent=True) from None
    authority = found.get("authority", _AUTHORITY).rstrip("/")
    if authority not in _AUTHORITIES:
        # Whoever stores a credential would have this machine send it, and what comes back, anywhere.
        raise AccessFailure(
            f"the authority of the credential is none of Microsoft's: {', '.join(sorted(_AUTHORITIES))}; "
            "another one is named in AZURE_AUTHORITY_HOST, beside the credential itself",
            permanent=True,
        )
    # A document never names a file of this machine.
    return {name: value for name, value in found.items() if name != "token_file"}


def _of_client(given: Mapping[str, str]) -> Access:
    missing = [name for name in ("tenant_id", "client_id") if not given.get(name)]
    if missing or not (given.get("client_secret") or given.get("token_file")):
        raise AccessFailure(f"the credential lacks {', '.join(missing) or 'client_secret'}", permanent=True)
    authority = given.get("authority", _AUTHORITY).rstrip("/")
    if urlsplit(authority).scheme != "https":
        raise AccessFailure("AZURE_AUTHORITY_HOST is no https address", permanent=True)
    form = {"grant_type": "client_credentials", "client_id": given["client_id"], "scope": f"{_RESOURCE}/.default"}
    secret = given.get("client_secret")
    if secret:
        form["client_secret"] = secret
    else:
        form["client_assertion_type"] = _ASSERTION
        form["client_assertion"] = _read(Path(given["token_file"]))
    return _token(ask(f"{authority}/{quote(given['tenant_id'], safe='')}/oauth2/v2.0/token", form))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise AccessFailure("the workload's token file cannot be read") from None


def _token(told: JsonObject) -> Access:
    token, lifetime = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str) or not token:
        raise AccessFailure("Entra's answer has no access token")
    try:
        seconds = float(str(lifetime))
    except ValueError:
        seconds = _HOUR
    return Access(token, seconds)
