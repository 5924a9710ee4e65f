"""A configuration, an environment, the catalogue and the stored keys become one immutable `Snapshot`, or every reason why not.

Pure but for the secret files that the configuration names. Called by `load`, and by tests with values.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tidegate.control.accounts import Accounts
from tidegate.control.callers import check_patterns, compile_keys
from tidegate.control.config import Config, OverloadEntry, RetentionEntry, ServerEntry
from tidegate.control.egress import read_egress
from tidegate.control.kept import merged, of_database
from tidegate.control.limits import Limits
from tidegate.control.model_rows import model_rows
from tidegate.control.prices import Prices
from tidegate.control.problems import Problems
from tidegate.control.routes import Routes
from tidegate.control.secrets import Secrets
from tidegate.control.tellers import read_billing, read_webhooks, stored_webhooks
from tidegate.control.upstreams import Upstreams
from tidegate.control.vault import Vault
from tidegate.ir.errors import GatewayError
from tidegate.policy.bounds import flaw_of_address
from tidegate.policy.keys import StoredKeys
from tidegate.policy.near import did_you_mean
from tidegate.policy.overload.rules import Overload
from tidegate.policy.route import SANDBOX, Planner
from tidegate.policy.snapshot import Key, Route, ServerSettings, Snapshot, Upstream
from tidegate.providers.catalog import Catalog
from tidegate.providers.lists import ProviderList, source_of
from tidegate.providers.spec import ProviderSpec
from tidegate.records import Kept

NOTHING_KEPT = Kept()
NO_LISTS: Mapping[str, ProviderList] = {}

_SIZE = re.compile(r"(\d{1,15})\s*(B|[KMG]i?B?)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_SMALLEST, _LARGEST = 1 << 10, 1 << 30
_MOST_DAYS = 3650
_WITH_FILES = ("openai_chat", "anthropic")
"""Dialects that have files."""
_LONGEST_QUEUE, _MOST_QUEUED, _LEAST_MEMORY = 60, 100_000, 128 << 20
_FEWEST_USAGE_DAYS, _MOST_USAGE_DAYS = 35, 36_500
"""Invoices are made of the month before."""
_FOR_INVOICES = 62
"""Days: a month to be billed, and one to bill it in."""

SANDBOX_SPEC = ProviderSpec(name=SANDBOX, title="Sandbox", dialect="openai_chat", base_url="http://sandbox.invalid/v1", auth="none")
"""Where the catalogue has no row of its own for it."""


def compile_snapshot(
    config: Config,
    *,
    catalogue: Catalog,
    stored: StoredKeys,
    secrets: Secrets,
    problems: Problems,
    generation: int,
    own_port: int = 0,
    kept: Kept = NOTHING_KEPT,
    vault: Vault | None = None,
    lists: Mapping[str, ProviderList] = NO_LISTS,
) -> Snapshot:
    """Raises `ConfigError` with all errors; warnings stay in `problems`. `kept` is what the database defines, which `vault` opens;
    `lists` are what the providers said last of their models."""
    kinds = {SANDBOX: SANDBOX_SPEC, **catalogue.providers}
    guarded = of_database(config, kept)
    config = merged(config, kept, problems)
    egress = read_egress(config.egress_allow, problems)
    builder = Upstreams(kinds, secrets, problems, own_port, guarded, egress)
    upstreams = builder.all(config.providers)
    broken = frozenset(config.providers) - frozenset(upstreams)
    own = Accounts(vault, builder.unconfigured, problems).add(kept, upstreams)

    def kinds_with(name: str) -> list[str]:
        return [kind for kind in catalogue.models if catalogue.find_model(kind, name) is not None]

    routes = Routes(upstreams, kinds, builder, kinds_with, problems).all(config.routes, broken)
    by_id, by_digest = compile_keys(config.keys, stored, secrets, problems)
    server = _server(config.server, upstreams, problems)
    snapshot = Snapshot(
        generation=generation,
        upstreams=upstreams,
        known=kinds,
        models=catalogue.models,
        routes={route.name: route for route in routes if not route.name.endswith("/*")},
        prefix_routes=tuple(sorted((route for route in routes if route.name.endswith("/*")), key=_longest_first)),
        keys_by_id=by_id,
        keys_by_digest=by_digest,
        pepper=stored.pepper,
        server=server,
        overload=_overload(config.overload, problems),
        limits=Limits(problems).by_scope(config.limits, config.routes),
        billing=read_billing(config.billing, secrets, problems),
        webhooks=read_webhooks(config.webhooks, secrets, egress, problems) + stored_webhooks(kept.webhooks, stored.pepper),
        usage_days=_usage_days(config.retention, problems),
        prices=Prices(problems).all(config.prices, list({**upstreams, **kinds}), kept.prices),
        own_models=model_rows(config.models, list({**upstreams, **kinds}), problems),
        reads_lists=config.catalog.model_lists,
        lists=usable_lists(lists, upstreams, catalogue) if config.catalog.model_lists else {},
        own=own,
        egress=egress,
    )
    problems.check()
    _check_keys(config, snapshot, problems)
    problems.check()
    return snapshot


def usable_lists(lists: Mapping[str, ProviderList], upstreams: Mapping[str, Upstream], catalogue: Catalog) -> dict[str, ProviderList]:
    """Those that were read where their providers are now."""
    found: dict[str, ProviderList] = {}
    for name, read in lists.items():
        upstream = upstreams.get(name)
        if upstream is not None and read.source == source_of(upstream.spec, catalogue.shapes, upstream.base_url, upstream.parts):
            found[name] = read
    return found


def _check_keys(config: Config, snapshot: Snapshot, problems: Problems) -> None:
    planner = Planner(snapshot)
    nobody = Key(id="", name="", digest=b"")

    def is_known(name: str) -> bool:
        try:
            planner.plan(nobody, name)
        except GatewayError as error:
            return error.error.code == "provider_not_configured"
        return True

    if any(entry.models for entry in config.keys):
        check_patterns(config.keys, is_known, [model.name for model in planner.models()], problems)


def _longest_first(route: Route) -> int:
    return -len(route.name)


def _usage_days(entry: RetentionEntry, problems: Problems) -> int:
    if not (entry.usage_days == 0 or _FEWEST_USAGE_DAYS <= entry.usage_days <= _MOST_USAGE_DAYS):
        problems.error(
            ("retention", "usage_days"), f"usage is kept for {_FEWEST_USAGE_DAYS} to {_MOST_USAGE_DAYS} days, or for ever, which is `0`"
        )
    elif 0 < entry.usage_days < _FOR_INVOICES:
        problems.warn(
            ("retention", "usage_days"),
            "invoices of customers that are end users, or have another time zone than UTC, must be final before the first days of their "
            f"month are deleted: {_FOR_INVOICES} days leave a month to do so",
        )
    return entry.usage_days


def _overload(entry: OverloadEntry, problems: Problems) -> Overload:
    if not 0 <= entry.queue_seconds <= _LONGEST_QUEUE:
        problems.error(("overload", "queue_seconds"), f"a call waits for 0 to {_LONGEST_QUEUE} seconds")
    if not 1 <= entry.queue_length <= _MOST_QUEUED:
        problems.error(("overload", "queue_length"), f"1 to {_MOST_QUEUED} calls wait for one thing")
    memory = None
    if entry.memory is not None:
        memory = _size(entry.memory)
        if memory is None or memory < _LEAST_MEMORY:
            problems.error(("overload", "memory"), "this is a whole number with a unit, like `2GiB`, and not below `128MiB`")
    return Overload(wait=float(entry.queue_seconds), most=entry.queue_length, memory=memory)


def _server(entry: ServerEntry, upstreams: Mapping[str, Upstream], problems: Problems) -> ServerSettings:
    for index, origin in enumerate(entry.cors):
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.fragment):
            problems.error(
                ("server", "cors", index), "an origin is `https://host` or `http://host:port`, without a path; or `*` for every page"
            )
    for index, network in enumerate(entry.trusted_proxies):
        if flaw_of_address(network):
            problems.error(("server", "trusted_proxies", index), "this is no address and no network, like `10.0.0.5` or `10.0.0.0/8`")
    return ServerSettings(
        cors=tuple(origin.lower() for origin in entry.cors),
        body_limit=_bytes("body_limit", entry.body_limit, problems),
        upload_limit=_bytes("upload_limit", entry.upload_limit, problems),
        bodies_in_log=entry.bodies_in_log,
        keep_responses_days=_days(entry.keep_responses_days, problems),
        keep_nothing_for=frozenset(entry.keep_nothing_for),
        files_at=_files_at(entry.files_at, upstreams, problems),
        outside_ids=entry.outside_ids,
        trusted_proxies=tuple(entry.trusted_proxies),
    )


def _files_at(names: list[str], upstreams: Mapping[str, Upstream], problems: Problems) -> tuple[str, ...]:
    for index, name in enumerate(names):
        upstream = upstreams.get(name)
        if upstream is None:
            problems.error(("server", "files_at", index), f"there is no provider `{name}`{did_you_mean(name, upstreams)}")
        elif upstream.spec.dialect not in _WITH_FILES:
            problems.error(
                ("server", "files_at", index), f"uploads can go to providers of {' and '.join(_WITH_FILES)}, and `{name}` is none"
            )
    return tuple(name for name in names if name in upstreams)


def _bytes(name: str, value: int | str, problems: Problems) -> int:
    size = _size(value)
    where = ("server", name)
    if size is None:
        problems.error(where, "a size is a whole number with a unit, like `32MiB`, `500kB` or `1GiB`")
        return _LARGEST
    if not _SMALLEST <= size <= _LARGEST:
        problems.error(where, "a body's limit lies between 1KiB and 1GiB")
    return size


def _size(value: int | str) -> int | None:
    """In bytes; None where it is no size."""
    found = _SIZE.fullmatch(str(value).strip())
    if found is None:
        return None
    unit = (found.group(2) or "").lower()
    return int(found.group(1)) * _UNITS[unit if unit == "b" else unit.removesuffix("b")]


def _days(days: int, problems: Problems) -> int:
    if not 0 <= days <= _MOST_DAYS:
        problems.error(("server", "keep_responses_days"), f"this is a number of days from 0 (nothing is kept) to {_MOST_DAYS}")
    return days
