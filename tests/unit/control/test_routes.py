import pytest
from tests.unit.control.configs import Place

from tidegate.policy.attempts import Rules
from tidegate.policy.bounds import Hours
from tidegate.policy.pace import Hedge
from tidegate.policy.snapshot import Route
from tidegate.policy.when import When

CONTRACT = """
providers:
  anthropic: {api_key: env:ANTHROPIC_API_KEY}
  claude-eu: {kind: anthropic, base_url: "https://eu.example", api_key: env:TIDEGATE_CI_KEY}
routes:
  smart: {targets: [anthropic/claude-big, {target: claude-eu/claude-big}, openai/gpt-9], defaults: {max_tokens: 4096}, on_loss: refuse}
  "team-a/*": {targets: ["anthropic/*"]}
  "team-a/x/*": {targets: ["claude-eu/*", openrouter/acme/one], caller_keys: true}
"""


def test_routes_of_the_contract(place: Place) -> None:
    snapshot = place.load(CONTRACT).snapshot
    assert snapshot.routes == {
        "smart": Route(
            name="smart",
            targets=(("anthropic", "claude-big"), ("claude-eu", "claude-big"), ("openai", "gpt-9")),
            defaults={"max_tokens": 4096},
            on_loss="refuse",
            rules=Rules(retries=2, seconds=900.0, guarded=True),
        )
    }
    assert [route.name for route in snapshot.prefix_routes] == ["team-a/x/*", "team-a/*"]
    assert snapshot.prefix_routes[0].targets == (("claude-eu", "*"), ("openrouter", "acme/one"))
    assert snapshot.prefix_routes[0].caller_keys


def test_a_known_provider_without_a_key_may_stand_in_a_route(place: Place) -> None:
    loaded = place.load("routes:\n  a: {targets: [openai/gpt-9]}\n  b: {targets: [openai/gpt-9, anthropic/x]}\n")
    assert loaded.snapshot.upstreams["openai"].missing == "set `OPENAI_API_KEY` for Openai"
    assert [str(problem).split(": ", 1)[1] for problem in loaded.warnings] == [
        "routes.a: no target of this route has a key yet: set `OPENAI_API_KEY` for Openai"
    ]


def test_a_target_twice_is_kept_once(place: Place) -> None:
    loaded = place.load("routes:\n  a: {targets: [anthropic/x, {target: anthropic/x}]}\n")
    assert loaded.snapshot.routes["a"].targets == (("anthropic", "x"),)
    assert "stands twice" in loaded.warnings[0].message


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("a: {targets: []}", "routes.a.targets: a route needs at least one target"),
        ("a: {targets: [claude-big]}", "written `provider/model`: did you mean `anthropic/claude-big`?"),
        ("a: {targets: [claude-big-20251]}", "did you mean `anthropic/claude-big-20251`?"),
        ("a: {targets: [what]}", "written `provider/model`, like"),
        ("a: {targets: [a]}", "routes do not stand behind routes"),
        ("a: {targets: [{target: anthropic/}]}", "routes.a.targets[0].target: a target is written"),
        ("a: {targets: [/x]}", "a target is written"),
        ("a: {targets: [antropic/x]}", "there is no provider `antropic`. Did you mean `anthropic`? Configured: `anthropic`, `sandbox`."),
        ("a: {targets: [custom/x]}", "there is no provider `custom`"),
        ("a: {targets: [ollama/x]}", "`ollama` is not configured: set `OLLAMA_BASE_URL` for Ollama"),
        ("a: {targets: ['anthropic/*']}", "`*` stands for the whole model name"),
        ("'a/*': {targets: ['anthropic/claude-*']}", "`*` stands for the whole model name"),
        ("'*': {targets: [anthropic/x]}", "`*` stands only at its end"),
        ("'/*': {targets: [anthropic/x]}", "`*` stands only at its end"),
        ("'a*b': {targets: [anthropic/x]}", "`*` stands only at its end"),
        ("'a b': {targets: [anthropic/x]}", "without spaces"),
        ("a: {targets: [anthropic/x], defaults: {model: y}}", "routes.a.defaults.model: `model` cannot have a default"),
        ("a: {targets: [anthropic/x], defaults: {stream: true}}", "`stream` cannot have a default: only the client"),
        ("a: {targets: [anthropic/x], groups: [{targets: [anthropic/y]}]}", "routes.a.groups: a route has `targets` or `groups`, not both"),
        ("a: {groups: [{targets: []}]}", "routes.a.groups[0].targets: a route needs at least one target"),
        ("a: {groups: [{targets: [anthropic/x]}], strategy: weighted}", "routes.a.strategy: groups are tried in their order"),
        (
            "a: {targets: [{target: anthropic/x, weight: 2}]}",
            "routes.a.targets[0].weight: `in_order` knows no weights: choose one of `weighted`",
        ),
        ("a: {targets: [{target: anthropic/x, weight: 0}], strategy: weighted}", "a weight is a number above 0"),
        ("a: {targets: [{target: anthropic/x, canary: 101}]}", "routes.a.targets[0].canary: a canary gets a percentage"),
        ("a: {targets: [{target: anthropic/x, when: {}}]}", "routes.a.targets[0].when: a `when` says for which calls"),
        ("a: {targets: [{target: anthropic/x, when: {tag: [x], stream: true}}]}", "`tag` is not a setting. Did you mean `tags`?"),
        ("a: {targets: [{target: anthropic/x, when: {asks: [pdf]}}]}", "routes.a.targets[0].when.asks[0]"),
        ("a: {targets: [{target: anthropic/x, when: {input_over: 9, input_under: 9}}]}", "no prompt has more than `input_over`"),
        (
            'a: {targets: [{target: anthropic/x, when: {hours: [{from: "25:00"}]}}]}',
            "routes.a.targets[0].when.hours[0].from: a time of day is",
        ),
        ("a: {targets: [{target: anthropic/x, when: {hours: [{time_zone: Berlin}]}}]}", "there is no time zone `Berlin`"),
        ("a: {targets: [anthropic/x], hedge: {after: 0}}", "routes.a.hedge.after: a wait is `p95`, or a number of seconds"),
        ("a: {targets: [anthropic/x], hedge: {budget: 101}}", "routes.a.hedge.budget: second attempts are for a percentage"),
        ("a: {targets: [anthropic/x], first_token_timeout: 0}", "routes.a.first_token_timeout: a wait is a number of seconds above 0"),
        ("a: {targets: [anthropic/x], retries: 6}", "routes.a.retries: a call is retried 0 to 5 times"),
        ("a: {targets: [anthropic/x], timeout: 0}", "routes.a.timeout: a call takes a number of seconds above 0"),
        ("a: {targets: [anthropic/x], defaults: {messages: []}}", "`messages` cannot have a default"),
    ],
)
def test_mistakes(place: Place, route: str, words: str) -> None:
    found = place.mistakes(f"routes:\n  {route}\n")
    assert any(line.startswith("2: ") and words in line for line in found), found
    assert len(found) == 1


