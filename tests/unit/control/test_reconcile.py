"""Exports of providers, in their documented forms, and what differs from the ledger."""

import json
from datetime import UTC, datetime

import pytest

from tidegate.control.reconcile import Amounts, NoExport, compare, read_export
from tidegate.usage_report import Figures, Tokens, UsageReport, UsageRow

JUNE_1 = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
OPENAI_USAGE = json.dumps(
    {
        "object": "page",
        "data": [
            {
                "object": "bucket",
                "start_time": JUNE_1,
                "end_time": JUNE_1 + 86400,
                "results": [
                    {"input_tokens": 100, "output_tokens": 10, "input_cached_tokens": 80, "num_model_requests": 2, "model": "gpt-5"},
                    {"input_tokens": 5, "output_tokens": 1, "model": "gpt-5", "project_id": "p2"},
                ],
            }
        ],
        "has_more": False,
    }
)
OPENAI_COSTS = json.dumps(
    [
        {
            "data": [
                {
                    "start_time": JUNE_1,
                    "results": [
                        {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}, "line_item": "gpt-5, input"},
                        {
                            "object": "organization.costs.result",
                            "amount": {"value": 0.0000000005, "currency": "usd"},
                            "line_item": "gpt-5, output",
                        },
                    ],
                }
            ]
        }
    ]
)
ANTHROPIC_USAGE = json.dumps(
    {
        "data": [
            {
                "starting_at": "2026-06-01T00:00:00Z",
                "ending_at": "2026-06-02T00:00:00Z",
                "results": [
                    {
                        "uncached_input_tokens": 10,
                        "cache_read_input_tokens": 200,
                        "cache_creation": {"ephemeral_1h_input_tokens": 5, "ephemeral_5m_input_tokens": 50},
                        "output_tokens": 7,
                        "model": "claude-opus-5",
                    }
                ],
            }
        ]
    }
)
ANTHROPIC_COSTS = json.dumps(
    {"data": [{"starting_at": "2026-06-01T00:00:00Z", "results": [{"amount": "123.45", "currency": "USD", "model": None}]}]}
)
OPENAI_CSV = (
    f"start_time,start_time_iso,model,input_tokens,output_tokens,input_cached_tokens\n{JUNE_1},2026-06-01T00:00:00+00:00,gpt-5,100,10,80\n"
)
ANTHROPIC_CSV = (
    "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_read,"
    "usage_output_tokens\n2026-06-01,claude-opus-5,10,50,200,7\n2026-06-01,claude-opus-5,1,0,0,1\n"
)
ANTHROPIC_COSTS_CSV = (
    "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed\n"
    "2026-06-01,Claude Opus 4.5,Default,bot,message,≤ 200k,input_no_cache,0.01,0.01,token,global,\n"
    "2026-06-01,Claude Opus 4.5,Default,bot,message,≤ 200k,input_cache_read,18.71,18.71,token,global,\n"
)


@pytest.mark.parametrize(
    ("text", "model", "amounts"),
    [
        (OPENAI_USAGE, "gpt-5", Amounts(input=105, output=11)),
        (OPENAI_COSTS, "gpt-5", Amounts(cost_nano=60_000_001)),
        (ANTHROPIC_USAGE, "claude-opus-5", Amounts(input=265, output=7)),
        (ANTHROPIC_COSTS, "", Amounts(cost_nano=1_234_500_000)),
        (OPENAI_CSV, "gpt-5", Amounts(input=100, output=10)),
        (ANTHROPIC_CSV, "claude-opus-5", Amounts(input=261, output=8)),
        (ANTHROPIC_COSTS_CSV, "Claude Opus 4.5", Amounts(cost_nano=18_720_000_000)),
        ("date,model,cost_usd\n2026-06-01,claude-opus-5,1.5\n", "claude-opus-5", Amounts(cost_nano=1_500_000_000)),
    ],
)
def test_exports_as_providers_give_them(text: str, model: str, amounts: Amounts) -> None:
    assert read_export(text) == {("2026-06-01", model): amounts}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("date,model,input_tokens\n2026-06-01," + "m" * 200_000 + ",1\n", "not CSV"),
        ("{}", "`data`"),
        ('{"data":[{}]}', "`results`"),
        ('{"data":[{"results":[1]}]}', "is an object"),
        ('{"data":[]}', "no rows"),
        ("a,b\n1,2\n", "names no day"),
        ("date,model,input_tokens\nsoon,m,1\n", "line 2: `soon` is no day"),
        ("date,model,input_tokens\n9999-12-31,m,1\n", "line 2: .*is no day"),
        ("date,model,input_tokens\n0001-01-01,m,1\n", "is no day"),
        ("date,model,input_tokens\n2026-06-01,m,1\n2026-06-01,m,many\n", "line 3: `input_tokens` is `many`"),
        ('date,model,input_tokens\n2026-06-01,m,"1,005"\n', "`1,005`, which is no number"),
        ("date,model,cost_usd\n2026-06-01,m,free\n", "line 2: `cost_usd` is `free`"),
        ("date,model,cost_usd\n2026-06-01,m,NaN\n", "no number"),
        ("date,model,cost_usd\n2026-06-01,m,1e999999\n", "no number"),
        ("date,model,input_tokens\n2026-06-01,m,1e999999\n", "no number"),
        (json.dumps({"data": [{"start_time": JUNE_1, "results": [{"input_tokens": []}]}]}), "result 1: `input_tokens`"),
        (
            json.dumps({"data": [{"starting_at": "2026-06-01T00:00:00+02:00", "ending_at": "2026-06-02T00:00:00+02:00", "results": [{}]}]}),
            "UTC",
        ),
        (f"start_time,end_time,model,input_tokens\n{JUNE_1 + 3600},{JUNE_1 + 90000},m,1\n", "line 2: .*more than one day of UTC"),
        (json.dumps({"data": [{"start_time": JUNE_1, "results": [{"amount": {"value": 1, "currency": "eur"}}]}]}), "in `eur`"),
        (json.dumps({"data": [], "has_more": False}), "no rows"),
        (json.dumps(json.loads(OPENAI_USAGE) | {"has_more": True}), "there are more pages"),
        ("", "names no day"),
    ],
)
def test_files_that_are_none(text: str, words: str) -> None:
    with pytest.raises(NoExport, match=words):
        read_export(text)


