"""Reads tidegate.yaml and everything it names, and compiles it: the one way from files to a `Snapshot`. Used at start, by the watcher and
by `tidegate check`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tidegate.control.compile import NO_LISTS, NOTHING_KEPT, compile_snapshot, usable_lists
from tidegate.control.config import Config
from tidegate.control.document import read
from tidegate.control.kept import PLACE, without
from tidegate.control.problems import ConfigError, Problem, Problems
from tidegate.control.secrets import Secrets
from tidegate.control.settings import Settings
from tidegate.control.shape import shape
from tidegate.control.vault import Vault
from tidegate.policy.keys import StoredKeys
from tidegate.policy.snapshot import Key, Snapshot
from tidegate.providers.catalog import Catalog
from tidegate.providers.lists import ProviderList
from tidegate.records import Kept

_LARGEST = 4 << 20


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """`config_file` is None where there was none to read. `file_keys` are the snapshot's keys that the file brought, by public id."""

    snapshot: Snapshot
    config: Config
    warnings: tuple[Problem, ...]
    config_file: Path | None
    file_keys: dict[str, Key]


class Loader:
    """`stored` reads the key store (raising OSError or ValueError), whose file is `key_file`.

    `kept` is what the database defines, set by whoever reads it; `vault` opens its credentials; `lists` are what the providers said last of
    their models, likewise. A provider or a route of the database that
    does not fit what the file says is left out, with a warning.
    `files` are those that the last load, good or bad, depended on: existing or not, a change of one may change the outcome.
    """

    def __init__(self, settings: Settings, catalogue: Catalog, stored: Callable[[], StoredKeys], key_file: Path) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._stored = stored
        self._key_file = key_file
        self._required = settings.config_path is not None
        self.kept: Kept = NOTHING_KEPT
        self.vault: Vault | None = None
        self.lists: Mapping[str, ProviderList] = NO_LISTS
        self.files: tuple[Path, ...] = (settings.config_file, key_file)

    def load(self, generation: int) -> Loaded:
        """Raises `ConfigError`."""
        file = self._settings.config_file
        problems = Problems(str(file))
        secrets = Secrets(self._settings.environ, file.parent)
        try:
            stored = self._keys()
            text = self._text(file, problems)
            config = Config() if text is None else _config(text, problems)
            if self.kept.providers:
                # A start has the file before it has the database.
                self._snapshot(config, stored, secrets, problems.copy(), generation, NOTHING_KEPT)
            loaded = self._compiled(config, stored, secrets, problems, generation, file if text is not None else None)
        finally:
            self.files = tuple(dict.fromkeys((file, self._key_file, *secrets.files)))
        # A file that was there once may not vanish: without it, everything it forbade would be open.
        self._required = self._required or text is not None
        return loaded

    def with_kept(self, last: Loaded, generation: int) -> Loaded:
        """`last` with what the database defines now; the file is not read again, so that no mistake in it keeps a credential alive. Raises
        `ConfigError` where a secret that the file names is gone."""
        file = self._settings.config_file
        secrets = Secrets(self._settings.environ, file.parent)
        return self._compiled(last.config, self._keys(), secrets, Problems(str(file)), generation, last.config_file)

    def compiled(self, last: Loaded, kept: Kept) -> Snapshot:
        """What `last` would be if the database defined this; nothing is left out. Raises `ConfigError`."""
        file = self._settings.config_file
        secrets = Secrets(self._settings.environ, file.parent)
        return self._snapshot(last.config, self._keys(), secrets, Problems(str(file)), last.snapshot.generation, kept)

    def _snapshot(self, config: Config, stored: StoredKeys, secrets: Secrets, problems: Problems, generation: int, kept: Kept) -> Snapshot:
        return compile_snapshot(
            config,
            catalogue=self._catalogue,
            stored=stored,
            secrets=secrets,
            problems=problems,
            generation=generation,
            own_port=self._settings.port,
            kept=kept,
            vault=self.vault,
            lists=self.lists,
        )

    def _compiled(
        self, config: Config, stored: StoredKeys, secrets: Secrets, read: Problems, generation: int, config_file: Path | None
    ) -> Loaded:
        kept = self.kept
        left_out: list[Problem] = []
        while True:
            problems = read.copy()
            try:
                snapshot = self._snapshot(config, stored, secrets, problems, generation, kept)
                break
            except ConfigError as error:
                fewer = without(kept, error.problems)
                if fewer == kept or any(problem.file != PLACE for problem in error.problems):
                    raise
                kept = fewer
                left_out += [msgspec.structs.replace(problem, message=f"{problem.message} (left out)") for problem in error.problems]
        made = _active(stored)
        return Loaded(
            snapshot=snapshot,
            config=config,
            warnings=(*left_out, *problems.warnings),
            config_file=config_file,
            file_keys={public: key for public, key in snapshot.keys_by_id.items() if made.get(public) != key},
        )

    def with_lists(self, last: Loaded, lists: Mapping[str, ProviderList]) -> Loaded:
        """`last` with what the providers say of their models now: the same configuration, with the same generation."""
        self.lists = lists
        snapshot = last.snapshot
        found = usable_lists(lists, snapshot.upstreams, self._catalogue) if snapshot.reads_lists else {}
        return msgspec.structs.replace(last, snapshot=msgspec.structs.replace(snapshot, lists=found))

    def with_keys(self, last: Loaded, generation: int) -> Loaded | None:
        """`last` with the keys that the store holds now, or None where they are the same: what is revoked must not live on because of a
        mistake in the configuration file. Raises `ConfigError` where the store cannot be read."""
        stored = self._keys()
        keys = {**_active(stored), **last.file_keys}
        if stored.pepper != last.snapshot.pepper or keys == last.snapshot.keys_by_id:
            return None
        return msgspec.structs.replace(
            last, snapshot=msgspec.structs.replace(last.snapshot, generation=generation, keys_by_id=keys), warnings=()
        )

    def _text(self, file: Path, problems: Problems) -> str | None:
        try:
            if file.stat().st_size > _LARGEST:
                problems.error((), f"the file is larger than {_LARGEST >> 20} MiB")
                problems.check()
            return file.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            if self._required:
                problems.error((), "there is no such file")
        except OSError as error:
            problems.error((), f"the file cannot be read: {error.strerror or error}")
        except UnicodeDecodeError as error:
            problems.error((), f"the file is not UTF-8: byte {error.start} is wrong")
        problems.check()
        return None

    def _keys(self) -> StoredKeys:
        try:
            return self._stored()
        except (OSError, ValueError) as error:
            raise ConfigError((Problem(str(self._key_file), 0, "", str(error)),)) from error


def _active(stored: StoredKeys) -> dict[str, Key]:
    return {row.id: row.key() for row in stored.keys if row.revoked is None}


def _config(text: str, problems: Problems) -> Config:
    return shape(read(text, problems), Config, problems)
