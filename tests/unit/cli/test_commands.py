import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidegate import __version__, cli
from tidegate.app import serve as process
from tidegate.cli import main
from tidegate.control.settings import Settings
from tidegate.policy.keys import token_id
from tidegate.sandbox import server

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an environment without any provider."""
    for name in os.environ:
        if name not in ("PATH", "LANG", "LC_ALL", "TMPDIR"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_version(capsys: Capture) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"tidegate {__version__} (Python 3.")


@pytest.mark.parametrize(
    "arguments", [["--port", "x", "serve"], ["serve", "--port", "x"], ["nonsense"], ["keys", "revoke"], ["keys", "create", "--env", "prod"]]
)
def test_misuse_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "wanted"),
    [
        (["serve"], {}, Settings()),
        (["serve"], {"TIDEGATE_HOST": "::1", "TIDEGATE_PORT": "9"}, Settings(host="::1", port=9)),
        (["serve", "--port", "7"], {"TIDEGATE_PORT": "9"}, Settings(port=7)),
        (["serve", "--port=7", "--host=::1"], {"TIDEGATE_PORT": "9"}, Settings(host="::1", port=7)),
        (["serve", "--port", "0", "--host", "0.0.0.0"], {}, Settings(host="0.0.0.0", port=0)),
        (["serve", "--config", "c.yaml", "--home", "h"], {}, Settings(config_path=Path("c.yaml"), home=Path("h"))),
        (["serve"], {"TIDEGATE_CONFIG": "", "TIDEGATE_PORT": "", "TIDEGATE_HOME": "h"}, Settings(home=Path("h"))),
    ],
)
def test_serve_starts_with_options_then_variables(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], environ: dict[str, str], wanted: Settings
) -> None:
    seen: list[Settings] = []

    def serve(chosen: Settings) -> int:
        seen.append(chosen)
        return 3

    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(process, "serve", serve)
    assert main(arguments) == 3
    chosen = seen[0]
    assert (chosen.host, chosen.port, chosen.home, chosen.config_path) == (wanted.host, wanted.port, wanted.home, wanted.config_path)
    assert {name: chosen.environ[name] for name in environ} == environ


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        ("serve", "start"),
        ("serve --port 8080 --host :: --config a.yaml --home ./state", "start"),
        ("serve --port=8080", "commands"),
        ("serve --port 1e3", "commands"),
        ("serve --port " + "9" * 5000, "commands"),
        ("serve --port 1 --port 2", "commands"),
        ("serve --port", "commands"),
        ("serve --host --port 1", "commands"),
        ("serve --host --help", "commands"),
        ("serve --nonsense 1", "commands"),
        ("check --home h", "commands"),
        ("", "commands"),
    ],
)
def test_serve_with_plain_options_waits_for_no_library_that_reads_others(
    monkeypatch: pytest.MonkeyPatch, arguments: str, module: str
) -> None:
    loaded: list[str] = []

    def load(name: str) -> SimpleNamespace:
        loaded.append(name)
        return SimpleNamespace(run=lambda _given: 4)

    monkeypatch.setattr(cli, "import_module", load)
    assert (main(arguments.split()), loaded) == (4, [f"tidegate.cli.{module}"])


@pytest.mark.parametrize("arguments", [["serve"], ["serve", "--host", "127.0.0.1"], ["keys", "list"], ["check"], ["models"]])
def test_a_wrong_port_in_the_environment_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Capture, arguments: list[str]) -> None:
    monkeypatch.setenv("TIDEGATE_PORT", "http")
    assert main(arguments) == 1
    assert "`http` is not a port" in capsys.readouterr().err


def test_serve_with_a_damaged_key_store_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Capture, clean_place: Path) -> None:
    monkeypatch.setenv("TIDEGATE_ADMIN_PORT", "0")  # the usual one may be taken
    (clean_place / ".tidegate").mkdir()
    (clean_place / ".tidegate/keys.json").write_text("{")
    assert main(["serve", "--port", "0"]) == 1
    assert "is damaged" in capsys.readouterr().err


def test_check_without_anything(capsys: Capture, clean_place: Path) -> None:
    assert main(["check"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for words in ("no tidegate.yaml", "sandbox/echo", "ANTHROPIC_API_KEY", "routes: none", "keys: none yet"):
        assert words in said.out
    assert list(clean_place.iterdir()) == []


CONFIG = """
providers:
  anthropic: {api_key: env:A_KEY}
  openai:
  lab: {kind: custom, dialect: openai_chat, base_url: "http://10.0.0.5:8000/v1", models: [qwen]}
routes:
  smart: {targets: [anthropic/claude-sonnet-4-5, openai/gpt-4o], on_loss: refuse, defaults: {max_tokens: 5}}
  "team/*": {targets: ["lab/*"], caller_keys: true}
keys:
  - {name: ci, value: env:CI_KEY, models: [smart, smrat]}
