"""Gateway keys in files under `TIDEGATE_HOME`: `keys.json` holds digests only, `pepper` the secret that makes them. Both are of mode 0600.

`keys.json` is replaced whole and at once, so that a running gateway that watches it never reads half a file. The command line and `app`
use this; the data plane sees keys through the snapshot only.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from tidegate.policy.keys import ALPHABET, ID_LENGTH, SECRET_LENGTH, KeyEnv, StoredKey, StoredKeys, format_token, token_digest, token_id

_PEPPER_BYTES = 32
_VERSION = 1


class KeyStoreError(ValueError):
    """The store cannot be used; the message says what to do."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: int = _VERSION
    keys: list[StoredKey] = []


class KeyStore:
    """The keys below one state directory, which is made (mode 0700) when something is first written."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.path = home / "keys.json"
        self._pepper_path = home / "pepper"

    def read(self) -> StoredKeys:
        """Pepper and keys; both are made where the store is new. Raises `KeyStoreError` and `OSError`."""
        file = self._read_file()
        return StoredKeys(pepper=self._pepper(new=not file.keys), keys=tuple(file.keys))

    def peek(self) -> StoredKeys:
        """As `read`, but makes nothing: a new store has no keys, and a pepper that no key was ever made with."""
        if not self._pepper_path.exists() and not self._read_file().keys:
            return StoredKeys(pepper=bytes(_PEPPER_BYTES))
        return self.read()

    def create(self, name: str, *, env: KeyEnv = "live", models: tuple[str, ...] = ()) -> tuple[StoredKey, str]:
        """A new key and its token, which is nowhere else and cannot be had again."""
        with self._locked():
            return self._create(name, env, models)

    def bootstrap(self, name: str = "first") -> tuple[StoredKey, str] | None:
        """The first key of a store that never had one; None for any other. Safe where several processes start at once."""
        if self.path.exists():
            return None
        with self._locked():
            return None if self.path.exists() else self._create(name, "live", ())

    def revoke(self, id_or_name: str) -> StoredKey:
        """Marks a key as revoked, by its public id, or by its name where only one active key has it. Raises `KeyStoreError`."""
        with self._locked():
            file = self._read_file()
            active = [row for row in file.keys if row.revoked is None]
            found = [row for row in active if row.id == id_or_name] or [row for row in active if row.name == id_or_name]
            if not found:
                raise KeyStoreError(f"no active key has the id or the name `{id_or_name}`: `tidegate keys list` shows them")
            if len(found) > 1:
                raise KeyStoreError(f"several keys are called `{id_or_name}`: give the id of one: {', '.join(row.id for row in found)}")
            revoked = msgspec.structs.replace(found[0], revoked=int(time.time()))
            self._write([revoked if row is found[0] else row for row in file.keys])
            return revoked

    def revoke_token(self, token: str) -> bool:
        """Revokes the active key of that token; whether there was one. Raises `KeyStoreError`."""
        file = self.peek()
        public, digest = token_id(token), token_digest(file.pepper, token)
        if not any(row.id == public and row.digest == digest and row.revoked is None for row in file.keys):
            return False
        self.revoke(public or "")
        return True

    def _create(self, name: str, env: KeyEnv, models: tuple[str, ...]) -> tuple[StoredKey, str]:
        file = self._read_file()
        pepper = self._pepper(new=not file.keys)
        taken = {row.id for row in file.keys}
        public = _random(ID_LENGTH)
        while public in taken:
            public = _random(ID_LENGTH)
        token = format_token(env, public, _random(SECRET_LENGTH))
        row = StoredKey(id=public, name=name, env=env, digest=token_digest(pepper, token), models=models, created=int(time.time()))
        self._write([*file.keys, row])
        return row, token

    def _read_file(self) -> _File:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return _File()
        try:
            file = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KeyStoreError(f"{self.path} is damaged ({error}): restore it from a backup, or remove it to begin anew") from error
        if file.version != _VERSION:
            raise KeyStoreError(f"{self.path} is of version {file.version}, and this Tidegate reads version {_VERSION}")
        return file

    def _pepper(self, *, new: bool) -> bytes:
        try:
            text = self._pepper_path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            if not new:
                raise KeyStoreError(
                    f"{self._pepper_path} is gone, and {self.path} is worth nothing without it: restore it, or remove both to begin anew"
                ) from None
            text = self._make_pepper()
        except UnicodeDecodeError as error:
            raise KeyStoreError(f"{self._pepper_path} is damaged: restore it from a backup") from error
        try:
            pepper = bytes.fromhex(text)
        except ValueError:
            pepper = b""
        if len(pepper) != _PEPPER_BYTES:
            raise KeyStoreError(f"{self._pepper_path} is damaged: restore it from a backup")
        return pepper

    def _make_pepper(self) -> str:
        """Links a whole file into place: of several processes that start at once, one wins and all read the same."""
        self._make_home()
        temporary = self._home / f".pepper.{os.getpid()}.{secrets.token_hex(4)}"
        _write_private(temporary, secrets.token_bytes(_PEPPER_BYTES).hex().encode() + b"\n")
        try:
            with suppress(FileExistsError):
                self._pepper_path.hardlink_to(temporary)
        finally:
            temporary.unlink()
        return self._pepper_path.read_text(encoding="ascii").strip()

    def _write(self, rows: list[StoredKey]) -> None:
        temporary = self._home / f".keys.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            _write_private(temporary, msgspec.json.format(msgspec.json.encode(_File(keys=rows)), indent=1) + b"\n")
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        directory = os.open(self._home, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _make_home(self) -> None:
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def _locked(self) -> Generator[None]:
        self._make_home()
        lock = os.open(self._home / "keys.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
