"""What the process was started with: the listener, the state directory and where the configuration is. Made by `cli`, read by `app`."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

DEFAULT_CONFIG = Path("tidegate.yaml")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`config_path` is a file that must exist; None means `./tidegate.yaml` if there is one. `environ` holds secrets."""

    host: str = "127.0.0.1"
    port: int = 8080
    home: Path = Path(".tidegate")
    config_path: Path | None = None
    environ: Mapping[str, str] = {}

    @property
    def config_file(self) -> Path:
        return self.config_path or DEFAULT_CONFIG

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port}, home={str(self.home)!r}, config_file={str(self.config_file)!r})"
