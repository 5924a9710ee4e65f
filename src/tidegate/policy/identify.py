"""Who calls: finds the gateway key in a request's headers and the `Key` behind it. Called by the proxy once per call.

No message repeats a token. A key in the URL is refused, because URLs end up in logs.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.policy import keys
from tidegate.policy.directory import Directory, Listed
from tidegate.policy.reach import outside
from tidegate.policy.snapshot import Key, Snapshot

K = TypeVar("K")
T = TypeVar("T")

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")

_HEADERS = tuple(name.encode() for name in KEY_HEADERS)
_QUERY_NAMES = frozenset({b"key", b"api_key", b"api-key", b"apikey", b"x-api-key", b"x-goog-api-key", b"access_token", b"token"})
_LONGEST = 8192
_ADMIN = "tgk_adm_"
_REMEMBERED = 10_000
_SHORT = 512
"""Bytes of the headers that are remembered with their token: there are many ways to write the same one with blanks."""
_WHERE = "Send it in `Authorization: Bearer <key>`, `x-api-key` or `api-key`"
_MAKE = "`tidegate keys create` makes a key, `tidegate keys list` shows those that exist"


def pick_token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's key from headers with lower-case names. Raises `GatewayError` (AUTHENTICATION) if there is none, or if two headers
    carry different ones."""
    token = b""
    seen = b""
    for name, value in [pair for pair in headers if pair[0] in _HEADERS]:
        found = _bearer(value) if name == b"authorization" else value.strip()
        if not found:
            continue
        if token and found != token:
            raise _refused(
                f"The headers `{seen.decode()}` and `{name.decode()}` carry different keys: send one of them only", "conflicting_keys"
            )
        token, seen = found, name
    if not token:
        raise _refused(f"No gateway key was sent. {_WHERE}. {_MAKE}.", "missing_api_key")
    return token.decode("latin-1")


def _bearer(value: bytes) -> bytes:
    scheme, _, token = value.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return token.strip()
    if not token and scheme.startswith(b"tgk_"):
        raise _refused("The `Authorization` header lacks its scheme: write `Authorization: Bearer <key>`", "invalid_api_key")
    if token or scheme:
        raise _refused("The `Authorization` header is not of the scheme `Bearer`: write `Authorization: Bearer <key>`", "invalid_api_key")
    return b""


def refuse_query_key(query: bytes) -> None:
    """Raises `GatewayError` (BAD_REQUEST) if the URL's query carries a key."""
    if not query:
        return
    for part in query.split(b"&"):
        name = part.partition(b"=")[0]
        if unquote_to_bytes(name).lower() in _QUERY_NAMES:
            raise bad_request(
                f"A key does not belong in the URL, where logs see it. {_WHERE}, and replace this key: it may have been recorded.",
                code="key_in_url",
            )


class NotKnown(GatewayError):
    """No key is known by this token. One of the database may have been made since that was asked last."""


