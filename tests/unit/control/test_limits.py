import datetime
from zoneinfo import ZoneInfo

import pytest
from tests.unit.control.configs import Place

from tidegate.policy.limits.rules import Limit

KEY = "keys:\n  - name: ci\n    value: env:TIDEGATE_CI_KEY\n"


def own(place: Place, text: str) -> tuple[Limit, ...]:
    (key,) = place.load(KEY + text).snapshot.keys_by_digest.values()
    return key.limits


def test_limits_of_a_key(place: Place) -> None:
    found = own(
        place, "    limits: {requests_per_minute: 60, tokens_per_day: 1000, concurrent: 5, time_zone: Europe/Berlin, mode: observe}\n"
    )
    assert [(limit.id, limit.what, limit.per, limit.amount, limit.mode) for limit in found] == [
        ("key:config:ci/requests_per_minute", "requests", "minute", 60, "observe"),
        ("key:config:ci/tokens_per_day", "tokens", "day", 1000, "observe"),
        ("key:config:ci/concurrent", "concurrent", "moment", 5, "observe"),
    ]
    assert found[1].zone == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("usd", "nano"),
    [("25", 25 * 10**9), ("0.1", 10**8), ("'0.10'", 10**8), ("0.000000001", 1), ("$5", 5 * 10**9), ("0", 0), ("1e3", 10**12)],
)
def test_dollars_are_exact(place: Place, usd: str, nano: int) -> None:
    (limit,) = own(place, f"    budget: {{usd: {usd}, per: month}}\n")
    assert limit.amount == nano
    assert (limit.mode, limit.hard, limit.strict, limit.alerts, limit.zone) == ("enforce", True, True, (80, 100), datetime.UTC)


def test_budgets_of_a_route_and_by_scope(place: Place) -> None:
    text = """routes:
  smart:
    targets: [anthropic/x]
    budget: {usd: 5, per: day, mode: soft, alerts: [100, 50]}
    budgets: [{usd: 9, per: day, reserve: estimate, ceiling_usd: 0.5, max_output_tokens: 100}]
limits:
  - {scope: end_user, limits: {requests_per_minute: 1}}
  - {scope: model, id: anthropic/x, budget: {usd: 1, per: total, mode: observe}}
"""
    snapshot = place.load(text).snapshot
    soft, hard = snapshot.routes["smart"].limits
    assert (soft.id, soft.enforced, soft.alerts) == ("route:smart/spend_per_day_soft", False, (50, 100))
    assert (hard.strict, hard.ceiling, hard.output_cap) == (False, 5 * 10**8, 100)
    assert [(limit.id, limit.enforced) for limit in snapshot.limits] == [
        ("limits/end_user:*/requests_per_minute", True),
        ("limits/model:anthropic/x/spend_per_total_observe", False),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limits: {}", "keys[0].limits: nothing is limited here: `requests_per_minute`"),
        ("limits: {requests_per_minute: -1}", "keys[0].limits.requests_per_minute: a limit is a whole number"),
        ("limits: {concurrent: 1, requests_per_second: 1}", "`requests_per_second` is not a setting. Did you mean `requests_per_"),
        (
            "limits: {concurrent: 1, time_zone: Europe/Berln}",
            "no time zone `Europe/Berln`; they are called like `Europe/Berlin`. Did you mean",
        ),
        ("limits: {concurrent: 1, time_zone: Europe}", "there is no time zone `Europe`"),
        ("limits: {concurrent: 1, time_zone: ../etc}", "there is no time zone `../etc`"),
        ("budget: {usd: -1, per: day}", "keys[0].budget.usd: an amount is in dollars, from 0 to 9000000"),
        ("budget: {usd: .nan, per: day}", "an amount is in dollars"),
        ("budget: {usd: .inf, per: day}", "an amount is in dollars"),
        ("budget: {usd: 0.0000000001, per: day}", "at most nine decimals"),
        ("budget: {usd: ten, per: day}", "an amount is in dollars"),
        ("budget: {usd: 9000001, per: day}", "an amount is in dollars"),
        ("budget: {usd: 1, per: minute}", "`minute` is not possible"),
        ("budget: {usd: 1, per: day, alerts: [0]}", "keys[0].budget.alerts: an alert is a percentage"),
        ("budget: {usd: 1, per: day, max_output_tokens: 0}", "a cap is a whole number"),
        ("budgets: [{usd: 1, per: day}, {usd: 2, per: day}]", "keys[0].budgets[1]: there is another hard budget per day here"),
    ],
)
def test_mistakes_of_a_key(place: Place, text: str, words: str) -> None:
    found = place.mistakes(f"{KEY}    {text}\n")
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{scope: planet, limits: {concurrent: 1}}", "`planet` is not possible"),
        ("{scope: route, id: smrat, limits: {concurrent: 1}}", "limits[1].id: there is no route `smrat`. Did you mean `smart`?"),
        ("{scope: key}", "limits[1]: nothing is limited here: add `limits` or `budget`"),
        ("{scope: end_user, limits: {concurrent: 1}}", "limits[1]: limits[0] is for the same"),
    ],
)
def test_mistakes_by_scope(place: Place, entry: str, words: str) -> None:
    first = "  - {scope: end_user, limits: {requests_per_day: 1}}"
    found = place.mistakes(f"routes:\n  smart: {{targets: [anthropic/x]}}\nlimits:\n{first}\n  - {entry}\n")
    assert len(found) == 1
    assert words in found[0]
