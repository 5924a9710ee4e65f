"""`tidegate check`: validates a configuration and tells what would be served."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tidegate.cli.options import ConfigPath, Home, complain, complain_of, load, say, table
from tidegate.control.load import Loaded
from tidegate.control.problems import ConfigError
from tidegate.policy.models import Models
from tidegate.policy.route import SANDBOX, TRY
from tidegate.policy.snapshot import Key, Route, Snapshot, Upstream

File = Annotated[Path | None, Parameter(help="The file to check; else the one that `serve` would read.")]


def check(file: File = None, /, *, config: ConfigPath = None, home: Home = None) -> int:
    """See `texts.CHECK`."""
    try:
        loaded = load(file or config, home)
    except ConfigError as error:
        code = complain_of(error)
        complain(f"{len(error.problems)} {'error' if len(error.problems) == 1 else 'errors'}: nothing would be served")
        return code
    for problem in loaded.warnings:
        complain(f"warning: {problem}")
    _tell(loaded)
    return 0


def _tell(loaded: Loaded) -> None:
    snapshot = loaded.snapshot
    named = f"{loaded.config_file} is valid" if loaded.config_file else "no tidegate.yaml: everything comes from the environment"
    say(f"{named}\n\nproviders")
    models = Models(snapshot)
    table([_provider(upstream, models, loaded) for upstream in snapshot.upstreams.values()])
    if all(upstream.missing or name == SANDBOX for name, upstream in snapshot.upstreams.items()):
        say(f"  No provider has a key yet: only `{SANDBOX}/…` models answer. Set one of the variables below, or try `{TRY}`.")
        say("  " + ", ".join(spec.env[0] for spec in snapshot.known.values() if spec.env and not spec.local))
    routes = [*snapshot.routes.values(), *snapshot.prefix_routes]
    say("\nroutes" if routes else "\nroutes: none; `provider/model` and the names of known models work without")
    if routes:
        table([_route(route, snapshot) for route in routes])
    keys = [*snapshot.keys_by_id.values(), *snapshot.keys_by_digest.values()]
    say("\nkeys" if keys else "\nkeys: none yet; the first start makes one")
    if keys:
        table([_key(key) for key in keys])
    if snapshot.prices:
        say(f"\nprices of your own: {', '.join(snapshot.prices)}")
    server = snapshot.server
    bodies = "written to usage.jsonl" if server.bodies_in_log else "in no log"
    say(f"\nserver: bodies up to {server.body_limit:,} bytes, {bodies}; CORS: {', '.join(server.cors) or 'none'}")


def _provider(upstream: Upstream, models: Models, loaded: Loaded) -> tuple[str, ...]:
    if upstream.name == SANDBOX:
        state = "built in"
    elif upstream.missing:
        state = f"NO KEY: {upstream.missing}"
    else:
        state = "key found" if upstream.credential is not None else "needs no key"
    source = "file" if upstream.name in loaded.config.providers else "environment"
    kind = upstream.spec.title if upstream.spec.title != upstream.name else "custom"
    count = len(models.listed(upstream))
    where = "" if upstream.name == SANDBOX else f"from the {source}"
    return f"  {upstream.name}", kind, upstream.spec.dialect, upstream.base_url or "-", f"{count} models", state, where


def _route(route: Route, snapshot: Snapshot) -> tuple[str, ...]:
    shown = [f"{provider}/{model}" + (" (no key)" if snapshot.upstreams[provider].missing else "") for provider, model in route.targets]
    extra = ["callers bring keys"] if route.caller_keys else []
    extra += ["refuses losses"] if route.on_loss == "refuse" else []
    extra += [f"defaults: {', '.join(route.defaults)}"] if route.defaults else []
    return f"  {route.name}", " -> ".join(shown), "; ".join(extra)


def _key(key: Key) -> tuple[str, ...]:
    return f"  {key.name}", key.id, ", ".join(key.models) or "all models"
