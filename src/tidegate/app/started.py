"""What a start reads before anything runs: the configuration and the keys. Called by `serve`, and by tests."""

from tidegate.adapters.keystore import KeyStore
from tidegate.control.catalogue import read_catalogue
from tidegate.control.load import Loader
from tidegate.control.settings import Settings


class Started:
    """A loaded configuration and what its first start made. Raises `ConfigError`."""

    def __init__(self, settings: Settings) -> None:
        store = KeyStore(settings.home)
        self.settings = settings
        self.first_token: str | None = None
        self.loader = Loader(settings, read_catalogue(), store.read, store.path)
        self.loaded = self.loader.load(1)
        if not (self.loaded.snapshot.keys_by_id or self.loaded.snapshot.keys_by_digest):
            made = store.bootstrap()
            if made is not None:
                self.first_token = made[1]
                self.loaded = self.loader.load(1)
