"""Sealed secrets as commands use them: opened with the keys that a gateway with the same variables would have."""

import getpass
import os
import sys
from pathlib import Path

from tidegate.adapters.keystore import KeyStore
from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import Keyring, open_keyring
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.kept import KeptRows
from tidegate.adapters.sql.sealed import SealedRows
from tidegate.adapters.system import SystemClock
from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loaded, Loader
from tidegate.control.settings import settings
from tidegate.control.vault import Vault, flaw_of_secret
from tidegate.policy.secret import Secret
from tidegate.records import EVERYONE


async def keyring(database: Database, home: Path | None) -> Keyring:
    """Raises `KekError` where a key is missing that something is sealed with."""
    used = await SealedRows(database).kek_ids(EVERYONE)
    return open_keyring(os.environ, settings(os.environ, home=home).home, used)


async def vault(database: Database, home: Path | None) -> Vault:
    """Raises `KekError`."""
    return Vault(EnvelopeSealer(await keyring(database, home)), SystemClock())


async def running(database: Database, home: Path | None, config: Path | None, opened: Vault | None) -> Loaded:
    """The configuration of file and database together, as a gateway would serve it. Raises `ConfigError`."""
    chosen = settings(os.environ, config=config, home=home)
    keys = KeyStore(chosen.home)
    loader = Loader(chosen, read_catalogue(chosen.home), keys.peek, keys.path)
    loader.kept = await KeptRows(database).load(EVERYONE)
    loader.vault = opened
    return loader.load(1)


def read_secret(source: str) -> Secret:
    """From standard input (`-`), `env:NAME` or `file:PATH`; never from an argument, which other users of the machine can see. Raises
    `ValueError` and `OSError`."""
    if source.startswith("env:"):
        text = os.environ.get(source.removeprefix("env:"), "")
    elif source.startswith("file:"):
        text = Path(source.removeprefix("file:")).read_text(encoding="utf-8")
    elif source == "-":
        text = getpass.getpass("The provider's key: ") if sys.stdin.isatty() else sys.stdin.read()
    else:
        raise ValueError("a secret comes from `-` (standard input), `env:NAME` or `file:PATH`, and is no argument itself")
    flaw = flaw_of_secret(text.strip())
    if flaw is not None:
        raise ValueError(flaw)
    return Secret(text.strip())
