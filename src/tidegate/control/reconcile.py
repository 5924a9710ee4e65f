"""A provider's own export of usage or cost, read, and laid beside the ledger by day of UTC and model. Pure; `cli.reconcile` reads the file.

Known exports, each a file as the provider gives it or a list of pages of its API: OpenAI's usage of completions and costs
(https://platform.openai.com/docs/api-reference/usage, as JSON or as the CSV of the dashboard), Anthropic's usage report and cost report
(https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-messages-usage-report, as JSON or as the CSV of the console).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, cast

import msgspec

from tidegate.usage_report import UsageReport

_NANO = 1_000_000_000
_CENT = 10_000_000
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_MOST = Decimal(10) ** 15
_DAY_COLUMNS = ("start_time", "start_time_iso", "starting_at", "usage_date_utc", "date")
_END_COLUMNS = ("end_time", "end_time_iso", "ending_at")
_MODEL_COLUMNS = ("model", "model_version", "line_item")
_INPUT = ("input_tokens", "uncached_input_tokens", "usage_input_tokens_no_cache")
_CACHED = (
    *("cache_read_input_tokens", "usage_input_tokens_cache_read"),
    *("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h"),
    *("cache_creation_5m_input_tokens", "cache_creation_1h_input_tokens"),
)
_OUTPUT = ("output_tokens", "usage_output_tokens")
_DOLLARS = ("amount_value", "cost_usd")
_SNAPSHOT = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|\d{4})$")
"""What an alias is called where it is resolved: `gpt-4o-2024-08-06`, `gpt-4-0613`, `claude-opus-4-5-20251101`, on Vertex with `@`."""
_SPLIT = re.compile(r"[-._@\s]+")


class NoExport(ValueError):
    """The file is none of the known exports; the message says what is wrong with it."""


class Amounts(msgspec.Struct, kw_only=True):
    """`input` is the whole prompt, cached or not. `cost_nano` is in nano-dollars. None where the export does not tell it."""

    input: int | None = None
    output: int | None = None
    cost_nano: int | None = None


Key = tuple[str, str]
"""(day of UTC, model); the model is empty where the export is not by model."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider told and what the ledger has. A difference is the provider's less the ledger's."""

    day: str
    model: str
    theirs: Amounts
    ours: Amounts
    input: int | None
    output: int | None
    cost_nano: int | None

    @property
    def same(self) -> bool:
        return not (self.input or self.output or self.cost_nano)


def read_export(text: str) -> dict[Key, Amounts]:
    """Raises `NoExport`."""
    found: dict[Key, Amounts] = {}
    rows = _json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)
    try:
        for place, row in rows:
            try:
                _add(found, row)
            except NoExport as error:
                raise NoExport(f"{place}: {error}") from None
    except csv.Error as error:
        raise NoExport(f"the file is not CSV: {error}") from None
    if not found:
        raise NoExport("the export has no rows")
    return found


def compare(theirs: Mapping[Key, Amounts], report: UsageReport) -> list[Difference]:
    """By day and model, of `report` (by model, in days of UTC). Only the days that the export has; where it is not by model, the ledger's
    models are added up. A model that one side calls otherwise than the other is one (`_names`)."""
    days = {day for day, _ in theirs}
    names = _names({model for _, model in theirs if model}, {row.group["model"] for row in report.rows if row.figures.attempts})
    theirs = _renamed(theirs, names)
    by_model = any(model for _, model in theirs)
    ours: dict[Key, Amounts] = {}
    for row in report.rows:
        day = datetime.fromtimestamp(row.start or 0, UTC).date().isoformat()
        if day in days and row.figures.attempts:
            model = row.group["model"]
            into = ours.setdefault((day, names.get(model, model) if by_model else ""), Amounts(input=0, output=0, cost_nano=0))
            tokens = row.figures.tokens
            into.input = (into.input or 0) + tokens.input + tokens.cache_read + tokens.cache_write
            into.output = (into.output or 0) + tokens.output
            into.cost_nano = (into.cost_nano or 0) + row.figures.cost_nano
    keys = sorted({*theirs, *ours})
    return [_difference(key, theirs.get(key), ours.get(key), _told(theirs)) for key in keys]


