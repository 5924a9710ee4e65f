import msgspec
from tests.unit.policy.values import key, snapshot, upstream

from tidegate.policy.route import Plan, Planner
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, OwnModel, Snapshot
from tidegate.providers.lists import Listed, ProviderList
from tidegate.providers.spec import ListSpec, Price

LISTED = (
    Listed(id="gpt-9", facts={"context": 5, "max_output": 6}),
    Listed(id="gpt-10", aliases=("gpt-next",), facts={"vision": True, "context": 7}, price=Price(input=1, output=2)),
    Listed(id="plain"),
    Listed(id="mine", of="gpt-9"),
)


def with_lists(*names: str) -> Snapshot:
    snap = snapshot(upstream("anthropic"), upstream("openai"), upstream("openrouter"))
    return msgspec.structs.replace(snap, lists={name: ProviderList(at=86400.0, source=f"list of {name}", rows=LISTED) for name in names})


def plan(snap: Snapshot, name: str) -> Plan:
    return Planner(snap).plan(key(), name)


def test_a_bare_name_that_only_a_list_has_goes_to_the_first_provider_with_it() -> None:
    snap = with_lists("openai", "openrouter")
    assert plan(snap, "gpt-10").targets[0].name == "openai/gpt-10"
    assert plan(snap, "gpt-next").targets[0].name == "openai/gpt-next"
    assert plan(with_lists("openrouter"), "gpt-9").targets[0].name == "openai/gpt-9", "the catalogue counts before any list"


def test_what_is_known_of_a_listed_model_and_who_says_so() -> None:
    snap = with_lists("openai")
    target = plan(snap, "openai/gpt-10").targets[0]
    assert (target.profile.capabilities.vision, target.profile.capabilities.context) == (True, 7)
    assert target.price == Price(input=1, output=2, source="list of openai", date="1970-01-02")
    assert (target.origin, target.source, target.date, target.listed) == ("list", "list of openai", "1970-01-02", "1970-01-02")
    assert (target.is_known, target.is_guess) == (True, False)
    known = plan(snap, "openai/gpt-9").targets[0]
    assert (known.origin, known.listed, known.profile.capabilities.context, known.profile.capabilities.max_output) == (
        "catalogue",
        "1970-01-02",
        1000,
        6,
    )
    mine = plan(snap, "openai/mine").targets[0]
    assert (mine.model, mine.origin, mine.profile.capabilities.context) == ("mine", "catalogue", 1000)
    like = msgspec.structs.replace(upstream("openrouter").spec, list=ListSpec(shape="", like=("ollama", "openai")))
    cloud = msgspec.structs.replace(upstream("openrouter"), spec=like)
    cloudy = msgspec.structs.replace(with_lists("openrouter"), upstreams={"openrouter": cloud})
    deployed = plan(cloudy, "openrouter/mine").targets[0]
    assert (deployed.origin, deployed.profile.capabilities.context, deployed.price) == ("list", 1000, None)
    assert plan(snap, "openai/plain").targets[0].is_guess
    unknown = plan(snap, "openai/of-tomorrow").targets[0]
    assert (unknown.origin, unknown.listed, unknown.is_known) == ("default", "", False)


def test_the_operator_has_the_last_word() -> None:
    own = {
        "openai/gpt-*": OwnModel(capabilities={"context": 1, "vision": False}),
        "openai/gpt-10": OwnModel(capabilities={"tools": False}, deprecated="soon"),
    }
    snap = msgspec.structs.replace(with_lists("openai"), own_models=own)
    target = plan(snap, "openai/gpt-10").targets[0]
    capabilities = target.profile.capabilities
    assert (capabilities.tools, capabilities.vision, capabilities.context, target.deprecated) == (False, True, 7, "soon")
    assert target.origin == "tidegate.yaml"
    assert plan(snap, "openai/gpt-9").targets[0].profile.capabilities.context == 1
    assert plan(snap, "openai/gpt-of-tomorrow").targets[0].is_known


def test_lists_are_shown_after_the_catalogue_once() -> None:
    names = [model.name for model in Planner(with_lists("openai")).models() if model.name.startswith("openai/")]
    assert names == ["openai/gpt-9", "openai/gpt-10", "openai/plain", "openai/mine", "openai/gpt-next"]


def test_an_organisation_with_a_credential_of_its_own_does_not_see_the_list_of_the_shared_one() -> None:
    account = Account(id="a", name="a", secret=Secret("theirs"))
    snap = msgspec.structs.replace(with_lists("openai", "openrouter"), own={"acme": {"openai": (account,)}})
    theirs = msgspec.structs.replace(key(), org="acme")
    names = {model.name for model in Planner(snap).models(theirs)}
    assert "openai/gpt-10" not in names
    assert "openrouter/gpt-10" in names
    assert "openai/gpt-10" in {model.name for model in Planner(snap).models(key())}
