"""The `providers` section, the environment and the catalogue become the snapshot's `Upstream` rows: the file's in its order, then those
found in the environment in the catalogue's order, then the sandbox."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import msgspec

from tidegate.control.config import ProviderEntry
from tidegate.control.problems import Path, Problems
from tidegate.control.secrets import Secrets, is_reference
from tidegate.policy.egress import Egress, Refused, place_of
from tidegate.policy.models import how_to_configure
from tidegate.policy.near import did_you_mean
from tidegate.policy.overload.slots import MOST_FOUND, Concurrency
from tidegate.policy.route import SANDBOX
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Timeouts, Upstream
from tidegate.providers.auth import exchanges
from tidegate.providers.spec import AuthKind, ProviderSpec

CUSTOM = "custom"
PUBLIC = Egress()
SANDBOX_MODELS = ("echo", "fixed", "story", "tools", "reasoner", "json", "vision")
"""The names that `tidegate.sandbox` answers to in a way of their own (a test holds the two together)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "expect", "te"})
_LONGEST_WAIT = 3600
_MOST_CONCURRENT = 100_000
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,255}")
_AUTH: dict[str, AuthKind] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
"""Where servers of a dialect look for a key, if not in `Authorization`."""
_PATHS = ("/chat/completions", "/v1/messages", "/messages", "/completions", "/responses", "/embeddings", "/models")