def _names(theirs: set[str], ours: set[str]) -> dict[str, str]:
    """What models are compared as, where that is not their name. Clients ask for `gpt-4o` and the provider's export has the snapshot that
    this was (`gpt-4o-2024-08-06`), or what people call it (Anthropic's costs: `Claude Opus 4.5`). Snapshots alone stay apart."""
    families: dict[tuple[str, ...], set[str]] = {}
    for name in theirs | ours:
        families.setdefault(_family(name), set()).add(name)
    found: dict[str, str] = {}
    for family in families.values():
        aliases = sorted((name for name in family if _SNAPSHOT.search(name) is None), key=lambda name: (name not in ours, name))
        if aliases:
            found |= dict.fromkeys(family, aliases[0])
    return found


def _family(name: str) -> tuple[str, ...]:
    """Its words without a snapshot's date, in no order, and its version's figures: `claude-3-5-haiku` is Claude Haiku 3.5, `gpt-4.5` is not
    `gpt-5.4`."""
    words = [word for word in _SPLIT.split(_SNAPSHOT.sub("", name).casefold()) if word != "latest"]
    return (*sorted(word for word in words if not word.isdigit()), *(word for word in words if word.isdigit()))


def _renamed(theirs: Mapping[Key, Amounts], names: Mapping[str, str]) -> dict[Key, Amounts]:
    found: dict[Key, Amounts] = {}
    for (day, model), amounts in theirs.items():
        into = found.setdefault((day, names.get(model, model)), Amounts())
        for kind in Amounts.__struct_fields__:
            value = getattr(amounts, kind)
            if value is not None:
                setattr(into, kind, (getattr(into, kind) or 0) + value)
    return found


def _told(theirs: Mapping[Key, Amounts]) -> Amounts:
    """What the export tells at all, as zeros: a day without a row is a day without usage."""
    kinds = {name for found in theirs.values() for name in Amounts.__struct_fields__ if getattr(found, name) is not None}
    return Amounts(**dict.fromkeys(kinds, 0))


def _difference(key: Key, theirs: Amounts | None, ours: Amounts | None, nothing: Amounts) -> Difference:
    theirs = theirs or nothing
    ours = ours or Amounts(input=0, output=0, cost_nano=0)
    return Difference(
        day=key[0],
        model=key[1],
        theirs=theirs,
        ours=ours,
        input=_less(theirs.input, ours.input),
        output=_less(theirs.output, ours.output),
        cost_nano=_less(theirs.cost_nano, ours.cost_nano),
    )


def _less(theirs: int | None, ours: int | None) -> int | None:
    return None if theirs is None else theirs - (ours or 0)