"""


def test_check_tells_what_would_be_served_and_no_secret(capsys: Capture, clean_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean_place / "my.yaml").write_text(CONFIG)
    monkeypatch.setenv("A_KEY", "secret-of-anthropic")
    monkeypatch.setenv("CI_KEY", "secret-of-the-ci-0123456789")
    for arguments in (["check", "my.yaml"], ["check", "--config", "my.yaml"]):
        assert main(arguments) == 0
        said = capsys.readouterr()
        assert "secret" not in said.out + said.err
        lines = {line.split()[0]: " ".join(line.split()) for line in said.out.splitlines() if line.startswith("  ")}
        assert "key found from the file" in lines["anthropic"]
        assert "NO KEY: set `OPENAI_API_KEY` for OpenAI" in lines["openai"]
        assert lines["lab"] == "lab custom openai_chat http://10.0.0.5:8000/v1 1 models needs no key from the file"
        assert lines["smart"] == "smart anthropic/claude-sonnet-4-5 -> openai/gpt-4o (no key) refuses losses; defaults: max_tokens"
        assert "callers bring keys" in lines["team/*"]
        assert lines["ci"] == "ci config:ci smart, smrat"
        assert "warning: my.yaml:10: keys[0].models[1]: no route and no model is called `smrat` yet. Did you mean `smart`?" in said.err


def test_check_tells_every_mistake(capsys: Capture, clean_place: Path) -> None:
    (clean_place / "tidegate.yaml").write_text("providers:\n  antropic: {}\nserver: {body_limit: x}\n")
    assert main(["check"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0].startswith("error: tidegate.yaml:2: providers.antropic: `antropic` is not a known kind")
    assert said.err.splitlines()[1].startswith("error: tidegate.yaml:3: server.body_limit: ")
    assert said.err.splitlines()[2] == "2 errors: nothing would be served"


def test_models(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    assert main(["models", "claude-sonnet-4-5"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split()[:2] == ["MODEL", "TARGET"]
    assert "anthropic/claude-sonnet-4-5" in said
    assert "sandbox" not in said
    assert main(["models", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"name", "target", "dialect", "capabilities", "price", "free", "deprecated", "origin", "source", "date", "listed"} == rows[
        0
    ].keys()
    assert "sandbox/echo" in {row["name"] for row in rows}
    assert main(["models", "no-such-name"]) == 0
    assert "No model has `no-such-name`" in capsys.readouterr().err


def test_models_of_a_wrong_file(capsys: Capture) -> None:
    assert main(["models", "--config", "gone.yaml"]) == 1
    assert "gone.yaml: there is no such file" in capsys.readouterr().err


def test_a_key_from_its_making_to_its_end(capsys: Capture, monkeypatch: pytest.MonkeyPatch, clean_place: Path) -> None:
    assert main(["keys", "list"]) == 0
    assert "No keys yet" in capsys.readouterr().err
    assert main(["keys", "create", "--name", "ci", "--model", "smart", "--model", "anthropic/*", "--env", "test"]) == 0
    said = capsys.readouterr()
    token = said.out.strip()
    public = token_id(token)
    assert public is not None
    assert token not in said.err
    assert main(["keys", "list"]) == 0
    said = capsys.readouterr()
    assert [line.split()[:3] for line in said.out.splitlines()[1:]] == [[public, "ci", "test"]]
    assert "smart, anthropic/*" in said.out
    assert main(["keys", "check", token]) == 0
    assert "active" in capsys.readouterr().err
    assert main(["keys", "revoke", "ci"]) == 0
    assert main(["keys", "check", token]) == 1
    assert "revoked" in capsys.readouterr().err
    assert main(["keys", "revoke", "ci"]) == 1
    assert main(["keys", "list", "--home", "elsewhere"]) == 0
    assert not (clean_place / "elsewhere").exists()


def test_checking_a_key_offline(capsys: Capture, monkeypatch: pytest.MonkeyPatch, clean_place: Path) -> None:
    main(["keys", "create", "--home", "other"])
    token = capsys.readouterr().out.strip()
    assert main(["keys", "check", token]) == 1
    assert "is whole, and not one of those" in capsys.readouterr().err
    assert main(["keys", "check", token[:-1]]) == 1
    assert "not a whole gateway key: it has 70 characters" in capsys.readouterr().err
    (clean_place / "key.txt").write_text(token + "\n")
    with (clean_place / "key.txt").open() as typed:
        monkeypatch.setattr("sys.stdin", typed)
        assert main(["keys", "check", "--home", "other"]) == 0


@pytest.mark.parametrize("pattern", ["", "*x", "a*b"])
def test_a_pattern_that_cannot_be_is_refused(capsys: Capture, pattern: str) -> None:
    assert main(["keys", "create", "--model", pattern]) == 1
    assert "at the end" in capsys.readouterr().err


def test_the_sandbox_is_started(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    seen: list[object] = []
    monkeypatch.setattr(server, "serve", lambda *given, **named: seen.append((given, named)))
    assert main(["sandbox", "--port", "0", "--log", "truth.jsonl"]) == 0
    assert seen == [(("127.0.0.1", 0, Path("truth.jsonl")), {"seed": 0, "lenient": False})]

    def taken(*_given: object, **_named: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(server, "serve", taken)
    assert main(["sandbox"]) == 1
    assert "127.0.0.1:8089 cannot be used: Address already in use" in capsys.readouterr().err
