"""`tidegate plan`, `apply` and `export`: the configuration that the database of a running gateway has, against a file. All three ask the
control API, so that what they may do is what their admin key may, and every change is in the audit log."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import yaml
from cyclopts import Parameter

from tidegate.adapters.control_client import ControlClient, Refused
from tidegate.cli.options import complain, complain_of, say
from tidegate.control.desired import ORG_SECTIONS, SECTIONS, DesiredFile, reference_of_key
from tidegate.control.document import read
from tidegate.control.problems import ConfigError, Problems
from tidegate.control.secrets import Secrets, is_reference
from tidegate.control.shape import shape
from tidegate.records import DEFAULT_ORG

CHANGES = 2
"""The exit code of `plan` where there are changes."""
_DEFAULT_URL = "http://127.0.0.1:8081"
_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_LARGEST = 1 << 20

Document = Annotated[
    Path,
    Parameter(
        allow_leading_hyphen=True,
        help="A YAML file with the sections `providers`, `routes`, `credentials`, `prices`, `keys`, `limits`, `budgets` and `webhooks`, "
        "or some; `-` is standard input.",
    ),
]
Org = Annotated[str, Parameter(help="Whose keys, limits, budgets and webhooks; with another than `default`, the file has these alone.")]
Url = Annotated[str | None, Parameter(help=f"Where the control API is. [env var: TIDEGATE_ADMIN_URL] [default: {_DEFAULT_URL}]")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON document instead of lines for people.")]


def plan(file: Document, /, *, org: Org = DEFAULT_ORG, url: Url = None, json: Json = False) -> int:
    """See `texts.PLAN`."""
    return _changed("plan", file, org, url, ("to make", "to change", "to delete"), json=json, where_some=CHANGES)


def apply(file: Document, /, *, org: Org = DEFAULT_ORG, url: Url = None, json: Json = False) -> int:
    """See `texts.APPLY`."""
    return _changed("apply", file, org, url, ("made", "changed", "deleted"), json=json)


def export(*, org: Org = DEFAULT_ORG, url: Url = None, json: Json = False) -> int:
    """See `texts.EXPORT`."""
    answer = _asked("GET", _path(org), url)
    if answer is None:
        return 1
    say(msgspec.json.format(msgspec.json.encode(answer), indent=1).decode() if json else _yaml(answer))
    return 0


def _yaml(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120).rstrip("\n")


def _path(org: str) -> str:
    return "/configuration" if org == DEFAULT_ORG else f"/orgs/{quote(org, safe='')}/configuration"


def _changed(what: str, file: Path, org: str, url: str | None, words: tuple[str, str, str], *, json: bool, where_some: int = 0) -> int:
    """Tells what changes, and gives the exit code: `where_some` where something does."""
    answer = _sent(what, file, org, url)
    if answer is None:
        return 1
    changes = answer["changes"]
    _tell(changes, json=json)
    if not json:
        complain(_counted(changes, *words) if changes else "No changes.")
    return where_some if changes else 0


def _sent(what: str, file: Path, org: str, url: str | None) -> Any:
    try:
        document = _document(file, org)
    except ConfigError as error:
        complain_of(error)
        return None
    return _asked("POST", f"{_path(org)}/{what}", url, document)


def _asked(method: str, path: str, url: str | None, body: Any = None) -> Any:
    """The answer; None where there is none, which has been said."""
    key = os.environ.get("TIDEGATE_ADMIN_KEY", "").strip()
    if not key:
        complain("error: set TIDEGATE_ADMIN_KEY to an admin key (`tgk_adm_…`) of the gateway; its first start prints one")
        return None
    where = url or os.environ.get("TIDEGATE_ADMIN_URL", "").strip() or _DEFAULT_URL
    try:
        return ControlClient(where, key).ask(method, path, body)
    except Refused as refused:
        for line in str(refused).splitlines():
            complain(f"error: {line}")
    except OSError as error:
        complain(f"error: the control API cannot be reached at {where}: {error.strerror or error}")
    return None


def _document(file: Path, org: str) -> dict[str, Any]:
    """What is sent: the file, and what its references lead to here. Raises `ConfigError`."""
    problems = Problems(str(file))
    try:
        text = sys.stdin.read(_LARGEST) if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.error((), f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
        problems.check()
        raise
    found = read(text, problems)
    document: dict[str, Any] = found if isinstance(found, dict) else {}
    if found is not None and not isinstance(found, dict):
        problems.error((), "the file has sections: " + _listed((*SECTIONS, *ORG_SECTIONS)))
    known = (*SECTIONS, *ORG_SECTIONS) if org == DEFAULT_ORG else ORG_SECTIONS
    for section in [name for name in document if name not in known]:
        whose = f"the organisation `{org}`" if section in SECTIONS else "the database"
        problems.error((section,), f"this section is of a gateway's own file: {whose} has {_listed(known)}")
        del document[section]
    shaped = shape(document, DesiredFile, problems)
    references = [(entry.api_key, ("providers", name, "api_key")) for name, entry in shaped.providers.items() if entry.api_key is not None]
    references += [(entry.reference, ("credentials", index, "reference")) for index, entry in enumerate(shaped.credentials)]
    references += [
        (entry.reference or reference_of_key(entry.name), ("keys", index, "reference")) for index, entry in enumerate(shaped.keys)
    ]
    references += [(entry.url, ("webhooks", index, "url")) for index, entry in enumerate(shaped.webhooks) if is_reference(entry.url)]
    for reference, where in references:
        if not is_reference(reference):
            problems.error(where, "a secret is written `env:NAME` or `file:/path`")
    problems.check()
    # One that leads nowhere may be stored already: the gateway says whether it is needed.
    secrets = Secrets(os.environ, file.parent)
    led = {text: secrets.resolve(text, where, Problems(str(file)), spaces=True) for text, where in references}
    empty: dict[str, Any] = {"providers": {}, "routes": {}, "prices": {}}
    sent = {section: document[section] or empty.get(section, []) for section in document}
    return sent | {"secrets": {reference: secret for reference, secret in led.items() if secret is not None}}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tell(changes: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        say(msgspec.json.encode({"changes": changes}).decode())
        return
    for change in changes:
        say(f"{_SIGNS[change['action']]} {change['kind']} {change['name']}")
        old: dict[str, Any] = change["before"] or {}
        new: dict[str, Any] = change["after"] or {}
        for field in change["fields"]:
            if old.get(field) == new.get(field):
                say(f"    {field}: another one than is stored")
            else:
                shown = [_short(side.get(field)) for side in (old, new) if side]
                say(f"    {field}: " + " -> ".join(shown))


def _short(value: Any) -> str:
    return "(none)" if value is None else msgspec.json.encode(value).decode()


def _counted(changes: list[dict[str, Any]], *words: str) -> str:
    actions = [change["action"] for change in changes]
    return ", ".join(f"{actions.count(action)} {word}" for action, word in zip(_SIGNS, words, strict=True)) + "."
