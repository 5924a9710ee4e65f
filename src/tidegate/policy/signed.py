"""Callers that sign with AWS's Signature Version 4: clients of Bedrock that know no gateway key, only an access key and a secret.

The access key is the public id of a gateway key, the secret is derived from what the gateway keeps of it (`secret_of`), so that the token
itself is nowhere. A signature is checked in two steps: who claims to call, before the body is read, and whether the secret fits, after.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.identify import Callers, NotKnown
from tidegate.policy.snapshot import Key
from tidegate.providers.sigv4 import ALGORITHM, Claim, read_authorization, read_stamp, signature

_PURPOSE = b"tidegate/sigv4/1\0"
_SERVICE = "bedrock"
_SKEW = 900.0
"""Seconds that AWS too lets clocks differ."""
_NEEDED = frozenset({"host", "x-amz-date"})
_HOW = "`tidegate keys aws <id>` shows the access key and the secret of a gateway key, the control API when it makes one"


def is_signed(authorization: bytes) -> bool:
    return authorization.lstrip().startswith(ALGORITHM.encode())


def secret_of(pepper: bytes, digest: bytes) -> str:
    """The secret access key of the gateway key with `digest`: 40 characters, as AWS's own have."""
    return base64.b64encode(hmac.digest(pepper, _PURPOSE + digest, "sha256")[:30]).decode()


class Signed(msgspec.Struct, frozen=True):
    """A claim that is yet to be proved."""

    claim: Claim
    key: Key
    date: str


def claimed(callers: Callers, headers: Mapping[bytes, bytes], now: float) -> Signed:
    """Who claims to call. `now` is Unix time. Raises `GatewayError` (AUTHENTICATION; `NotKnown` where the database may know better)."""
    claim = read_authorization(headers.get(b"authorization", b"").decode("latin-1"))
    if claim is None or claim.scope.service != _SERVICE:
        raise _refused("The signature cannot be read: it must be of AWS4-HMAC-SHA256, for the service `bedrock`.", "IncompleteSignature")
    date = headers.get(b"x-amz-date", b"").decode("latin-1")
    at = read_stamp(date)
    if at is None or not date.startswith(claim.scope.date) or not _NEEDED.issubset(claim.signed):
        raise _refused("The signature must cover `host` and `x-amz-date`, and be of that date.", "IncompleteSignature")
    if abs(now - at) > _SKEW:
        raise _refused(
            "The signature has expired, or the clock of the caller is wrong by more than 15 minutes.", "InvalidSignatureException"
        )
    key = callers.signing(claim.access_key)
    if key is None:
        raise NotKnown(_refused(f"The access key is not the id of a gateway key: {_HOW}.", "UnrecognizedClientException").error)
    return Signed(claim, key, date)


def prove(signed: Signed, pepper: bytes, *, method: str, path: bytes, query: bytes, headers: Mapping[bytes, bytes], body: bytes) -> None:
    """Whether the secret of the claimed key signed this very request. Raises `GatewayError` (AUTHENTICATION)."""
    payload = hashlib.sha256(body).hexdigest()
    told = headers.get(b"x-amz-content-sha256", payload.encode()).decode("latin-1")
    expected = signature(
        secret_of(pepper, signed.key.digest),
        signed.claim.scope,
        signed.date,
        method=method,
        path=path.decode("latin-1"),
        query=query.decode("latin-1"),
        headers=[(name, headers.get(name.encode(), b"").decode("latin-1")) for name in signed.claim.signed],
        payload=payload,
    )
    if told != payload or not hmac.compare_digest(expected, signed.claim.signature):
        raise _refused(
            f"The signature does not fit this request: check the secret ({_HOW}), and that no proxy changes `host` or the path. "
            "A bearer key (`AWS_BEARER_TOKEN_BEDROCK`) needs no signature.",
            "InvalidSignatureException",
        )


def _refused(message: str, word: str) -> GatewayError:
    """AWS answers these with 403."""
    return GatewayError(Error(kind=ErrorKind.AUTHENTICATION, message=message, code="invalid_signature", type=word))