class Upstreams:
    """Builds the rows. `own_port` is the port that Tidegate itself listens on: a provider there would be a loop. `guarded` are the entries
    that people edit over the control API: the environment's keys go to the addresses of their kinds only, and connections are guarded."""

    def __init__(
        self,
        kinds: Mapping[str, ProviderSpec],
        secrets: Secrets,
        problems: Problems,
        own_port: int,
        guarded: frozenset[str] = frozenset(),
        egress: Egress = PUBLIC,
    ) -> None:
        self._kinds = kinds
        self._secrets = secrets
        self._problems = problems
        self._own_port = own_port
        self._guarded = guarded
        self._egress = egress

    def all(self, entries: Mapping[str, ProviderEntry]) -> dict[str, Upstream]:
        found: dict[str, Upstream] = {}
        for name, entry in entries.items():
            upstream = self._entry(name, entry, ("providers", name))
            if upstream is not None:
                found[name] = upstream
        for name, spec in self._kinds.items():
            if name not in entries and name not in (CUSTOM, SANDBOX) and self._in_environment(spec):
                found[name] = self.of_kind(spec)
        found[SANDBOX] = self.of_kind(self._kinds[SANDBOX])
        return found

    def unconfigured(self, name: str) -> Upstream | None:
        """A known provider that nothing configures yet, for credentials of the database."""
        spec = self._kinds.get(name)
        return None if spec is None or name in (CUSTOM, SANDBOX) or not spec.base_url else self.of_kind(spec)

    def of_kind(self, spec: ProviderSpec) -> Upstream:
        """A provider that is not in the file: all that it has comes from the catalogue and the environment."""
        base_url = self._base_url_from_environment(spec) or spec.base_url
        secret = self._first(spec.env)
        needs = spec.auth != "none" and not spec.local and not spec.ambient
        parts, lacking = self._parts(spec, {}, base_url)
        return Upstream(
            name=spec.name,
            spec=spec,
            base_url=_filled(base_url, parts),
            auth=_auth(None, spec, secret),
            credential=Secret(secret) if secret else None,
            missing=spec.retired or (how_to_configure(spec) if needs and not secret else lacking),
            headers=tuple(spec.headers.items()),
            models=SANDBOX_MODELS if spec.name == SANDBOX else (),
            parts=parts,
        )

    def _parts(self, spec: ProviderSpec, settings: Mapping[str, str], base_url: str) -> tuple[dict[str, str], str | None]:
        """What stands for the names in the address and the paths, and what to do where one is not given."""
        parts: dict[str, str] = {}
        used = base_url + "".join(spec.paths.values()) + "".join(path for wire in spec.wires.values() for path in wire.paths.values())
        lacking: str | None = None
        for name, variables in spec.parts.items():
            value = settings.get(name, "").strip() or self._first(variables) or spec.part_defaults.get(name, "")
            if value:
                parts[name] = value
            elif f"{{{name}}}" in used:
                asked = " or ".join(f"`{variable}`" for variable in variables)
                lacking = lacking or f"set {asked} for {spec.title}, or `settings: {{{name}: …}}` in {self._problems.file}"
        return parts, lacking

    def _entry(self, name: str, entry: ProviderEntry, path: Path) -> Upstream | None:
        if not _NAME.fullmatch(name):
            self._problems.error(path, "a provider's name has letters, digits, `.`, `_` and `-` only, and at most 64 of them")
            return None
        spec = self._spec(name, entry, path)
        if spec is None:
            return None
        base_url = self._url(entry.base_url, (*path, "base_url"), spec) if entry.base_url is not None else None
        parts, lacking = self._settings(entry, spec, path, base_url)
        usual = _filled(spec.base_url, parts)
        other_origin = base_url is not None and _origin(base_url) != _origin(usual)
        guarded = name in self._guarded
        # No key and no identity of this machine goes where somebody says over the control API.
        elsewhere = guarded and (other_origin or bool(entry.settings))
        secret = None if elsewhere else self._secret(entry, spec, path, other_origin=other_origin)
        auth = _auth(entry.auth, spec, secret)
        missing = lacking
        if spec.retired and not other_origin:
            self._problems.warn(path, f"every call to it fails. {spec.retired}")
            missing = spec.retired
        elif (
            auth != "none" and secret is None and not spec.local and not (spec.ambient and auth == spec.auth) and not exchanges(auth, None)
        ):
            missing = how_to_configure(spec)
            if other_origin:
                variable = f"env:{spec.env[0]}" if spec.env else "env:NAME"
                missing = (
                    f"give `{name}` its own `api_key` in {self._problems.file} (its address is not {spec.title}'s; `api_key: {variable}`)"
                )
        if elsewhere and auth != "none" and (not spec.local or exchanges(auth, None)):
            missing = f"store its credential with `tidegate credentials create {name}`"
        url = base_url or _filled(self._base_url_from_environment(spec) or spec.base_url, parts)
        return Upstream(
            name=name,
            spec=spec,
            base_url=url,
            auth=auth,
            credential=Secret(secret) if secret else None,
            missing=missing,
            headers=self._headers(spec, entry, path),
            proxy=self._proxy(entry, path),
            ca_file=self._ca_file(entry, path),
            timeouts=self._timeouts(entry, path),
            models=tuple(entry.models),
            parts=parts,
            concurrency=self._concurrency(entry, path),
            drains=entry.on_disconnect == "drain",
            egress=self._guard(url, path) if guarded and (base_url is not None or entry.settings) else None,
        )

    def _settings(self, entry: ProviderEntry, spec: ProviderSpec, path: Path, base_url: str | None) -> tuple[dict[str, str], str | None]:
        for name, value in entry.settings.items():
            where = (*path, "settings", name)
            if name not in spec.parts:
                known = ", ".join(f"`{part}`" for part in spec.parts) or "none"
                self._problems.error(
                    where, f"`{name}` is not a setting of {spec.title}.{did_you_mean(name, spec.parts)} There are: {known}."
                )
            elif not _PART.fullmatch(value):
                self._problems.error(where, "a setting has letters, digits, `.`, `_`, `:`, `/` and `-` only")
        return self._parts(spec, entry.settings, base_url if base_url is not None else spec.base_url)

    def _guard(self, url: str, path: Path) -> Egress:
        try:
            place_of(url, self._egress)
        except Refused as refused:
            self._problems.error((*path, "base_url"), str(refused))
        return self._egress

    def _spec(self, name: str, entry: ProviderEntry, path: Path) -> ProviderSpec | None:
        if SANDBOX in (name, entry.kind):
            self._problems.error(path, "the sandbox is built in and needs no entry: remove this one")
            return None
        kind = entry.kind or name
        if kind == CUSTOM:
            return self._custom(name, entry, path)
        spec = self._kinds.get(kind)
        if spec is None:
            where = (*path, "kind") if entry.kind else path
            hint = did_you_mean(kind, (known for known in self._kinds if known != SANDBOX))
            self._problems.error(
                where,
                f"`{kind}` is not a known kind of provider.{hint} For any other server write `kind: custom` with `dialect` and `base_url`.",
            )
            return None
        if entry.also:
            self._problems.error((*path, "also"), f"what `{kind}` speaks is known: remove this line, or write `kind: custom`")
        if entry.dialect is not None and entry.dialect != spec.dialect:
            self._problems.error((*path, "dialect"), f"`{kind}` speaks `{spec.dialect}`: remove this line, or write `kind: custom`")
        return spec

    def _custom(self, name: str, entry: ProviderEntry, path: Path) -> ProviderSpec | None:
        if entry.base_url is None:
            self._problems.error(path, "a `custom` provider needs `base_url`, like `http://10.0.0.5:8000/v1`")
        if entry.dialect is None:
            self._problems.error(path, "a `custom` provider needs `dialect`: `openai_chat`, `openai_responses`, `anthropic` or `gemini`")
        if entry.base_url is None or entry.dialect is None:
            return None
        auth = _AUTH.get(entry.dialect, "bearer")
        row = self._kinds.get(CUSTOM) or ProviderSpec(name=CUSTOM, title=CUSTOM, dialect=entry.dialect, base_url="", auth=auth)
        # Two custom servers are two providers: neither replays what the other signed, and neither has a catalogue.
        also = tuple(dialect for dialect in entry.also if dialect != entry.dialect)
        own = f"{CUSTOM}:{name}" if name in self._kinds else name
        return msgspec.structs.replace(
            row, name=own, title=name, dialect=entry.dialect, also=also, base_url="", auth=auth, env=(), local=True
        )

    def _secret(self, entry: ProviderEntry, spec: ProviderSpec, path: Path, *, other_origin: bool) -> str | None:
        if entry.api_key is not None:
            return self._secrets.resolve(entry.api_key, (*path, "api_key"), self._problems)
        if entry.auth == "none":
            return None
        secret = self._first(spec.env)
        if secret is not None and other_origin:
            variable = next(name for name in spec.env if self._secrets.environ.get(name))
            self._problems.warn(
                (*path, "base_url"),
                f"{variable} of the environment goes to this address, which is not {spec.title}'s own: "
                f"write `api_key: env:{variable}` to say that it should, or give the entry a key of its own",
            )
        return secret

    def _timeouts(self, entry: ProviderEntry, path: Path) -> Timeouts:
        chosen = {name: seconds for name, seconds in msgspec.structs.asdict(entry.timeouts).items() if seconds is not None}
        for name, seconds in chosen.items():
            if not 0 < seconds <= _LONGEST_WAIT:
                self._problems.error((*path, "timeouts", name), f"a wait is a number of seconds above 0 and up to {_LONGEST_WAIT}")
        return msgspec.structs.replace(Timeouts(), **chosen)

    def _concurrency(self, entry: ProviderEntry, path: Path) -> Concurrency | None:
        if entry.max_concurrent is None:
            return None
        if entry.max_concurrent == "auto":
            return Concurrency(MOST_FOUND, adapts=True)
        if not 1 <= entry.max_concurrent <= _MOST_CONCURRENT:
            self._problems.error((*path, "max_concurrent"), f"this is `auto`, or a number of calls from 1 to {_MOST_CONCURRENT}")
        return Concurrency(entry.max_concurrent)

    def _url(self, text: str, path: Path, spec: ProviderSpec) -> str | None:
        wrong = _url_flaw(text)
        if wrong is not None:
            self._problems.error(path, wrong)
            return None
        url = _trimmed(text, spec)
        for end in _PATHS:
            if url.endswith(end):
                self._problems.error(path, f"the address ends before `{end}`, which Tidegate appends: write `{url.removesuffix(end)}`")
                return None
        if self._is_own(url):
            self._problems.error(path, "this is the address of Tidegate itself: calls would go round in circles")
            return None
        return url

    def _is_own(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.port == self._own_port and _is_this_machine(parts.hostname or "")

    def _base_url_from_environment(self, spec: ProviderSpec) -> str | None:
        for variable in spec.base_url_env:
            text = _trimmed(self._secrets.environ.get(variable, "").strip(), spec)
            if not text:
                continue
            wrong = _url_flaw(text)
            if wrong is None and not self._is_own(text):
                return text
            reason = wrong or "it is the address of Tidegate itself"
            self._problems.warn((), f"the environment variable `{variable}` is ignored: {reason}")
        return None

    def _in_environment(self, spec: ProviderSpec) -> bool:
        if spec.local or spec.auth == "none":
            return self._base_url_from_environment(spec) is not None
        return self._first(spec.env) is not None or self._first(spec.ambient) is not None

    def _first(self, variables: tuple[str, ...]) -> str | None:
        return next((value for name in variables if (value := self._secrets.environ.get(name, "").strip())), None)

    def _headers(self, spec: ProviderSpec, entry: ProviderEntry, path: Path) -> tuple[tuple[str, str], ...]:
        headers = {name.lower(): value for name, value in spec.headers.items()}
        for name, text in entry.headers.items():
            where = (*path, "headers", name)
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
                self._problems.error(where, f"`{name}` cannot be set: it is not a header's name, or Tidegate sets it itself")
                continue
            value = self._secrets.resolve(text, where, self._problems, spaces=True) if is_reference(text) else text
            if value is None:
                continue
            if not value.isascii() or not value.isprintable():
                self._problems.error(where, "a header's value is printable ASCII")
                continue
            headers[name.lower()] = value
        return tuple(headers.items())

    def _proxy(self, entry: ProviderEntry, path: Path) -> str | None:
        if entry.proxy is None:
            return None
        where = (*path, "proxy")
        text = self._secrets.resolve(entry.proxy, where, self._problems) if is_reference(entry.proxy) else entry.proxy
        wrong = _url_flaw(text, userinfo=True) if text is not None else None
        if wrong is not None:
            self._problems.error(where, wrong)
        return text

    def _ca_file(self, entry: ProviderEntry, path: Path) -> str | None:
        if entry.ca_file is None:
            return None
        file = self._secrets.path(entry.ca_file)
        self._secrets.files.append(file)
        if not file.is_file():
            self._problems.error((*path, "ca_file"), f"there is no file `{entry.ca_file}`")
        return str(file)


def _is_this_machine(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def _auth(wanted: AuthKind | None, spec: ProviderSpec, secret: str | None) -> AuthKind:
    if wanted is not None:
        return wanted
    if secret is None:
        return "none" if spec.local else spec.auth
    if spec.auth == "none":
        return _AUTH.get(spec.dialect, "bearer")
    return spec.auth


def _trimmed(url: str, spec: ProviderSpec) -> str:
    """Without the last slash, and without the `/v1` that Anthropic's paths begin with and other addresses end with."""
    url = url.rstrip("/")
    return url.removesuffix("/v1") if spec.dialect == "anthropic" else url


def _filled(url: str, parts: Mapping[str, str]) -> str:
    """An address with its parts in place. One that lacks a part is never called."""
    for name, value in parts.items():
        url = url.replace(f"{{{name}}}", value)
    return url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _url_flaw(text: str, *, userinfo: bool = False) -> str | None:
    """What is wrong with an address, in words that end with the fix; None if nothing is."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "this is not an address: write it like `https://host:port/path`"
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or not text.isprintable() or " " in text:
        return f"this is not an address: write it like `https://host/path`{_scheme_hint(text, parts)}"
    if parts.query or parts.fragment:
        return "an address has no `?` and no `#` here"
    if not userinfo and "@" in parts.netloc:
        return "an address carries no user name or password here: use `api_key` or `headers`"
    return None


def _scheme_hint(text: str, parts: SplitResult) -> str:
    bare = "://" not in text and " " not in text and (parts.scheme or parts.path)
    return f" (did you mean `http://{text}`?)" if bare else ""
