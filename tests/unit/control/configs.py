"""Loads configurations from text, for the tests of control."""

from collections.abc import Mapping
from pathlib import Path

from tests.unit.policy.values import CATALOG, PEPPER

from tidegate.control.load import Loaded, Loader
from tidegate.control.problems import ConfigError
from tidegate.control.settings import Settings
from tidegate.policy.keys import StoredKey, StoredKeys

ENVIRON = {"ANTHROPIC_API_KEY": "sk-ant-secret", "TIDEGATE_CI_KEY": "a-configured-key-0123456789"}


class Place:
    """A directory with a tidegate.yaml; `stored` are the keys of the key store."""

    catalogue = CATALOG

    def __init__(self, folder: Path, *stored: StoredKey) -> None:
        self.file = folder / "tidegate.yaml"
        self.stored = StoredKeys(pepper=PEPPER, keys=stored)

    def loader(self, environ: Mapping[str, str] = ENVIRON) -> Loader:
        settings = Settings(config_path=self.file, environ=environ, port=8080)
        return Loader(settings, self.catalogue, lambda: self.stored, self.file.parent / "keys.json")

    def load(self, text: str, environ: Mapping[str, str] = ENVIRON) -> Loaded:
        self.file.write_text(text)
        return self.loader(environ).load(1)

    def mistakes(self, text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
        """`line: where: message` of every error; none may tell a secret."""
        try:
            self.load(text, environ)
        except ConfigError as error:
            assert not any(secret in str(error) for secret in environ.values())
            assert all(problem.file == str(self.file) for problem in error.problems)
            return [f"{problem.line}: {problem.where}: {problem.message}" for problem in error.problems]
        return []
