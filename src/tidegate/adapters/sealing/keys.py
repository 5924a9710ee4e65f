"""Key-encryption keys: read from `TIDEGATE_KEK` or from the file `kek` under `TIDEGATE_HOME`, which the first use makes.

The first key seals; the others only open what was sealed before, so that keys are changed while the gateway runs. A key's id is derived
from the key, so a wrong key cannot pass for the right one. A key that is lost is never replaced silently: what it sealed would be gone.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

VARIABLE = "TIDEGATE_KEK"
FILE = "kek"
"""Under `TIDEGATE_HOME`."""
MOST_KEYS = 2
"""The present key and the one before it."""

_BYTES = 32
_ID_BYTES = 8
_ID_SALT = b"tidegate/kek-id/1"


class KekError(ValueError):
    """The keys cannot be used. The message names the fix and no key."""


class Kek(msgspec.Struct, frozen=True):
    """`id` is public: it stands beside everything that the key has sealed."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"Kek({self.id})"


def kek(key: bytes) -> Kek:
    return Kek(hashlib.sha256(_ID_SALT + key).digest()[:_ID_BYTES].hex(), key)


class Keyring:
    """Keys by id. An id that is not known is looked for once more at the source, because another process may have added a key. Where there
    is none, `make` gives the first one when something is sealed."""

    def __init__(
        self, keys: tuple[Kek, ...], read: Callable[[], tuple[Kek, ...]], make: Callable[[], tuple[Kek, ...]] | None = None
    ) -> None:
        self._keys = keys
        self._read = read
        self._make = make

    @property
    def current(self) -> Kek:
        """The key that seals, as the source has it now: another process may have begun to change it."""
        if not self._again() and self._make is not None:
            self._keys = self._make()
        return self._keys[0]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(key.id for key in self._keys)

    def find(self, id: str) -> Kek | None:
        return self._known(id) or self._known(id, self._again())

    def _known(self, id: str, keys: tuple[Kek, ...] | None = None) -> Kek | None:
        return next((key for key in keys or self._keys if key.id == id), None)

    def _again(self) -> tuple[Kek, ...]:
        """Keys that are gone from the source stay here: what was read from the database a moment ago may still need them."""
        with suppress(KekError, OSError):
            found = self._read()
            self._keys = (*found, *(key for key in self._keys if key.id not in {other.id for other in found}))
        return self._keys


class KeyFile:
    """The file `kek`: one key in base64 per line, the one that seals first. It is replaced whole and at once, with mode 0600."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def read(self) -> tuple[Kek, ...]:
        """Nothing where there is no file. Raises `KekError` and `OSError`."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        if self.path.stat().st_mode & 0o077:
            raise KekError(
                f"{self.path} can be read by others: `chmod 600 {self.path}`, and change the key with `tidegate keys rotate-kek`"
            )
        return _parse(data.decode("ascii", "replace").split(), str(self.path))

    def make(self) -> tuple[Kek, ...]:
        """The first key. Of several processes that make one at once, one wins and all read the same."""
        temporary = self._write((kek(secrets.token_bytes(_BYTES)),))
        try:
            with suppress(FileExistsError):
                self.path.hardlink_to(temporary)
        finally:
            temporary.unlink()
        self._sync()
        return self.read()

    def add(self) -> tuple[Kek, ...]:
        """A new key that seals from now on, before the one that did. Where there are two already, a change has begun: it stays as it is."""
        keys = self.read()
        return keys if len(keys) >= MOST_KEYS else self._replace((kek(secrets.token_bytes(_BYTES)), *keys))

    def retire(self, id: str) -> tuple[Kek, ...]:
        """Forgets a key that nothing is sealed with any more."""
        keys = self.read()
        if keys and keys[0].id == id:
            raise KekError(f"the key {id} is the one that seals: it cannot be retired")
        return self._replace(tuple(key for key in keys if key.id != id))

    def _replace(self, keys: tuple[Kek, ...]) -> tuple[Kek, ...]:
        temporary = self._write(keys)
        try:
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self._sync()
        return keys

    def _write(self, keys: tuple[Kek, ...]) -> Path:
        home = self.path.parent
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = home / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b"".join(base64.b64encode(key.key) + b"\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        return temporary

    def _sync(self) -> None:
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def open_keyring(environ: Mapping[str, str], home: Path, used: Iterable[str]) -> Keyring:
    """The keys of this installation. `used` are the ids of the keys with which something is sealed: one that is missing is an error, and
    only where there is none is a first key made, once something is sealed with it. Raises `KekError` and `OSError`."""
    given = environ.get(VARIABLE, "").strip()
    file = KeyFile(home)

    def read() -> tuple[Kek, ...]:
        return _given(given) if given else file.read()

    keys = read()
    missing = sorted(set(used) - {key.id for key in keys})
    if missing:
        where = (
            f"{VARIABLE} does not have" if given else f"{file.path} is gone or does not have" if not keys else f"{file.path} does not have"
        )
        raise KekError(
            f"something in the database is sealed with the key {missing[0]}, which {where}: put it back from the backup, as the "
            "second line or value if there is a newer one. Where it is lost for good, "
            f"`tidegate keys forget-kek {missing[0]} --yes` deletes what it sealed"
        )
    return Keyring(keys, read, file.make)


def is_given(environ: Mapping[str, str]) -> bool:
    """Whether the keys come from `TIDEGATE_KEK`, which the operator alone can change."""
    return bool(environ.get(VARIABLE, "").strip())


def _given(text: str) -> tuple[Kek, ...]:
    """`file:/path`, or up to two keys with a comma between them."""
    if not text.startswith("file:"):
        return _parse([part.strip() for part in text.split(",")], VARIABLE)
    path = Path(text.removeprefix("file:"))
    try:
        words = path.read_bytes().decode("ascii", "replace").split()
    except OSError as error:
        raise KekError(f"the file {path} that {VARIABLE} names cannot be read: {error.strerror or error}") from None
    return _parse(words, str(path))


def _parse(words: list[str], where: str) -> tuple[Kek, ...]:
    found = tuple(kek(_key(word, where)) for word in words)
    if not 1 <= len(found) <= MOST_KEYS or len({key.id for key in found}) != len(found):
        raise KekError(f"{where} holds {len(found)} keys: it may hold one, or two that differ, the one that seals first")
    return found


def _key(word: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(word) if len(word) == 2 * _BYTES else base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _BYTES or len(set(key)) == 1:
        raise KekError(
            f"{where} is damaged: a key is {_BYTES} random bytes in base64 or hexadecimal, as `openssl rand -base64 32` makes one"
        )
    return key
