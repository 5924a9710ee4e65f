"""Provider credentials between the database and the calls that carry them: sealed when they are stored, opened when they are used.

What was opened is kept for some minutes, so that a call pays nothing for it. The control API and the commands seal here; `compile` makes
the secrets of the snapshot here.
"""

from threading import Lock

import msgspec

from tidegate.policy.credentials import purpose_of
from tidegate.policy.secret import Secret
from tidegate.ports import Clock, Sealer, Unsealable
from tidegate.records import Credential

KEPT_SECONDS = 300.0
SHORTEST = 8
LONGEST = 16_384
_SHOWN_FROM = 20
"""Characters of a secret whose last four may be shown."""
_MOST_KEPT = 10_000

_Key = tuple[str, str, int, str]


class Vault:
    """`take_used` tells which credentials were used since it was asked the last time."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock
        self._opened: dict[_Key, tuple[str, float]] = {}
        self._used: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def seal(self, org: str, row: Credential, secret: Secret) -> Credential:
        """The row with this secret. Its id, provider, origin and version are what it is sealed for."""
        text = secret.reveal()
        sealed = self._sealer.seal(purpose_of(row.provider, row.origin), org, row.id, text.encode(), version=row.version)
        last4 = text[-4:] if len(text) >= _SHOWN_FROM and not _is_document(text) else ""
        return msgspec.structs.replace(row, sealed=sealed, kek_id=self._sealer.kek_id, last4=last4)

    def open(self, org: str, row: Credential) -> Secret:
        """The secret itself, now. Raises `Unsealable`."""
        opened = self._sealer.open(purpose_of(row.provider, row.origin), org, row.id, row.sealed, version=row.version)
        return Secret(opened.decode())

    def secret(self, org: str, row: Credential) -> Secret:
        """The secret for the snapshot: opened when it is revealed. Revealing raises `ValueError` where it cannot be opened."""
        return _Sealed(self, org, row)

    def reveal(self, org: str, row: Credential) -> str:
        key = (org, row.id, row.version, row.origin)
        now = self._clock.monotonic()
        self._used[org, row.id] = int(self._clock.now() * 1_000_000)
        opened = self._opened.get(key)
        if opened is not None and opened[1] > now:
            return opened[0]
        try:
            text = self.open(org, row).reveal()
        except Unsealable:
            raise ValueError(f"the credential `{row.name}` of {row.provider} cannot be opened") from None
        with self._lock:
            for old in [known for known, (_, until) in self._opened.items() if until <= now]:
                del self._opened[old]
            if len(self._opened) < _MOST_KEPT:
                self._opened[key] = (text, now + KEPT_SECONDS)
        return text

    def take_used(self) -> dict[tuple[str, str], int]:
        """(organisation, credential) and when it was used last, in microseconds."""
        used, self._used = self._used, {}
        return used


class _Sealed(Secret):
    """A secret that is opened when it is revealed. Nothing of it is kept here."""

    __slots__ = ("_org", "_row", "_vault")

    def __init__(self, vault: Vault, org: str, row: Credential) -> None:
        super().__init__("")
        self._vault = vault
        self._org = org
        self._row = row

    def reveal(self) -> str:
        return self._vault.reveal(self._org, self._row)


def _is_document(text: str) -> bool:
    """Whether it is a file like that of a service account, which is exchanged for tokens, and not a key that a header carries."""
    return text.lstrip().startswith("{")


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def flaw_of_secret(text: str) -> str | None:
    """Why a text cannot be a credential, in words that do not repeat it; None if it can."""
    if not SHORTEST <= len(text) <= LONGEST:
        return f"a credential has {SHORTEST} to {LONGEST:,} characters"
    if _is_document(text):
        return None if _is_json(text) else "it begins like a credential document and is not JSON"
    if not text.isascii() or not text.isprintable() or text != text.strip():
        return "it holds line ends, blanks at an end, or characters outside ASCII, which a header cannot carry"
    return None
