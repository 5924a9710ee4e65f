import pytest
from tests.unit.control.configs import ENVIRON, Place
from tests.unit.policy.values import PROVIDERS

from tidegate.control.upstreams import SANDBOX_MODELS
from tidegate.policy.snapshot import Timeouts, Upstream
from tidegate.sandbox.answer import MODELS


def upstreams(place: Place, text: str, environ: dict[str, str] | None = None) -> dict[str, Upstream]:
    return place.load(text, ENVIRON if environ is None else environ).snapshot.upstreams


def secret(upstream: Upstream) -> str | None:
    return upstream.credential.reveal() if upstream.credential is not None else None


def test_providers_are_found_in_the_environment_and_the_sandbox_is_always_there(place: Place) -> None:
    found = upstreams(place, "", {"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a"})
    assert list(found) == ["anthropic", "openai", "sandbox"]
    assert secret(found["anthropic"]) == "a"
    assert (found["openai"].base_url, found["openai"].auth, found["openai"].missing) == ("https://api.openai.example/v1", "bearer", None)
    assert list(upstreams(place, "", {})) == ["sandbox"]
    assert list(upstreams(place, "", {"OPENAI_API_KEY": " ", "OLLAMA_API_KEY": "x"})) == ["sandbox"]


def test_the_sandbox_lists_what_it_answers_to(place: Place) -> None:
    assert upstreams(place, "", {})["sandbox"].models == SANDBOX_MODELS == MODELS


def test_the_file_comes_first_in_its_own_order(place: Place) -> None:
    text = "providers:\n  zeta: {kind: openai, api_key: env:TIDEGATE_CI_KEY}\n  anthropic:\n"
    assert list(upstreams(place, text, {**ENVIRON, "OPENAI_API_KEY": "o"})) == ["zeta", "anthropic", "openai", "sandbox"]


def test_a_known_kind_takes_everything_from_the_catalogue(place: Place) -> None:
    found = upstreams(place, "providers:\n  anthropic: {api_key: env:TIDEGATE_CI_KEY}")["anthropic"]
    assert found.spec == PROVIDERS["anthropic"]
    assert (found.base_url, found.auth, secret(found)) == ("https://api.anthropic.example", "x-api-key", ENVIRON["TIDEGATE_CI_KEY"])


def test_an_entry_may_say_it_all(place: Place) -> None:
    (place.file.parent / "corp.pem").write_text("pem")
    (place.file.parent / "claude").write_text("from-file\n")
    text = """
providers:
  claude-eu:
    kind: anthropic
    base_url: "https://eu.example/v1/"
    api_key: file:claude
    headers: {X-Team: eu, x-secret: "env:ANTHROPIC_API_KEY"}
    proxy: "http://user:pw@proxy.example:3128"
    ca_file: corp.pem
    models: [claude-special]
"""
    found = upstreams(place, text)["claude-eu"]
    assert (found.name, found.spec.name, found.base_url, secret(found)) == ("claude-eu", "anthropic", "https://eu.example", "from-file")
    assert found.headers == (("x-team", "eu"), ("x-secret", "sk-ant-secret"))
    assert found.proxy == "http://user:pw@proxy.example:3128"
    assert found.ca_file == str(place.file.parent / "corp.pem")
    assert found.models == ("claude-special",)


def test_a_custom_provider(place: Place) -> None:
    text = """
providers:
  lab: {kind: custom, dialect: openai_chat, base_url: "http://10.0.0.5:8000/v1"}
  own: {kind: custom, dialect: anthropic, base_url: "http://10.0.0.6/v1", api_key: env:TIDEGATE_CI_KEY}
  azure: {kind: custom, dialect: openai_chat, base_url: "https://x.example/v1", api_key: env:TIDEGATE_CI_KEY, auth: api-key}
  openai: {kind: custom, dialect: openai_chat, base_url: "https://y.example/v1"}
"""
    found = upstreams(place, text)
    assert (found["lab"].base_url, found["lab"].auth, found["lab"].missing) == ("http://10.0.0.5:8000/v1", "none", None)
    assert (found["own"].base_url, found["own"].auth, found["own"].spec.dialect) == ("http://10.0.0.6", "x-api-key", "anthropic")
    assert found["azure"].auth == "api-key"
    assert len({found[name].spec.name for name in ("lab", "own", "azure")} | {"openai"} - {found["openai"].spec.name}) == 4


def test_a_local_provider_needs_no_key_and_takes_one(place: Place) -> None:
    text = "providers:\n  ollama: {base_url: 'http://10.0.0.9:11434/v1'}\n  other: {kind: ollama, api_key: env:TIDEGATE_CI_KEY}\n"
    found = upstreams(place, text)
    assert (found["ollama"].auth, found["ollama"].missing) == ("none", None)
    assert (found["other"].auth, secret(found["other"])) == ("bearer", ENVIRON["TIDEGATE_CI_KEY"])
    assert list(upstreams(place, "", {"OLLAMA_BASE_URL": "http://h:1/v1/"})) == ["ollama", "sandbox"]