class Callers:
    """The keys of one snapshot, and those of the database. Tokens that were found are remembered, within bounds: a MAC for each call costs
    more than the rest."""

    def __init__(self, snapshot: Snapshot, directory: Directory | None = None) -> None:
        self._snapshot = snapshot
        self._directory = directory
        self._tokens: dict[tuple[bytes | None, ...], str] = {}
        """Those of keys that were found, by what the headers say that may carry one."""
        self._found: dict[str, Key] = {}
        self._proved: dict[str, tuple[str, bytes]] = {}
        """Tokens of keys of the database that were right: (public id, digest)."""

    @property
    def ready(self) -> bool:
        """Whether an unknown key is known to be none."""
        return self._directory is None or self._directory.is_loaded

    def caller(self, headers: Sequence[tuple[bytes, bytes]], fields: Mapping[bytes, bytes], at: float) -> Key:
        """The key that the headers of a call carry; `fields` are the same by name. Raises as `pick_token` and `identify`."""
        if len(fields) < len(headers):
            return self.identify(pick_token(headers), at)  # a name that stands twice may carry two keys
        carried = tuple(map(fields.get, _HEADERS))
        token = self._tokens.get(carried)
        if token is None:
            token = pick_token(headers)
            key = self.identify(token, at)
            if sum(len(value) for value in carried if value is not None) <= _SHORT:
                _remember(self._tokens, carried, token)
            return key
        return self.identify(token, at)

    def identify(self, token: str, at: float = 0.0) -> Key:
        """The key behind a token, at a Unix time. Raises `GatewayError`: AUTHENTICATION (`NotKnown` where the database may know better), or
        UNAVAILABLE where it would have to be asked and is away."""
        key = self._found.get(token)
        if key is not None:
            return key
        directory = self._directory
        public = self._public(token)
        if directory is None or public is None or public in self._snapshot.keys_by_id:
            try:
                key = identify(self._snapshot, token)
            except GatewayError as refused:
                if directory is None or keys.flaw_of_foreign(token) is not None:
                    raise
                raise (NotKnown(refused.error) if directory.is_current else away()) from None
            _remember(self._found, token, key)
            return key
        listed = directory.find(public)
        if listed is None:
            raise NotKnown(_unknown(public).error) if directory.is_current else away()
        self._prove(listed, public, token)
        return _working(directory, listed, at)

    def named(self, id: str, org: str, at: float = 0.0) -> Key:
        """The key of an id, for what it began and is not here to finish. Raises `GatewayError` where it works no more."""
        snapshot, directory = self._snapshot, self._directory
        for key in (*snapshot.keys_by_id.values(), *snapshot.keys_by_digest.values()):
            if key.id == id and key.org == org:
                return key
        listed = None if directory is None else directory.find(id)
        if directory is None or listed is None or listed.key.org != org:
            if directory is not None and not directory.is_current:
                raise away()
            raise _unknown(id)
        return _working(directory, listed, at)

    def signing(self, id: str) -> Key | None:
        """The key of an id, for whoever is yet to prove that it is theirs: in whatever state it is. None where there is none that could
        sign. Raises `GatewayError` (UNAVAILABLE) where the database would have to be asked and is away."""
        key = self._snapshot.keys_by_id.get(id)
        if key is not None or self._directory is None:
            return key
        listed = self._directory.find(id)
        if listed is None and not self._directory.is_current:
            raise away()
        return None if listed is None or listed.foreign else listed.key

    def working(self, key: Key, at: float) -> Key:
        """A key that was proved, at a Unix time. Raises `GatewayError` (AUTHENTICATION) where it does not work."""
        if key.id in self._snapshot.keys_by_id:
            return key
        listed = None if self._directory is None else self._directory.find(key.id)
        if self._directory is None or listed is None:
            raise _unknown(key.id)
        return _working(self._directory, listed, at)

    def _public(self, token: str) -> str | None:
        """The id of a token that can be one of the database's."""
        proved = self._proved.get(token)
        if proved is not None:
            return proved[0]
        if token.startswith(keys.PREFIX):
            return None if token.startswith(_ADMIN) or len(token) > _LONGEST else keys.token_id(token)
        return self._foreign(token)

    def _foreign(self, token: str) -> str | None:
        directory = self._directory
        if directory is None or not directory.has_foreign or len(token) > keys.MAX_FOREIGN_LENGTH:
            return None
        digests = keys.foreign_digests(self._snapshot.pepper, token)
        if digests[0] in self._snapshot.keys_by_digest:
            return None
        return directory.find_foreign(digests[0]) or directory.find_foreign(digests[1])

    def _prove(self, listed: Listed, public: str, token: str) -> None:
        digest = listed.key.digest
        if self._proved.get(token, ("", b""))[1] == digest:
            return
        pepper = self._snapshot.pepper
        right = keys.foreign_digests(pepper, token) if listed.foreign else (keys.token_digest(pepper, token),)
        if not any(hmac.compare_digest(digest, one) for one in right):
            raise _unknown(public)
        _remember(self._proved, token, (public, digest))


def _working(directory: Directory, listed: Listed, at: float) -> Key:
    key = listed.key
    if listed.state != "active":
        raise _refused(f"The gateway key `{key.name}` ({key.id}) was {listed.state}.", f"key_{listed.state}")
    if directory.is_off(listed):
        raise _refused(f"The gateway key `{key.name}` ({key.id}) does not work: whom it belongs to is disabled.", "owner_disabled")
    if key.reach is not None:
        error = outside(key.reach, key.name, at)
        if error is not None:
            raise GatewayError(error)
    directory.used[key.org, key.id] = at
    return key


def _remember(kept: dict[K, T], known: K, value: T) -> None:
    if len(kept) >= _REMEMBERED:
        kept.clear()
    kept[known] = value


def identify(snapshot: Snapshot, token: str) -> Key:
    """The key behind a token. Raises `GatewayError` (AUTHENTICATION)."""
    if len(token) > _LONGEST:
        raise _refused(f"The gateway key is longer than {_LONGEST} characters", "invalid_api_key")
    if token.startswith(keys.PREFIX):
        public = keys.token_id(token)
        if public is None:
            raise _refused(f"The gateway key is malformed: {keys.flaw(token)}.", "invalid_api_key")
        if token.startswith(_ADMIN):
            raise _refused(f"`{public}` is an admin key: it works on the control API's own listener only. {_MAKE}.", "admin_key")
        key = snapshot.keys_by_id.get(public)
        if key is not None and hmac.compare_digest(key.digest, keys.token_digest(snapshot.pepper, token)):
            return key
        raise _unknown(public)
    digest = keys.token_digest(snapshot.pepper, token)
    key = snapshot.keys_by_digest.get(digest)
    if key is not None and hmac.compare_digest(key.digest, digest):
        return key
    if token.startswith("sk-"):
        raise _refused(
            f"This looks like a provider's own key (`sk-…`); those stay on the gateway, callers send a gateway key (`tgk_…`). {_MAKE}.",
            "invalid_api_key",
        )
    raise _refused(f"The gateway key is not known here. {_MAKE}.", "invalid_api_key")


def _unknown(public: str) -> GatewayError:
    return _refused(
        f"The gateway key `{public}` is not known here: it was revoked, or made by another gateway. {_MAKE}.", "invalid_api_key"
    )


def away() -> GatewayError:
    """Nobody can say whether a key is good."""
    return GatewayError(
        Error(
            kind=ErrorKind.UNAVAILABLE,
            message="The gateway cannot reach its database, and does not know whether this key is good. Try again in a moment.",
            code="auth_backend_unavailable",
            retry_after=2.0,
        )
    )


def _refused(message: str, code: str) -> GatewayError:
    return GatewayError(Error(kind=ErrorKind.AUTHENTICATION, message=message, code=code))
