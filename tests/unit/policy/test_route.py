import pytest
from tests.unit.policy.values import key, snapshot, upstream

from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.policy.route import Planner, allows
from tidegate.policy.snapshot import Key, Route, Snapshot, Upstream

ALL = key("all")
ANTHROPIC = upstream("anthropic")
OPENAI = upstream("openai")
NO_OPENAI = upstream("openai", missing="set `OPENAI_API_KEY` for Openai")
SMART = Route(name="smart", targets=(("anthropic", "claude-big"), ("openai", "gpt-9")), defaults={"max_tokens": 1}, on_loss="refuse")
TEAM = Route(name="team/*", targets=(("anthropic", "*"), ("openai", "gpt-9")))
TEAM_X = Route(name="team/x/*", targets=(("openai", "*"),))


def targets(given: Snapshot, model: str, caller: Key = ALL) -> list[str]:
    return [target.name for target in Planner(given).plan(caller, model).targets]


def refusal(given: Snapshot, model: str, caller: Key = ALL) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        Planner(given).plan(caller, model)
    return caught.value


def test_a_route_gives_its_targets_in_order() -> None:
    plan = Planner(snapshot(ANTHROPIC, OPENAI, routes=(SMART,))).plan(ALL, "smart")
    assert [target.name for target in plan.targets] == ["anthropic/claude-big", "openai/gpt-9"]
    assert (plan.route, plan.defaults, plan.on_loss, plan.caller_keys, plan.by_route) == ("smart", {"max_tokens": 1}, "refuse", False, True)


def test_a_prefix_route_hands_the_rest_on_and_the_longest_prefix_wins() -> None:
    given = snapshot(ANTHROPIC, OPENAI, routes=(TEAM, TEAM_X))
    assert targets(given, "team/claude-z") == ["anthropic/claude-z", "openai/gpt-9"]
    assert targets(given, "team/x/gpt-z") == ["openai/gpt-z"]
    assert Planner(given).plan(ALL, "team/x/gpt-z").route == "team/x/*"
    assert refusal(given, "team/").error.kind is ErrorKind.NOT_FOUND


def test_a_known_model_carries_its_row_and_its_names_are_sent_as_asked() -> None:
    for name in ("claude-big", "claude-big-latest", "claude-big-20250101"):
        target = Planner(snapshot(ANTHROPIC)).plan(ALL, f"anthropic/{name}").targets[0]
        assert (target.name, target.model, target.profile.model) == (f"anthropic/{name}", name, name)
        assert target.profile.provider == "anthropic"
        assert target.profile.capabilities.context == 1000
        assert target.price is not None
        assert target.price.input == 5


def test_an_unknown_model_of_a_provider_gets_the_default_capabilities() -> None:
    target = Planner(snapshot(ANTHROPIC)).plan(ALL, "anthropic/brand-new").targets[0]
    assert target.profile.capabilities == ANTHROPIC.spec.default
    assert target.price is None


def test_a_provider_of_the_same_kind_shares_its_signatures() -> None:
    target = Planner(snapshot(upstream("claude-eu", "anthropic"))).plan(ALL, "claude-eu/claude-big").targets[0]
    assert (target.name, target.profile.provider, target.upstream.name) == ("claude-eu/claude-big", "anthropic", "claude-eu")


def test_a_bare_name_goes_to_the_first_provider_that_has_it() -> None:
    eu = upstream("claude-eu", "anthropic")
    assert targets(snapshot(eu, ANTHROPIC), "claude-big") == ["claude-eu/claude-big"]
    assert targets(snapshot(ANTHROPIC, eu), "claude-big-20259") == ["anthropic/claude-big-20259"]
    assert targets(snapshot(upstream("lab", "custom", models=("qwen",)), ANTHROPIC), "qwen") == ["lab/qwen"]
    assert targets(snapshot(NO_OPENAI, upstream("azure", "openai")), "gpt-9") == ["azure/gpt-9"]


def test_a_name_with_a_slash_may_be_a_bare_one() -> None:
    given = snapshot(upstream("openrouter"))
    assert targets(given, "acme/one") == ["openrouter/acme/one"]
    assert targets(given, "openrouter/acme/two") == ["openrouter/acme/two"]


def test_the_name_of_a_known_provider_never_goes_to_another() -> None:
    assert refusal(snapshot(upstream("openrouter")), "anthropic/claude-big").error.code == "provider_not_configured"


@pytest.mark.parametrize(
    ("model", "variable"), [("gpt-9", "OPENAI_API_KEY"), ("openai/x", "OPENAI_API_KEY"), ("ollama/x", "OLLAMA_BASE_URL")]
)
@pytest.mark.parametrize("others", [(), (NO_OPENAI,)])
def test_a_provider_without_a_key_says_which_variable(model: str, variable: str, others: tuple[Upstream, ...]) -> None:
    error = refusal(snapshot(*others), model).error
    assert (error.kind, error.http_status, error.code, error.param) == (ErrorKind.BAD_REQUEST, 400, "provider_not_configured", "model")
    assert f"`{variable}`" in error.message
    assert "`sandbox/echo`" in error.message


