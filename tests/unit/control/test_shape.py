import pytest
from tests.unit.control.configs import Place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("provders: {}", "1: provders: `provders` is not a setting. Did you mean `providers`?"),
        (
            "zzz: {}",
            "1: zzz: `zzz` is not a setting. Known here: `providers`, `routes`, `keys`, `limits`, `prices`, `models`, "
            "`catalog`, `retention`, `billing`, `webhooks`, `server`, `overload`, `egress_allow`.",
        ),
        ("providers: [a]", "1: providers: it must be names with values, not a list"),
        ("providers:\n  anthropic: sk-ant-secret", "2: providers.anthropic: it must be settings (`kind`, `dialect`, "),
        (
            "providers:\n  x: {kind: custom, dialect: openai}",
            "2: providers.x.dialect: `openai` is not possible: it must be `anthropic` or `bedrock_converse` or `gemini` or "
            "`openai_chat` or `openai_responses`.",
        ),
        ("providers:\n  anthropic: {api_key: 5}", "2: providers.anthropic.api_key: it must be text, not a number: put it in quotes"),
        ("providers:\n  anthropic:\n    models: gpt", "3: providers.anthropic.models: it must be a list, not text"),
        ("providers:\n  anthropic:\n    models: [1]", "3: providers.anthropic.models[0]: it must be text, not a number"),
        ("providers:\n  anthropic:\n    headers: {a: true}", "3: providers.anthropic.headers.a: it must be text, not true or false"),
        ("routes:\n  smart: {groups: [{}]}", "2: routes.smart.groups[0]: `targets` is missing: it must be a list"),
        (
            "routes:\n  smart: {targets: [5]}",
            "2: routes.smart.targets[0]: it must be text or settings (`target`, `weight`, `canary`, `when`), not a number",
        ),
        ("routes:\n  smart: {targets: [{targt: x}]}", "`targt` is not a setting. Did you mean `target`?"),
        (
            "routes:\n  smart: {targets: [anthropic/x], on_loss: refus}",
            "`refus` is not possible: it must be `refuse` or `report`. Did you mean `refuse`?",
        ),
        ("routes:\n  smart: {targets: [anthropic/x], caller_keys: 1}", "it must be true or false, not a number"),
        ("keys: {}", "1: keys: it must be a list, not names with values"),
        ("keys:\n  - {name: x}", "2: keys[0]: `value` is missing: it must be text"),
        ("server: {bodies_in_log: 'yes'}", "1: server.bodies_in_log: it must be true or false, not text"),
        ("server: {body_limit: 1.5}", "1: server.body_limit: it must be a whole number or text, not a number"),
        (
            "[]",
            "1: : it must be settings (`providers`, `routes`, `keys`, `limits`, `prices`, `models`, `catalog`, `retention`, `billing`, "
            "`webhooks`, `server`, `overload`, `egress_allow`), not a list",
        ),
        ("text", "1: : it must be settings"),
    ],
)
def test_wrong_shapes_are_told_with_line_and_fix(place: Place, text: str, words: str) -> None:
    found = place.mistakes(text)
    assert any(words in line for line in found), found


@pytest.mark.parametrize(
    "text", ["", "{}", "providers:\nroutes:\nkeys:\nserver:\n", "providers: {anthropic: }", "server: {cors: , body_limit: }"]
)
def test_empty_sections_are_fine(place: Place, text: str) -> None:
    assert place.mistakes(text) == []


def test_every_mistake_is_told_at_once(place: Place) -> None:
    found = place.mistakes(
        "providers:\n  antropic: {apikey: x}\n  openai: {api_key: env:NOPE}\nroutes:\n  r: {targets: [nobody/x], onloss: refuse}\n"
    )
    assert [line.split(":")[0] for line in found] == ["2", "2", "3", "5", "5"]


def test_no_mistake_repeats_a_value_that_may_be_a_secret(place: Place) -> None:
    assert place.mistakes("providers:\n  anthropic: sk-ant-secret\nkeys: sk-ant-secret\n")
