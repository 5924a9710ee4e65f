"""Who was erased, for what comes later: usage that still waits in a spool names them, and so may a file of earlier usage. Nothing keeps
their names: they are known by a mark, a keyed digest. Pure; `adapters` asks."""

import hmac
from collections.abc import Mapping

import msgspec

USER, END_USER = "user", "end_user"


def mark_of(secret: bytes, org: str, kind: str, name: str) -> str:
    """By which a name is known where the name itself must not be kept. Without `secret`, nobody can try names against it."""
    parts = (b"tidegate erased 1", org.encode(), kind.encode(), name.encode("utf-8", "replace"))
    return hmac.digest(secret, b"\0".join(parts), "sha256").hex()[:40]


class Stand(msgspec.Struct, frozen=True):
    """What stands for somebody, in what is not younger than `until` (microseconds); None where all of it is theirs. Ids of users are never
    given twice; an end user may come back under the same name, and is somebody new then."""

    pseudonym: str
    until: int | None


class Erased:
    """Everybody who was erased, by mark. `secret` is the one of the marks."""

    def __init__(self, secret: bytes, stands: Mapping[str, Stand]) -> None:
        self._secret = secret
        self._stands = stands

    def __bool__(self) -> bool:
        return bool(self._stands)

    def pseudonym(self, org: str, kind: str, name: str, at: int) -> str | None:
        """What stands for a name in something of that time, in microseconds; None where the name may be told."""
        found = self._stands.get(mark_of(self._secret, org, kind, name)) if name else None
        return None if found is None or (found.until is not None and at > found.until) else found.pseudonym
