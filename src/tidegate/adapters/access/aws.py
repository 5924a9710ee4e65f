"""Keys of AWS: those that the operator gave, those of the environment and the shared files, and, where botocore is installed (extra
`bedrock`), everything that its chain finds: assumed roles, SSO, web identities, containers and the machine's own role.

What comes out is `sigv4.Credentials` as JSON, with how long it is good for. Blocking, for `StoredTokens`.
"""

import configparser
import importlib
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from tidegate.adapters.access.tokens import Access
from tidegate.ports import AccessFailure
from tidegate.providers.sigv4 import Credentials

_STANDING = 900.0
"""Seconds after which keys without an end are looked up again: the files may have changed."""
_DOCUMENT = ("access_key_id", "secret_access_key", "session_token")
_HOW = (
    "set `AWS_BEARER_TOKEN_BEDROCK`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or a profile in ~/.aws/credentials; roles, SSO, "
    "web identities and the machine's own role need the extra `bedrock` (botocore)"
)


def exchange(credential: str | None) -> Access:
    """Keys for a credential document (`access_key_id`, `secret_access_key`, `session_token`), or for the identity of the process.
    Raises `AccessFailure`."""
    if credential is not None:
        return _access(_of_document(credential), _STANDING)
    found = from_environment(os.environ) or from_files(os.environ, Path.home())
    if found is not None:
        return _access(found, _STANDING)
    return _from_chain()


def _access(keys: Credentials, lifetime: float) -> Access:
    return Access(msgspec.json.encode(keys).decode(), lifetime)


def _of_document(text: str) -> Credentials:
    try:
        document = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        raise AccessFailure(f"the credential is no JSON object with {', '.join(_DOCUMENT)}", permanent=True) from None
    access, secret, session = (document.get(name) for name in _DOCUMENT)
    if not access or not secret:
        raise AccessFailure("the credential has no `access_key_id` or no `secret_access_key`", permanent=True)
    return Credentials(access, secret, session or None)


def from_environment(environ: Mapping[str, str]) -> Credentials | None:
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(access, secret, environ.get("AWS_SESSION_TOKEN") or None) if access and secret else None


def from_files(environ: Mapping[str, str], home: Path) -> Credentials | None:
    """The standing keys of the profile in the shared files; None where it has none (a role, SSO). Raises `AccessFailure` where a profile
    was asked for that is not there."""
    named = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    profile = named or "default"
    known = False
    for variable, usual, prefix in (
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", ""),
        ("AWS_CONFIG_FILE", "config", "profile "),
    ):
        section = _section(Path(environ.get(variable) or home / ".aws" / usual), profile, prefix)
        known = known or section is not None
        access, secret = (section or {}).get("aws_access_key_id"), (section or {}).get("aws_secret_access_key")
        if access and secret:
            return Credentials(access, secret, (section or {}).get("aws_session_token") or None)
    if named and not known:
        raise AccessFailure(f"there is no profile `{named}` in AWS's shared files", permanent=True)
    return None


def _section(file: Path, profile: str, prefix: str) -> Mapping[str, str] | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as broken:
        raise AccessFailure(f"{file} cannot be read: {type(broken).__name__}", permanent=True) from None
    for name in (prefix + profile, profile):
        if parser.has_section(name):
            return dict(parser.items(name))
    return None


def _from_chain() -> Access:
    """What botocore finds. Its keys carry their own end."""
    try:
        session = importlib.import_module("botocore.session").get_session()
    except ImportError:
        raise AccessFailure(f"no credentials of AWS were found: {_HOW}", permanent=True) from None
    errors: type[Exception] = importlib.import_module("botocore.exceptions").BotoCoreError
    try:
        found = session.get_credentials()
        if found is None:
            raise AccessFailure(f"no credentials of AWS were found: {_HOW}", permanent=True)
        frozen = found.get_frozen_credentials()
    except errors as broken:
        raise AccessFailure(f"AWS gave no credentials: {broken}") from None
    return _access(Credentials(frozen.access_key, frozen.secret_key, frozen.token or None), _lifetime(found))


def _lifetime(found: Any) -> float:
    """Seconds that botocore's credentials are good for."""
    end = getattr(found, "_expiry_time", None)
    if not isinstance(end, datetime):
        return _STANDING
    return max(1.0, end.timestamp() - time.time())
