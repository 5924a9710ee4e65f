"""The one HTTP call of an exchange: a form to a token endpoint, JSON back. Blocking; no redirects, no ambient proxies."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tidegate.ir.json import JsonObject
from tidegate.ports import AccessFailure

PATIENCE = 10.0
"""Seconds for an exchange."""
_LIMIT = 1 << 20
_REFUSALS = (400, 401, 403)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        """A redirect would carry a credential elsewhere."""
        del req, fp, code, msg, headers, newurl


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def ask(
    url: str,
    form: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> JsonObject:
    """POSTs a form or a body; without either it is a GET. The JSON object that comes back. Raises `AccessFailure`."""
    host = urlsplit(url).hostname
    sent = dict(headers or {})
    if form is not None:
        body = urlencode(form).encode()
        sent["content-type"] = "application/x-www-form-urlencoded"
    try:
        request = urllib.request.Request(url, body, sent)  # noqa: S310 - the schemes are checked where the addresses come from
        with _OPENER.open(request, timeout=PATIENCE) as answer:
            return msgspec.json.decode(answer.read(_LIMIT), type=dict[str, Any])
    except urllib.error.HTTPError as refused:
        with refused:
            told = refused.read(_LIMIT)
        message = f"{host} refused the credential: {refused.code} {_words(told)}"
        raise AccessFailure(message, permanent=refused.code in _REFUSALS) from None
    except (OSError, ValueError, http.client.HTTPException) as broken:
        reason = getattr(broken, "reason", broken)
        raise AccessFailure(f"{host} gave no access token: {reason}") from None


def _words(told: bytes) -> str:
    """What OAuth's error body says; the credential is never in it."""
    try:
        found: JsonObject = msgspec.json.decode(told, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError):
        return ""
    error = found.get("error")
    inner = error.get("message") if type(error) is dict else error
    return " ".join(str(part) for part in (inner, found.get("error_description")) if part)[:300]
