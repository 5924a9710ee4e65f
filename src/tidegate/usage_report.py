"""The question "what was used, and what did it cost" and its answer, as values. A ledger answers; the control API and the command line ask.

Money is integer nano-dollars, times are Unix seconds, latencies milliseconds.
"""

from typing import Literal

import msgspec

Dimension = Literal["org", "team", "user", "key", "provider", "model", "route", "tag"]
Bucket = Literal["hour", "day", "month"]

DIMENSIONS: tuple[Dimension, ...] = ("org", "team", "user", "key", "provider", "model", "route", "tag")
PERCENTILES = (50, 90, 95, 99)


class UsageTooLarge(ValueError):
    """The answer would have too many rows; the message says how to ask for less."""


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`since` and `until` are widened to whole buckets (to whole hours without `bucket`), in `time_zone`, an IANA name. `by` splits the
    answer; `only` keeps what has one of the values. An attempt with several tags counts for each of them where tags are asked for, and
    one without tags not at all."""

    since: float
    until: float
    by: tuple[Dimension, ...] = ()
    bucket: Bucket | None = None
    time_zone: str = "UTC"
    only: dict[Dimension, tuple[str, ...]] = {}


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by kind, as `ir.usage.Usage` has them: the four input kinds are disjoint, `output` includes `reasoning` and `audio_output`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0


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