def _json_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where it stands, and the result, of all buckets, each with when its bucket begins."""
    try:
        whole = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NoExport(f"the file is not JSON: {error}") from None
    pages = cast("list[Any]", whole) if isinstance(whole, list) else [whole]
    count = 0
    for page in pages:
        buckets = cast("dict[str, Any]", page).get("data") if isinstance(page, dict) else None
        if not isinstance(buckets, list):
            raise NoExport("a page of an export has `data`, a list of buckets with `results`")
        for bucket in cast("list[Any]", buckets):
            results = cast("dict[str, Any]", bucket).get("results") if isinstance(bucket, dict) else None
            if not isinstance(results, list):
                raise NoExport("a bucket of an export has `results`")
            begin = {name: value for name, value in cast("dict[str, Any]", bucket).items() if name in (*_DAY_COLUMNS, *_END_COLUMNS)}
            for result in cast("list[Any]", results):
                if not isinstance(result, dict):
                    raise NoExport("a result of an export is an object")
                count += 1
                yield f"result {count}", {**_flat(cast("dict[str, Any]", result)), **begin}
    if pages and cast("dict[str, Any]", pages[-1]).get("has_more") is True:
        raise NoExport("there are more pages (`has_more`): fetch them too, and put all into one list")


def _flat(result: dict[str, Any]) -> dict[str, Any]:
    """With the amounts that stand in objects of their own under the names that CSV exports have."""
    row = dict(result)
    amount, creation = row.pop("amount", None), row.pop("cache_creation", None)
    if isinstance(amount, dict):
        row["amount_value"] = cast("dict[str, Any]", amount).get("value")
        row["currency"] = cast("dict[str, Any]", amount).get("currency")
    elif amount is not None:
        row["cents"] = amount
    if isinstance(creation, dict):
        for name, ours in (("ephemeral_5m_input_tokens", "cache_creation_5m_input_tokens"), ("ephemeral_1h_input_tokens", _CACHED[-1])):
            row[ours] = cast("dict[str, Any]", creation).get(name)
    return row


def _csv_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    names = set(reader.fieldnames or ())
    if not names & set(_DAY_COLUMNS) or not names & {*_INPUT, *_OUTPUT, *_DOLLARS}:
        raise NoExport(
            f"the first line names no day ({', '.join(_DAY_COLUMNS)}), or no amount ({', '.join((*_INPUT, *_OUTPUT, *_DOLLARS))})"
        )
    for row in reader:
        yield f"line {reader.line_num}", row


def _add(found: dict[Key, Amounts], row: dict[str, Any]) -> None:
    into = found.setdefault((_day(row), _model(row)), Amounts())
    prompt = _sum(row, (*_INPUT, *_CACHED)) if any(row.get(name) not in (None, "") for name in _INPUT) else None
    output = _sum(row, _OUTPUT) if any(row.get(name) not in (None, "") for name in _OUTPUT) else None
    cost = _cost(row)
    if prompt is not None:
        into.input = (into.input or 0) + prompt
    if output is not None:
        into.output = (into.output or 0) + output
    if cost is not None:
        into.cost_nano = (into.cost_nano or 0) + cost


def _day(row: Mapping[str, Any]) -> str:
    value = next((row[name] for name in _DAY_COLUMNS if row.get(name) not in (None, "")), None)
    begin = _moment(value)
    if begin is None or not _FIRST_YEAR <= begin.year <= _LAST_YEAR:
        raise NoExport(f"`{str(value)[:40]}` is no day")
    end = _moment(next((row[name] for name in _END_COLUMNS if row.get(name) not in (None, "")), None))
    if end is not None and end > begin and (end - timedelta(microseconds=1)).date() != begin.date():
        raise NoExport(f"what begins at `{str(value)[:40]}` lies on more than one day of UTC: ask for days of UTC, or for hours")
    return begin.date().isoformat()


def _moment(value: object) -> datetime | None:
    """In UTC; None of what is no time."""
    try:
        if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
            return datetime.fromtimestamp(int(value), UTC)
        moment = datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _model(row: Mapping[str, Any]) -> str:
    """OpenAI's costs are by line item: `gpt-5, input`."""
    value = next((row[name] for name in _MODEL_COLUMNS if row.get(name)), "")
    return str(value).partition(", ")[0].strip()


def _sum(row: Mapping[str, Any], names: Iterable[str]) -> int:
    return sum(int(_number(row, name)) for name in names if row.get(name) not in (None, ""))


def _cost(row: Mapping[str, Any]) -> int | None:
    currency = row.get("currency") or row.get("amount_currency") or "usd"
    if str(currency).casefold() != "usd":
        raise NoExport(f"an amount is in `{str(currency)[:40]}`, and the ledger in dollars")
    for names, unit in ((_DOLLARS, _NANO), (("cents",), _CENT)):
        name = next((name for name in names if row.get(name) not in (None, "")), None)
        if name is not None:
            return int((_number(row, name) * unit).to_integral_value(ROUND_HALF_UP))
    return None


def _number(row: Mapping[str, Any], name: str) -> Decimal:
    """Raises `NoExport` for what no export has: also for more digits than a bill."""
    text = str(row[name])
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= _MOST:
        raise NoExport(f"`{name}` is `{text[:40]}`, which is no number")
    return number