def test_a_provider_without_a_key_says_which_variable(place: Place) -> None:
    found = upstreams(place, "providers:\n  openai:\n", {})["openai"]
    assert found.credential is None
    assert found.missing == "set `OPENAI_API_KEY` for Openai"


def test_the_environments_key_goes_to_another_address_with_a_warning(place: Place) -> None:
    found = place.load("providers:\n  anthropic: {base_url: 'https://elsewhere.example'}\n")
    assert secret(found.snapshot.upstreams["anthropic"]) == "sk-ant-secret"
    assert [warning.where for warning in found.warnings] == ["providers.anthropic.base_url"]
    assert "ANTHROPIC_API_KEY" in found.warnings[0].message
    said = place.load("providers:\n  anthropic: {base_url: 'https://elsewhere.example', api_key: env:ANTHROPIC_API_KEY}\n")
    same = place.load("providers:\n  anthropic: {base_url: 'https://api.anthropic.example/v1'}\n")
    none = place.load("providers:\n  anthropic: {base_url: 'https://elsewhere.example', auth: none}\n")
    assert [found.warnings for found in (said, same, none)] == [(), (), ()]
    assert (none.snapshot.upstreams["anthropic"].auth, none.snapshot.upstreams["anthropic"].credential) == ("none", None)


def test_timeouts(place: Place) -> None:
    found = upstreams(place, "providers:\n  anthropic: {timeouts: {answer: 600, idle: 0.5}}\n")["anthropic"]
    assert found.timeouts == Timeouts(connect=5, answer=600, idle=0.5)


def test_a_base_url_of_the_environment(place: Place) -> None:
    environ = {"OPENAI_API_KEY": "o", "OPENAI_BASE_URL": "https://proxy.example/v1/"}
    assert upstreams(place, "", environ)["openai"].base_url == "https://proxy.example/v1"
    for bad in ("nonsense", "http://localhost:8080/v1", "http://127.0.0.1:8080"):
        loaded = place.load("", {**environ, "OPENAI_BASE_URL": bad})
        assert loaded.snapshot.upstreams["openai"].base_url == "https://api.openai.example/v1"
        assert any("`OPENAI_BASE_URL` is ignored" in problem.message for problem in loaded.warnings)
        assert len(loaded.warnings) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("antropic: {}", "`antropic` is not a known kind of provider. Did you mean `anthropic`? For any other server write `kind: custom`"),
        ("x: {kind: antropic}", "providers.x.kind: `antropic` is not a known kind"),
        ("sandbox: {}", "the sandbox is built in"),
        ("x: {kind: sandbox}", "the sandbox is built in"),
        ("'a/b': {kind: anthropic}", "a provider's name has letters"),
        ("x: {kind: custom}", "needs `base_url`"),
        ("x: {kind: custom}", "needs `dialect`"),
        ("custom: {}", "needs `dialect`"),
        ("anthropic: {dialect: openai_chat}", "`anthropic` speaks `anthropic`"),
        ("anthropic: {base_url: 'api.x.example'}", "did you mean `http://api.x.example`?"),
        ("anthropic: {base_url: 'ftp://x'}", "this is not an address"),
        ("anthropic: {base_url: 'http://x:99999'}", "this is not an address"),
        ("anthropic: {base_url: 'http://'}", "this is not an address"),
        ("anthropic: {base_url: 'http://x/?key=1'}", "no `?`"),
        ("anthropic: {base_url: 'http://u:p@x/'}", "carries no user name"),
        ("anthropic: {base_url: 'http://[::1]:8080'}", "the address of Tidegate itself"),
        ("anthropic: {base_url: 'https://x/v1/messages'}", "write `https://x`"),
        ("ollama: {base_url: 'https://x/v1/chat/completions/'}", "appends: write `https://x/v1`"),
        ("anthropic: {headers: {Host: x}}", "`Host` cannot be set"),
        ("anthropic: {headers: {'a b': x}}", "`a b` cannot be set"),
        ('anthropic: {headers: {a: "x\\r\\ny: z"}}', "printable ASCII"),
        ("anthropic: {headers: {a: env:NOPE}}", "`NOPE` is not set"),
        ("anthropic: {proxy: nowhere}", "providers.anthropic.proxy: this is not an address"),
        ("anthropic: {ca_file: gone.pem}", "there is no file `gone.pem`"),
        ("anthropic: {api_key: env:NOPE}", "the environment variable `NOPE` is not set"),
    ],
)
def test_mistakes(place: Place, entry: str, words: str) -> None:
    found = place.mistakes(f"providers:\n  {entry}\n")
    assert any(line.startswith("2: ") and words in line for line in found), found