def test_targets_without_a_key_are_passed_over() -> None:
    assert targets(snapshot(ANTHROPIC, NO_OPENAI, routes=(SMART,)), "smart") == ["anthropic/claude-big"]
    error = refusal(snapshot(NO_OPENAI, routes=(Route(name="r", targets=(("openai", "a"), ("openai", "b"))),)), "r").error
    assert error.code == "provider_not_configured"
    assert error.message.count("OPENAI_API_KEY") == 1


def test_a_route_for_callers_keys_keeps_them() -> None:
    own = Route(name="own", targets=(("openai", "gpt-9"),), caller_keys=True)
    plan = Planner(snapshot(NO_OPENAI, routes=(own,))).plan(ALL, "own")
    assert plan.caller_keys
    assert plan.targets[0].upstream.credential is None


def test_an_unknown_name_is_404_with_near_names() -> None:
    error = refusal(snapshot(ANTHROPIC, routes=(SMART,)), "claude-bgi").error
    assert (error.kind, error.code, error.param) == (ErrorKind.NOT_FOUND, "model_not_found", "model")
    assert "`claude-big`" in error.message
    assert "`smart`" in refusal(snapshot(ANTHROPIC, OPENAI, routes=(SMART,)), "smrat").error.message


@pytest.mark.parametrize("model", ["anthropic/", "/x", "nobody/x", "x" * 10_000, "x" * 200, "echo", "\u2603"])
def test_other_names_are_404_and_not_repeated_at_length(model: str) -> None:
    error = refusal(snapshot(ANTHROPIC), model).error
    assert error.kind is ErrorKind.NOT_FOUND
    assert len(error.message) < 500


def test_no_name_is_a_bad_request() -> None:
    assert refusal(snapshot(ANTHROPIC), "").error.param == "model"


def test_a_key_is_held_to_its_models() -> None:
    given = snapshot(ANTHROPIC, OPENAI, routes=(SMART, TEAM))
    limited = key("limited", "smart", "anthropic/*")
    assert targets(given, "smart", limited)
    assert targets(given, "anthropic/anything", limited)
    assert targets(given, "claude-big", limited) == ["anthropic/claude-big"]
    for model in ("gpt-9", "openai/gpt-9", "team/claude-big", "no-such", "ollama/x"):
        error = refusal(given, model, limited).error
        assert (error.kind, error.http_status, error.code) == (ErrorKind.PERMISSION, 403, "model_not_allowed")
        assert "`smart`" in error.message


def test_what_one_key_may_is_not_remembered_for_another() -> None:
    planner = Planner(snapshot(ANTHROPIC, OPENAI, routes=(SMART,)))
    one, other = key("one", "smart"), key("other", "openai/*")
    for _ in range(2):
        assert planner.plan(one, "smart").route == "smart"
        with pytest.raises(GatewayError, match="may not use"):
            planner.plan(other, "smart")
        assert planner.plan(other, "gpt-9").route == "gpt-9"
        with pytest.raises(GatewayError, match="may not use"):
            planner.plan(one, "gpt-9")


def test_near_names_are_those_that_the_key_may_use() -> None:
    given = snapshot(ANTHROPIC, OPENAI, routes=(SMART,))
    assert "Did you mean `smart`" in refusal(given, "smarts").error.message
    assert "Did you mean" not in refusal(given, "smarts", key("limited", "smarts", "anthropic/*")).error.message


def test_a_plan_is_made_once_and_memory_is_bounded() -> None:
    planner = Planner(snapshot(ANTHROPIC))
    first = planner.plan(ALL, "claude-big")
    assert planner.plan(key("b"), "claude-big") is first
    limited = key("limited", "anthropic/*")
    for number in range(20_000):
        planner.plan(limited, f"anthropic/{number}")
    assert len(vars(planner)["_plans"]) <= 4096
    assert len(vars(planner)["_allowed"]) <= 4 * 4096


@pytest.mark.parametrize("name", ["team/*", "anthropic/*"])
def test_a_pattern_is_no_name(name: str) -> None:
    assert refusal(snapshot(ANTHROPIC, routes=(TEAM,)), name).error.kind is ErrorKind.NOT_FOUND


def test_the_list_of_models() -> None:
    given = snapshot(upstream("lab", "custom", models=("qwen",)), ANTHROPIC, NO_OPENAI, routes=(SMART, TEAM))
    planner = Planner(given)
    names = [model.name for model in planner.models()]
    assert names == ["smart", "team/claude-big", "lab/qwen", "anthropic/claude-big", "sandbox/echo"]
    assert all(planner.plan(ALL, model.name).targets[0] == model.target for model in planner.models())
    assert [model.name for model in planner.models(key("k", "smart", "lab/*"))] == ["smart", "lab/qwen"]


def test_a_route_that_no_provider_can_serve_is_not_listed() -> None:
    given = snapshot(NO_OPENAI, routes=(Route(name="r", targets=(("openai", "gpt-9"),)),))
    assert [model.name for model in Planner(given).models()] == ["sandbox/echo"]


@pytest.mark.parametrize(
    ("patterns", "name", "yes"),
    [((), "x", True), (("*",), "x", True), (("a/*",), "a/b", True), (("a/*",), "a", False), (("a",), "a", True), (("a",), "ab", False)],
)
def test_patterns(patterns: tuple[str, ...], name: str, yes: bool) -> None:
    assert allows(key("k", *patterns), name) is yes
