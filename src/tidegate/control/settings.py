"""What the process was started with: the listener, the state directory and where the configuration is. Made by `cli`, read by `app`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.control.problems import ConfigError, Problem

Durability = Literal["process", "power_loss"]

DEFAULT_CONFIG = Path("tidegate.yaml")
WORKERS = "workers"
"""Under `TIDEGATE_HOME`: a folder for each worker but the first."""
MOST_WORKERS = 256

_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`config_path` is a file that must exist; None means `./tidegate.yaml` if there is one. The control API listens on `admin_host` and
    `admin_port`. With `share_port` other gateways of this machine may listen on `port` too. `workers` are the processes that serve, and
    `worker` is which of them this one is, from 1. `durability` is what usage survives before an
    answer ends. `auto_migrate` raises the schema of PostgreSQL at a start. Without `model_lists` no provider is asked for its models.
    `pre_stop` and `drain` are seconds: how long calls are still accepted after SIGTERM, and how long open ones may take then. `environ`
    holds secrets."""

    host: str = "127.0.0.1"
    port: int = 8080
    share_port: bool = False
    workers: int = 1
    worker: int = 1
    home: Path = Path(".tidegate")
    config_path: Path | None = None
    admin_host: str = "127.0.0.1"
    admin_port: int = 8081
    durability: Durability = "process"
    auto_migrate: bool = False
    pre_stop: float = 5.0
    drain: float = 960.0
    model_lists: bool = True
    environ: Mapping[str, str] = {}

    @property
    def config_file(self) -> Path:
        return self.config_path or DEFAULT_CONFIG

    @property
    def is_one_of_several(self) -> bool:
        """Whether others of this machine serve on its port too."""
        return self.workers > 1 or self.share_port

    @property
    def own(self) -> Path:
        """Where this process keeps what it shares with no other one: its spool, and what it drained. The first worker's is `home`, so that
        a gateway without workers finds it again."""
        return self.home if self.worker == 1 else self.home / WORKERS / str(self.worker)

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port}, home={str(self.home)!r}, config_file={str(self.config_file)!r})"


def settings(
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    port: int | None = None,
    home: Path | None = None,
    config: Path | None = None,
    workers: int | None = None,
) -> Settings:
    """An option, else its variable (`TIDEGATE_HOST`, `_PORT`, `_SHARE_PORT`, `_WORKERS`, `_HOME`, `_CONFIG`, `_ADMIN_HOST`, `_ADMIN_PORT`,
    `_DURABILITY`, `_AUTO_MIGRATE`, `_MODEL_LISTS`, `_PRE_STOP`, `_DRAIN`; an empty one counts as unset), else the default. Raises
    `ConfigError` for a value that is none."""
    config_path = str(config or "") or environ.get("TIDEGATE_CONFIG")
    return Settings(
        host=host or environ.get("TIDEGATE_HOST") or "127.0.0.1",
        port=_port("TIDEGATE_PORT or --port", str(port) if port is not None else environ.get("TIDEGATE_PORT") or "8080"),
        share_port=_flag("TIDEGATE_SHARE_PORT", environ.get("TIDEGATE_SHARE_PORT") or "0"),
        workers=_workers(str(workers) if workers is not None else environ.get("TIDEGATE_WORKERS") or "1"),
        home=home or Path(environ.get("TIDEGATE_HOME") or ".tidegate"),
        config_path=Path(config_path) if config_path else None,
        admin_host=environ.get("TIDEGATE_ADMIN_HOST") or "127.0.0.1",
        admin_port=_port("TIDEGATE_ADMIN_PORT", environ.get("TIDEGATE_ADMIN_PORT") or "8081"),
        durability=_durability(environ.get("TIDEGATE_DURABILITY") or "process"),
        auto_migrate=_flag("TIDEGATE_AUTO_MIGRATE", environ.get("TIDEGATE_AUTO_MIGRATE") or "0"),
        pre_stop=_seconds("TIDEGATE_PRE_STOP", environ.get("TIDEGATE_PRE_STOP") or "5"),
        drain=_seconds("TIDEGATE_DRAIN", environ.get("TIDEGATE_DRAIN") or "960"),
        model_lists=_flag("TIDEGATE_MODEL_LISTS", environ.get("TIDEGATE_MODEL_LISTS") or "1"),
        environ=dict(environ),
    )


def _durability(text: str) -> Durability:
    match text:
        case "process" | "power_loss":
            return text
        case _:
            raise ConfigError((Problem("TIDEGATE_DURABILITY", 0, "", f"`{text[:20]}` is none of `process` and `power_loss`"),))


def _flag(name: str, text: str) -> bool:
    if text not in _FLAGS:
        raise ConfigError((Problem(name, 0, "", f"`{text[:20]}` is neither `1` nor `0`"),))
    return _FLAGS[text]


def _seconds(name: str, text: str) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise ConfigError((Problem(name, 0, "", f"`{text[:20]}` is not a number of whole seconds below 100000"),))
    return float(text)


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MOST_WORKERS):
        reason = f"`{text[:20]}` is not a number of processes from 1 to {MOST_WORKERS}"
        raise ConfigError((Problem("TIDEGATE_WORKERS or --workers", 0, "", reason),))
    return int(text)


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise ConfigError((Problem(name, 0, "", f"`{text[:20]}` is not a port: it is a number from 0 to 65535"),))
    return int(text)
