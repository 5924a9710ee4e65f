"""References to secrets: `env:NAME` and `file:/path` become text, or a problem that says which variable or file is missing. No message
repeats a secret."""

import re
from collections.abc import Mapping
from pathlib import Path

from tidegate.control.problems import Path as Where
from tidegate.control.problems import Problems
from tidegate.policy.near import did_you_mean

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOREIGN = re.compile(r"\$\{?(\w+)\}?|os\.environ/(\w+)|\{\{\s*(?:env\.)?(\w+)\s*\}\}")
_VARIABLE_LIKE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_LARGEST = 64 * 1024
_CARRIES_SECRETS = ("authorization", "cookie", "api-key", "apikey", "token", "secret", "password")


class Secrets:
    """Resolves references against an environment; `base` is where relative paths begin. `files` are those that were asked for, found or
    not: an edit of one of them is an edit of the configuration."""

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        self.environ = environ
        self.files: list[Path] = []
        self._base = base

    def resolve(self, reference: str, where: Where, problems: Problems, *, spaces: bool = False) -> str | None:
        """The secret, or None with an error in `problems`. `spaces` allows them inside."""
        kind, colon, rest = reference.partition(":")
        if colon and kind == "env":
            secret = self._variable(rest, where, problems)
        elif colon and kind == "file":
            secret = self._file(rest, where, problems)
        else:
            secret = _literal(reference, where, problems)
        if secret is not None and secret.startswith("{"):
            # The document of a service account: it is exchanged for tokens and stands in no header.
            return secret
        if secret is not None and not _PRINTABLE.fullmatch(secret.replace(" ", "_") if spaces else secret):
            problems.error(where, "this secret holds spaces, line ends or characters beyond ASCII, which a header cannot carry")
            return None
        return secret

    def path(self, text: str) -> Path:
        """A path of the configuration: relative ones begin beside the file."""
        return self._base / Path(text).expanduser()

    def _variable(self, name: str, where: Where, problems: Problems) -> str | None:
        if not _NAME.fullmatch(name):
            problems.error(where, "after `env:` comes the name of an environment variable, like `env:ANTHROPIC_API_KEY`")
            return None
        value = self.environ.get(name, "").strip()
        if value:
            return value
        state = "is empty" if name in self.environ else "is not set"
        hint = did_you_mean(name, (known for known in self.environ if known != name))
        problems.error(where, f"the environment variable `{name}` {state}: set it where Tidegate is started.{hint}")
        return None

    def _file(self, text: str, where: Where, problems: Problems) -> str | None:
        path = self.path(text)
        self.files.append(path)
        try:
            if path.stat().st_size > _LARGEST:
                problems.error(where, f"the file `{text}` is larger than {_LARGEST} bytes: it cannot be a secret")
                return None
            value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            problems.error(where, f"the file `{text}` cannot be read: {error.strerror or error}")
            return None
        except UnicodeDecodeError:
            problems.error(where, f"the file `{text}` is not text in UTF-8")
            return None
        if not value:
            problems.error(where, f"the file `{text}` is empty")
            return None
        return value


def may_be_secret(header: str) -> bool:
    """Whether a header of that name may carry one."""
    return any(word in header.lower() for word in _CARRIES_SECRETS)


def is_reference(text: str) -> bool:
    return text.startswith(("env:", "file:"))


def _literal(text: str, where: Where, problems: Problems) -> str | None:
    foreign = _FOREIGN.fullmatch(text)
    if foreign is not None:
        name = next(group for group in foreign.groups() if group)
        problems.error(where, f"variables are written `env:{name}` here")
        return None
    if _VARIABLE_LIKE.fullmatch(text):
        problems.error(where, f"this looks like the name of a variable: write `env:{text}`")
        return None
    if not text:
        problems.error(where, "a secret is written `env:NAME` or `file:/path`")
        return None
    problems.warn(where, "this secret stands in the file itself: `env:NAME` or `file:/path` keeps it out")
    return text
