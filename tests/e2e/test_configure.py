"""`tidegate plan`, `apply` and `export` against gateways that run: what they change is live, and one gateway's export makes another one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from tests.e2e.test_credentials import SHARED, Api, ask, carried
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess
from tests.support.waiting import LIVE, until


def tidegate(api: Api, *arguments: str, secret: str | None = SHARED) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ.get("PATH", ""), "TIDEGATE_ADMIN_KEY": api.token, "TIDEGATE_ADMIN_URL": api.url}
    environ |= {"LAB_KEY": secret} if secret is not None else {}
    command = [sys.executable, "-m", "tidegate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=api.gateway.directory, env=environ, check=False)
    assert SHARED not in done.stdout + done.stderr
    return done


def document(provider: Provider) -> dict[str, Any]:
    return {
        "providers": {"lab": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "env:LAB_KEY"}},
        "routes": {"smart": {"targets": ["lab/gpt-4o"]}},
    }


def allowing(provider: Provider) -> dict[str, Any]:
    """The sandbox is on the loopback, where no provider of the database may be."""
    return {"egress_allow": [{"cidr": "127.0.0.0/8", "ports": [urlsplit(provider.url).port]}]}


def answers(gateway: GatewayProcess, model: str) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body).status


def test_a_file_is_planned_applied_exported_and_applied_elsewhere(tmp_path: Path, provider: Provider) -> None:
    with GatewayProcess(tmp_path / "one", allowing(provider)) as one, GatewayProcess(tmp_path / "two", allowing(provider)) as two:
        api = Api(one)
        file = one.directory / "wanted.yaml"
        file.write_text(yaml.safe_dump(document(provider)))
        planned = tidegate(api, "plan", "wanted.yaml")
        assert (planned.returncode, planned.stderr) == (2, "3 to make, 0 to change, 0 to delete.\n")
        assert planned.stdout.splitlines()[0] == "+ provider lab"
        assert answers(one, "smart") == 404
        assert tidegate(api, "apply", "wanted.yaml").returncode == 0
        until(lambda: answers(one, "smart") == 200, within=LIVE)
        assert carried(provider) == SHARED
        again = tidegate(api, "plan", "wanted.yaml", "--json")
        assert (again.returncode, json.loads(again.stdout)) == (0, {"changes": []})

        exported = tidegate(api, "export")
        assert exported.returncode == 0
        second = Api(two)
        (two.directory / "wanted.yaml").write_text(exported.stdout)
        lacking = tidegate(second, "apply", "wanted.yaml", secret=None)
        assert lacking.returncode == 1
        assert "`env:LAB_KEY` is needed for the credential `lab`" in lacking.stderr
        assert tidegate(second, "apply", "wanted.yaml").returncode == 0
        until(lambda: answers(two, "smart") == 200, within=LIVE)
        assert tidegate(second, "export").stdout == exported.stdout

        file.write_text("routes: {}\nproviders: {}\ncredentials: []")
        assert tidegate(api, "apply", "wanted.yaml").stdout.splitlines()[0] == "- provider lab"
        until(lambda: answers(one, "smart") == 404, within=LIVE)


def test_mistakes_are_told_with_their_line_or_their_field(tmp_path: Path, provider: Provider) -> None:
    with GatewayProcess(tmp_path, allowing(provider)) as gateway:
        api = Api(gateway)
        file = gateway.directory / "wanted.yaml"
        for text, words in (
            ("routes: {smart: {tragets: [a/b]}}", "wanted.yaml:1: routes.smart.tragets"),
            ("server: {}\nkeys: []", "this section is of a gateway's own file"),
            ("providers: {openai: {api_key: sk-in-the-file}}", "a secret is written `env:NAME`"),
            ("routes: {smart: {targets: [nowhere/b]}}", "routes.smart.targets[0]: there is no provider `nowhere`"),
            ("providers: {lab: {kind: custom, dialect: openai_chat, base_url: 'http://169.254.169.254/v1'}}", "providers.lab.base_url"),
        ):
            file.write_text(text)
            done = tidegate(api, "plan", "wanted.yaml")
            assert done.returncode == 1
            assert words in done.stderr
        assert ask(gateway, gateway.key).status_code == 400
        api.token = "tgk_adm_nonsense"
        assert tidegate(api, "export").returncode == 1


def test_a_provider_and_a_route_by_the_api_are_live_and_a_bad_one_changes_nothing(tmp_path: Path, provider: Provider) -> None:
    with GatewayProcess(tmp_path, allowing(provider)) as gateway:
        api = Api(gateway)
        lab = {"kind": "custom", "dialect": "openai_chat", "base_url": f"{provider.url}/v1"}
        made = api.ask("POST", "/providers", {"name": "lab", "entry": lab})
        assert made.status_code == 201, made.text
        assert api.ask("POST", "/routes", {"name": "smart", "entry": {"targets": ["lab/gpt-4o"]}}).status_code == 201
        until(lambda: answers(gateway, "smart") == 200, within=LIVE)
        assert api.ask("PATCH", f"/providers/{made.json()['id']}", {"entry": {**lab, "dialect": "nonsense"}}).status_code == 400
        assert api.ask("DELETE", f"/providers/{made.json()['id']}").status_code == 409
        assert answers(gateway, "smart") == 200
        # The file must stand without the database, because a start has it first.
        gateway.configure({**allowing(provider), "routes": {"fast": {"targets": ["lab/gpt-4o"]}}})
        until(lambda: "configuration refused" in gateway.log(), within=LIVE)
        assert answers(gateway, "smart") == 200
