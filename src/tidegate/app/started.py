"""What a start reads before anything runs: the configuration and the keys. Called by `serve`, and by tests."""

from tidegate.adapters.keystore import KeyStore
from tidegate.adapters.lists_file import ListsFile
from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loader
from tidegate.control.settings import Settings
from tidegate.policy.directory import Delta, Directory

DATABASE_VARIABLE = "TIDEGATE_DATABASE_URL"
DATABASE_FILE = "tidegate.db"
"""As `adapters.sql.address` has them, which a start does not load before it serves."""


class Started:
    """A loaded configuration and what its first start made. Raises `ConfigError`."""

    def __init__(self, settings: Settings) -> None:
        store = KeyStore(settings.home)
        self.settings = settings
        self.first_token: str | None = None
        self.directory = _keys_of_database(settings)
        self.catalogue = read_catalogue(settings.home)
        self.loader = Loader(settings, self.catalogue, store.read, store.path)
        self.loaded = self.loader.load(1)
        if not (self.loaded.snapshot.keys_by_id or self.loaded.snapshot.keys_by_digest):
            made = store.bootstrap()
            if made is not None:
                self.first_token = made[1]
                self.loaded = self.loader.load(1)
        if settings.model_lists:
            self.loaded = self.loader.with_lists(self.loaded, ListsFile(settings.home, self.loaded.snapshot.pepper).load())


def _keys_of_database(settings: Settings) -> Directory:
    """A new home with a database of its own has no keys in it, and nobody needs to wait until that was read."""
    directory = Directory()
    if not settings.environ.get(DATABASE_VARIABLE) and not (settings.home / DATABASE_FILE).exists():
        directory.is_current = directory.apply(Delta(generation=0, whole=True))
    return directory
