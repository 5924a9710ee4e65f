"""Prices: those that the database defines are made and edited here, version by version; those of a gateway's own file are shown.

An edit never changes what was charged: a row of the ledger names the version that priced it and the revision that this had.
"""

from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.configured import configuration
from tidegate.control.api.fields import Text, in_reach, microseconds, moment_or_none
from tidegate.control.api.pagination import Listing
from tidegate.control.api.problem import FieldError, conflict, invalid, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.config import PriceEntry
from tidegate.control.entries import plain, told
from tidegate.control.kept import PLACE
from tidegate.control.prices import Prices, flaw_of_name
from tidegate.control.problems import Problems, shown
from tidegate.records import StoredPrice, StoredProvider

Amounts = Annotated[dict[str, Any], Meta(description="Dollars by kind of usage, as under `prices` in tidegate.yaml, without `from`.")]
Priced = Annotated[
    str, Meta(min_length=3, max_length=300, pattern=forms.SOME_LINE, description="`provider/model`, or all that begin so: `lab/*`.")
]


class PriceView(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """It holds from the day `from` on (of UTC; null: always) until the next version of its name. `read_at` says where it was read.
    Only those of the source `database` have an `id` and can be edited here."""

    id: str | None
    name: str
    source: Literal["file", "database"]
    from_: date | None
    entry: dict[str, Any]
    read_at: str
    created_at: datetime | None
    updated_at: datetime | None
    revision: int


class NewPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    name: Priced
    from_: date | None = None
    entry: Amounts
    read_at: Text = ""


class PriceEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Amounts that take the place of the present ones, whole."""

    entry: Amounts
    read_at: Text | None = None


async def list_prices(call: Call, _asked: Nothing) -> Listing[PriceView]:
    of_file = configuration(call).current.config.prices
    shown_first = [_of_file(name, entry) for name, versions in of_file.items() for entry in versions]
    rows = sorted(await call.all(StoredPrice), key=lambda row: (row.name, row.valid_from))
    return Listing(items=shown_first + [_view(row) for row in rows if row.name not in of_file])


async def get_price(call: Call, _asked: Nothing) -> PriceView:
    return _view(await call.load(StoredPrice, call.params["price"]))


async def create_price(call: Call, asked: NewPrice) -> PriceView:
    live = configuration(call).current
    if asked.name in live.config.prices:
        raise conflict(f"`{asked.name}` has its prices in the gateway's own file, which goes before the database: change them there.")
    stored = [row.name for row in await call.all(StoredProvider)]
    providers = list(dict.fromkeys((*live.snapshot.upstreams, *live.snapshot.known, *stored)))
    flaw = flaw_of_name(asked.name, providers)
    if flaw is not None:
        raise invalid_field("name", flaw)
    provider, _, model = asked.name.partition("/")
    row = StoredPrice(
        id=call.new_id("price"),
        provider=provider,
        model=model,
        valid_from=0 if asked.from_ is None else day("from", asked.from_),
        price=asked.entry,
        source=asked.read_at,
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    row = msgspec.structs.replace(row, price=price_entry(row))
    await call.change.add(row)
    return _view(row)


async def edit_price(call: Call, asked: PriceEdit) -> PriceView:
    row = await call.load(StoredPrice, call.params["price"])
    call.check_revision(row.revision)
    row = msgspec.structs.replace(row, price=asked.entry, source=row.source if asked.read_at is None else asked.read_at)
    return _view(await call.change.replace(msgspec.structs.replace(row, price=price_entry(row)), "price.update"))


async def delete_price(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await call.load(StoredPrice, call.params["price"]))


def price_entry(row: StoredPrice) -> dict[str, Any]:
    """The amounts as they are kept. Raises `Problem`."""
    problems, place = Problems(PLACE), ("prices", row.name)
    entry = Prices(problems).entry_of(row, place)
    if entry is None:
        raise invalid(*(FieldError("entry" + flaw.where.removeprefix(shown(place)), flaw.message) for flaw in problems.errors))
    return plain(entry)


def day(field: str, at: date) -> int:
    """Microseconds of its first moment in UTC. Raises `Problem`."""
    return microseconds(in_reach(field, datetime(at.year, at.month, at.day, tzinfo=UTC)))


def _view(row: StoredPrice) -> PriceView:
    begins = moment_or_none(row.valid_from or None)
    return PriceView(
        id=row.id,
        name=row.name,
        source="database",
        from_=None if begins is None else begins.date(),
        entry=row.price,
        read_at=row.source,
        created_at=moment_or_none(row.created_at),
        updated_at=moment_or_none(row.updated_at),
        revision=row.revision,
    )


def _of_file(name: str, entry: PriceEntry) -> PriceView:
    return PriceView(
        id=None,
        name=name,
        source="file",
        from_=None if entry.from_ is None else date.fromisoformat(entry.from_),
        entry={field: value for field, value in told(entry).items() if field != "from"},
        read_at="",
        created_at=None,
        updated_at=None,
        revision=0,
    )


ROUTES = (
    Route(
        method="GET",
        path="/prices",
        name="list_prices",
        permission="prices:read",
        where=where.gateway,
        answer=Listing[PriceView],
        handler=list_prices,
        summary="All prices in one page: of the gateway's own file, which are read only, and of the database.",
    ),
    Route(
        method="POST",
        path="/prices",
        name="create_price",
        permission="prices:create",
        where=where.gateway,
        asked=NewPrice,
        answer=PriceView,
        status=HTTPStatus.CREATED,
        handler=create_price,
        summary="Make a version of a price: what it is from a day on.",
    ),
    Route(
        method="GET",
        path="/prices/{price}",
        name="get_price",
        permission="prices:read",
        where=where.gateway,
        answer=PriceView,
        handler=get_price,
        summary="A price of the database.",
    ),
    Route(
        method="PATCH",
        path="/prices/{price}",
        name="edit_price",
        permission="prices:edit",
        where=where.gateway,
        asked=PriceEdit,
        answer=PriceView,
        handler=edit_price,
        summary="Give a price of the database other amounts.",
    ),
    Route(
        method="DELETE",
        path="/prices/{price}",
        name="delete_price",
        permission="prices:delete",
        where=where.gateway,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_price,
        summary="Delete a price of the database.",
    ),
)
