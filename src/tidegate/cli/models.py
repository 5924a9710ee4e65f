"""`tidegate models`: the names that a caller may use, as `GET /v1/models` tells them, with limits and prices."""

import time
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tidegate.cli.options import ConfigPath, Home, complain, complain_of, load, say, table
from tidegate.control.problems import ConfigError
from tidegate.policy.price import version_at
from tidegate.policy.route import Planner, PublicModel

Part = Annotated[str, Parameter(help="Only names that contain this.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON object per line.")]

_NANO = 1_000_000_000


OnlyFree = Annotated[bool, Parameter(name="--free", negative=(), help="Only models with a free tier.")]


def models(part: Part = "", /, *, free: OnlyFree = False, json: AsJson = False, config: ConfigPath = None, home: Home = None) -> int:
    """See `texts.MODELS`."""
    try:
        shown = Planner(load(config, home, lists=True).snapshot).models()
    except ConfigError as error:
        return complain_of(error)
    shown = [model for model in shown if part.lower() in model.name.lower() and (model.target.free is not None or not free)]
    if json:
        for model in shown:
            say(msgspec.json.encode(_object(model)).decode())
    elif shown and free:
        table([("MODEL", "REQUESTS/MIN", "REQUESTS/DAY", "TOKENS/MIN", "TOKENS/DAY", "READ ON"), *(_free_row(model) for model in shown)])
    elif shown:
        table([("MODEL", "TARGET", "CONTEXT", "INPUT $/M", "OUTPUT $/M", "FROM", "READ ON"), *(_row(model) for model in shown)])
    else:
        complain("No model." if not part else f"No model has `{part}` in its name.")
    return 0


def _row(model: PublicModel) -> tuple[str, ...]:
    context = model.target.profile.capabilities.context
    price = version_at(model.target.price, time.time())
    return (
        model.name,
        model.target.name,
        f"{context:,}" if context is not None else "-",
        _dollars(price.input if price is not None else None),
        _dollars(price.output if price is not None else None),
        model.target.origin,
        model.target.date or "-",
    )


def _free_row(model: PublicModel) -> tuple[str, ...]:
    tier = model.target.free
    if tier is None:
        return (model.name,)
    limits = (f"{limit:,}" if limit is not None else "-" for limit in (tier.rpm, tier.rpd, tier.tpm, tier.tpd))
    return (model.name, *limits, tier.date)


def _dollars(nano: int | None) -> str:
    return "-" if nano is None else f"{nano / _NANO:.4f}".rstrip("0").rstrip(".")


def _object(model: PublicModel) -> dict[str, object]:
    target = model.target
    return {
        "name": model.name,
        "target": target.name,
        "dialect": target.upstream.spec.dialect,
        "capabilities": target.profile.capabilities,
        "price": target.price,
        "free": target.free,
        "deprecated": target.deprecated,
        "origin": target.origin,
        "source": target.source,
        "date": target.date,
        "listed": target.listed,
    }
