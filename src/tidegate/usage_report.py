"""The question "what was used, and what did it cost" and its answer, as values. A ledger answers; the control API and the command line ask.

Money is integer nano-dollars, times are Unix seconds, latencies milliseconds.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from tidegate.ir.json import JsonObject

Dimension = Literal["org", "team", "user", "key", "provider", "model", "route", "tag", "end_user"]
Bucket = Literal["hour", "day", "month"]

DIMENSIONS: tuple[Dimension, ...] = ("org", "team", "user", "key", "provider", "model", "route", "tag", "end_user")
PERCENTILES = (50, 90, 95, 99)


class UsageTooLarge(ValueError):
    """The answer would have too many rows; the message says how to ask for less."""


class UsageGone(ValueError):
    """What was asked for is older than usage is kept so finely; the message says since when it is, and what there is of the time before."""


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`since` and `until` are widened to whole buckets (to whole hours without `bucket`), in `time_zone`, an IANA name. `by` splits the
    answer; `only` keeps what has one of the values. An attempt with several tags counts for each of them where tags are asked for, and
    one without tags not at all; the same holds for end users. Tags and end users cannot be asked for together."""

    since: float
    until: float
    by: tuple[Dimension, ...] = ()
    bucket: Bucket | None = None
    time_zone: str = "UTC"
    only: dict[Dimension, tuple[str, ...]] = {}


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by kind, as `ir.usage.Usage` has them: the four input kinds are disjoint, `output` includes `reasoning`, audio and images."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one group used in one bucket. `requests` are calls, counted where their first attempt went; `attempts` also those after it.

    `errors` are attempts that ended with a status of 400 or more, without those whose client left (`cancelled`). `estimated` attempts
    were counted by us and not by the provider; the cost of `unpriced` ones is not known and is not in `cost_nano`. `saved_nano` is what
    prompt caches saved, less what writing to them cost more. Percentiles are of successful attempts, as (percentile, milliseconds), none
    where there was no such attempt; they are read off a histogram whose steps grow by half (between 50 ms and 150 s).
    """

    requests: int = 0
    attempts: int = 0
    errors: int = 0
    cancelled: int = 0
    estimated: int = 0
    unpriced: int = 0
    tokens: Tokens = Tokens()
    web_searches: int = 0
    images: int = 0
    cost_nano: int = 0
    saved_nano: int = 0
    latency_ms: tuple[tuple[int, float], ...] = ()
    first_byte_ms: tuple[tuple[int, float], ...] = ()


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """`start` is when the bucket begins, None without buckets; `group` has a value for each dimension of `by`."""

    start: float | None
    group: dict[Dimension, str]
    figures: Figures


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` are ordered by group, dearest first, then by time; every group has a row for every bucket, of zeros where nothing was used.
    `since` and `until` are what was really summed."""

    since: float
    until: float
    bucket: Bucket | None
    time_zone: str
    rows: tuple[UsageRow, ...]
    total: Figures


_COUNTS = ("requests", "attempts", "errors", "cancelled", "estimated", "unpriced")
_AMOUNTS = ("web_searches", "images", "cost_nano", "saved_nano")
_PATTERNS = {"month": "%Y-%m", "day": "%Y-%m-%d"}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def flat(row: UsageRow, report: UsageReport) -> JsonObject:
    """One row without anything nested, with the same names in the same order for every row of a report. Money in nano-dollars."""
    told: JsonObject = {} if row.start is None or report.bucket is None else {"from": date_text(row.start, report)}
    return told | row.group | flat_figures(row.figures)


def flat_figures(figures: Figures) -> JsonObject:
    """The figures alone."""
    told: JsonObject = {name: getattr(figures, name) for name in _COUNTS}
    told |= {f"{name}_tokens": value for name, value in msgspec.structs.asdict(figures.tokens).items()}
    told |= {name: getattr(figures, name) for name in _AMOUNTS}
    for name, percentiles in (("latency_ms", dict(figures.latency_ms)), ("first_byte_ms", dict(figures.first_byte_ms))):
        told |= {f"{name}_p{percent}": percentiles.get(percent) for percent in PERCENTILES}
    return told


def date_text(seconds: float, report: UsageReport) -> str:
    """When a bucket begins, as its time zone says it."""
    return datetime.fromtimestamp(seconds, ZoneInfo(report.time_zone)).strftime(_PATTERNS.get(report.bucket or "", "%Y-%m-%d %H:%M"))


def csv_lines(report: UsageReport, by: tuple[Dimension, ...]) -> Iterator[str]:
    """The report as comma-separated values: a line of names, then the rows. Each ends with a line feed."""
    yield csv_line(flat(UsageRow(start=0.0, group=dict.fromkeys(by, ""), figures=Figures()), report))
    for row in report.rows:
        yield csv_line(flat(row, report).values())


def csv_line(cells: Iterable[object]) -> str:
    """What clients name (tags, end users) must not become a formula where the file is opened as a sheet."""
    out = io.StringIO()
    safe = (f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell for cell in cells)
    csv.writer(out, lineterminator="\n").writerow(safe)
    return out.getvalue()