def test_a_broken_provider_is_told_once_and_not_again_for_each_route(place: Place) -> None:
    assert len(place.mistakes("providers:\n  lab: {kind: lba}\nroutes:\n  a: {targets: [lab/x]}\n")) == 1


def test_what_a_route_allows_when_attempts_fail(place: Place) -> None:
    rest = "fallback_on: [content_filter], circuit_breaker: false, single_flight: true"
    text = f"routes:\n  a: {{targets: [anthropic/x], retries: 1, timeout: 30, {rest}}}\n"
    assert place.load(text).snapshot.routes["a"].rules == Rules(retries=1, seconds=30.0, on_content_filter=True, single_flight=True)


def test_hedges(place: Place) -> None:
    text = "routes:\n  a: {targets: [anthropic/x], hedge: {}}\n  b: {targets: [anthropic/x], hedge: {after: 1, budget: 10}}\n"
    routes = place.load(text).snapshot.routes
    assert (routes["a"].rules.hedge, routes["b"].rules.hedge) == (Hedge(None, 0.05), Hedge(1.0, 0.1))


def test_groups_with_what_orders_them(place: Place) -> None:
    text = """
routes:
  plain: {targets: [anthropic/x, {target: anthropic/y}]}
  a:
    groups:
      - {strategy: sticky, sticky_by: prompt_prefix, targets: [{target: anthropic/x, weight: 2}, anthropic/y], when: {tags: [eu]}}
      - targets: [{target: anthropic/x, canary: 5, when: {hours: [{days: [mon], from: "08:00"}]}}]
"""
    routes = place.load(text).snapshot.routes
    assert routes["plain"].groups == ()
    assert routes["a"].targets == (("anthropic", "x"), ("anthropic", "y"))
    first, second = routes["a"].groups
    assert (first.strategy, first.sticky_by, first.when) == ("sticky", "prompt_prefix", When(tags=("eu",)))
    assert [choice.weight for choice in first.choices] == [2.0, 1.0]
    assert second.choices[0].canary == 5.0
    assert second.choices[0].when.hours == (Hours(days=("mon",), from_="08:00"),)


def test_one_group_keeps_its_condition_and_its_order(place: Place) -> None:
    text = """
routes:
  only: {groups: [{targets: [anthropic/x], when: {tags: [eu]}}]}
  free: {groups: [{targets: [anthropic/x, anthropic/y], strategy: free_first}]}
"""
    routes = place.load(text).snapshot.routes
    assert [group.when for group in routes["only"].groups] == [When(tags=("eu",))]
    assert (routes["free"].groups, routes["free"].strategy) == ((), "free_first")