def test_pages_in_a_list_are_whole_where_the_last_one_is() -> None:
    page = json.loads(OPENAI_USAGE)
    assert read_export(json.dumps([page | {"has_more": True}, page])) == {("2026-06-01", "gpt-5"): Amounts(input=210, output=22)}


def report(*rows: tuple[int, str, int, int, int]) -> UsageReport:
    """(day after 1 June, model, input, output, nano-dollars)."""
    made = [
        UsageRow(
            start=JUNE_1 + day * 86400.0,
            group={"model": model},
            figures=Figures(attempts=1, tokens=Tokens(input=prompt - 1, cache_read=1, output=output), cost_nano=nano),
        )
        for day, model, prompt, output, nano in rows
    ]
    return UsageReport(since=JUNE_1, until=JUNE_1 + 86400, bucket="day", time_zone="UTC", rows=tuple(made), total=Figures())


def test_what_is_the_same_and_what_differs() -> None:
    theirs = read_export(OPENAI_USAGE)
    same, other = compare(theirs, report((0, "gpt-5", 105, 11, 77), (0, "gpt-4o", 9, 2, 5), (3, "gpt-5", 1, 1, 1)))[::-1]
    assert (same.model, same.same, same.cost_nano) == ("gpt-5", True, None)
    assert (other.model, other.input, other.output, other.same) == ("gpt-4o", -9, -2, False)


@pytest.mark.parametrize(
    ("told", "asked", "row"),
    [
        ("gpt-4o-2024-08-06", ("gpt-4o",), "gpt-4o"),
        ("gpt-4o-2024-08-06", ("gpt-4o", "gpt-4o-2024-08-06"), "gpt-4o"),
        ("gpt-4-0613", ("gpt-4",), "gpt-4"),
        ("claude-opus-4-5-20251101", ("claude-opus-4-5",), "claude-opus-4-5"),
        ("claude-3-5-haiku-20241022", ("claude-3-5-haiku-latest",), "claude-3-5-haiku-latest"),
        ("Claude Opus 4.5", ("claude-opus-4-5",), "claude-opus-4-5"),
        ("Claude Haiku 3.5", ("claude-3-5-haiku-20241022",), "Claude Haiku 3.5"),
    ],
)
def test_a_model_that_the_provider_calls_otherwise_is_the_same(told: str, asked: tuple[str, ...], row: str) -> None:
    theirs = read_export(f"date,model,input_tokens\n2026-06-01,{told},{len(asked) * 10}\n")
    (found,) = compare(theirs, report(*((0, name, 10, 1, 1) for name in asked)))
    assert (found.model, found.same) == (row, True)


def test_models_that_are_others_stay_apart() -> None:
    theirs = read_export("date,model,input_tokens\n2026-06-01,gpt-4o-2024-05-13,10\n2026-06-01,gpt-4o-mini-2024-07-18,10\n")
    found = compare(theirs, report((0, "gpt-4o-2024-08-06", 10, 1, 1), (0, "gpt-4o-mini", 10, 1, 1)))
    assert [(row.model, row.input) for row in found] == [("gpt-4o-2024-05-13", 10), ("gpt-4o-2024-08-06", -10), ("gpt-4o-mini", 0)]


def test_versions_with_the_same_figures_stay_apart() -> None:
    theirs = read_export("date,model,input_tokens\n2026-06-01,gpt-5.4,10\n2026-06-01,gpt-4.5,20\n")
    found = compare(theirs, report((0, "gpt-5.4", 20, 1, 1), (0, "gpt-4.5", 10, 1, 1)))
    assert [(row.model, row.input) for row in found] == [("gpt-4.5", 10), ("gpt-5.4", -10)]


def test_hours_are_days_of_utc_wherever_they_were_exported() -> None:
    rows = "2026-06-01T23:30:00-02:00,gpt-5,7,1\n2026-06-02T01:00:00+02:00,gpt-5,5,1\n"
    found = read_export("start_time,model,input_tokens,output_tokens\n" + rows)
    assert found == {("2026-06-02", "gpt-5"): Amounts(input=7, output=1), ("2026-06-01", "gpt-5"): Amounts(input=5, output=1)}


def test_costs_that_are_not_by_model_are_compared_with_all_of_a_day() -> None:
    (found,) = compare(read_export(ANTHROPIC_COSTS), report((0, "a", 1, 1, 1_000_000_000), (0, "b", 1, 1, 234_500_001)))
    assert (found.model, found.cost_nano, found.input) == ("", -1, None)


def test_a_day_that_the_ledger_does_not_have() -> None:
    (found,) = compare(read_export(OPENAI_CSV), report())
    assert (found.input, found.output, found.ours.cost_nano) == (100, 10, 0)
