"""Who is measured: Tidegate, LiteLLM, nginx and a sketch in Python as floors, and the upstream itself called directly.

Each is a value that says how it is started and what its models are called; all of them are pinned to one core and talk to the same
upstream over the loopback interface.
"""

import io
import os
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from bench import payloads, procs, sketch
from bench.scenarios import SCENARIOS, Family, Scenario

ROOT = Path(__file__).parents[1]
WORK = ROOT / "bench/.work"
REQUIREMENTS = ROOT / "bench/litellm-requirements.txt"
GATEWAY_CORE, LOAD_CORE = 0, 1
EMBEDDED, STORED = "embedded", "stored"
_CREDENTIALS = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"), "sk-bench-upstream")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAMES: dict[Family, str] = {
    "claude": payloads.CLAUDE,
    "gpt": payloads.GPT,
    "gemini": payloads.GEMINI,
    "embedding": payloads.EMBEDDING,
}


@dataclass(frozen=True)
class Upstream:
    running: procs.Running
    port: int
    paced_port: int


@dataclass(frozen=True)
class Gateway:
    """`models` has the model's name for (family, paced); `scenarios`, where given, are those that it takes part in."""

    name: str
    title: str
    port: int
    paced_port: int
    key: str
    models: Mapping[tuple[Family, bool], str]
    start: Callable[[], procs.Running]
    scenarios: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Of callers that take turns, where there are several; the first is `key`."""
    starts: int = 3
    """How often its start-up is measured."""

    def takes(self, scenario: Scenario) -> bool:
        return (not self.scenarios or scenario.name in self.scenarios) and (scenario.family, scenario.paced) in self.models

    def request(self, scenario: Scenario) -> bytes:
        return scenario.request(self.models[scenario.family, scenario.paced], self.key)

    def target(self, scenario: Scenario) -> int:
        return self.paced_port if scenario.paced else self.port


def start_upstream() -> Upstream:
    port, paced_port = procs.free_ports(2)
    command = [sys.executable, "-m", "bench.upstream", str(port), str(paced_port)]
    running = procs.start(command, core=LOAD_CORE, log=WORK / "upstream.log", cwd=ROOT)
    procs.wait_for_port(paced_port, running, 10)
    return Upstream(running, port, paced_port)


def direct(upstream: Upstream) -> Gateway:
    """No gateway at all: what the load generator and the upstream can do by themselves."""
    return Gateway(
        name="direct",
        title="the upstream called directly",
        port=upstream.port,
        paced_port=upstream.paced_port,
        key="none",
        models={(family, False): name for family, name in _NAMES.items()},
        start=lambda: upstream.running,
        scenarios=("chat-openai", "stream-openai"),
        starts=0,
    )


def tidegate(
    upstream: Upstream, name: str = "tidegate", source: Path = ROOT, *, more: str = "", environ: Mapping[str, str] = _NOTHING
) -> Gateway:
    """Tidegate as shipped, from the checkout `source`: key check, usage events, metrics and receipts are on. `more` ends its
    configuration."""
    home = WORK / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    config = home / "tidegate.yaml"
    config.write_text(
        "providers:\n"
        f'  anthropic: {{base_url: "http://127.0.0.1:{upstream.port}/v1", api_key: env:ANTHROPIC_API_KEY}}\n'
        f'  openai: {{base_url: "http://127.0.0.1:{upstream.port}/v1", api_key: env:OPENAI_API_KEY}}\n'
        f'  gemini: {{base_url: "http://127.0.0.1:{upstream.port}/v1beta", api_key: env:GEMINI_API_KEY}}\n'
        f'  paced-claude: {{kind: anthropic, base_url: "http://127.0.0.1:{upstream.paced_port}/v1", api_key: env:ANTHROPIC_API_KEY}}\n'
        f'  paced-openai: {{kind: openai, base_url: "http://127.0.0.1:{upstream.paced_port}/v1", api_key: env:OPENAI_API_KEY}}\n' + more
    )
    python = [sys.executable, "-m", "tidegate"]
    env = {
        "PYTHONPATH": str(source / "src"),
        "TIDEGATE_HOME": str(home),
        "TIDEGATE_CONFIG": str(config),
        "TIDEGATE_ADMIN_PORT": "0",
        "TIDEGATE_PRE_STOP": "0",
        "TIDEGATE_MODEL_LISTS": "0",
        **environ,
    } | _CREDENTIALS
    made = subprocess.run([*python, "keys", "create"], env=env, cwd=home, capture_output=True, check=True, text=True)
    (port,) = procs.free_ports(1)
    return Gateway(
        name=name,
        title="Tidegate" if name == "tidegate" else f"Tidegate, {name}",
        port=port,
        paced_port=port,
        key=made.stdout.strip(),
        models={
            **{(family, False): model for family, model in _NAMES.items()},
            ("claude", True): f"paced-claude/{payloads.CLAUDE}",
            ("gpt", True): f"paced-openai/{payloads.GPT}",
        },
        start=lambda: procs.start(
            [*python, "serve", "--host", "127.0.0.1", "--port", str(port)], core=GATEWAY_CORE, log=WORK / f"{name}.log", env=env, cwd=home
        ),
    )


def limited(upstream: Upstream, name: str, environ: Mapping[str, str]) -> Gateway:
    """Tidegate with eight limits on every call, four of the key and four of its organisation, a hard budget in each."""
    each = "limits: {requests_per_minute: 10000000, tokens_per_minute: 10000000000, concurrent: 100000}, budget: {usd: 9000000, per: day}"
    more = f"limits: [{{scope: key, {each}}}, {{scope: organisation, {each}}}]\n"
    return tidegate(upstream, name, more=more, environ=environ)


def keyed(upstream: Upstream, tenants: int, keys: int, calling: int) -> Gateway:
    """Tidegate with so many keys in its database, of so many organisations; `calling` of them call."""
    name = f"keys-{keys}-{calling}"
    made = tidegate(upstream, name)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TIDEGATE_HOME": str(WORK / name)}
    filled = subprocess.run(
        [sys.executable, ROOT / "bench/many_keys.py", str(tenants), str(keys)], env=env, capture_output=True, check=True, text=True
    )
    tokens = tuple(filled.stdout.split())
    some = tokens[:: keys // calling]
    title = f"Tidegate with {keys:,} keys of {tenants:,} organisations, {calling:,} of which call"
    return replace(made, title=title, key=some[0], keys=some, starts=1)


def checkout(revision: str) -> Path:
    """The files of a revision of this repository, in a folder of their own. Raises `CalledProcessError` where there is no such revision."""
    folder = WORK / "against"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", "--format=tar", revision], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(folder, filter="data")
    return folder


def nginx(upstream: Upstream) -> Gateway | None:
    """`proxy_pass` with kept-alive connections: the practical floor, as it has no logic at all. Nothing where nginx is not installed."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        return None
    home = WORK / "nginx"
    home.mkdir(parents=True, exist_ok=True)
    port, paced_port = procs.free_ports(2)
    servers = "".join(
        f"  upstream u{listen} {{ server 127.0.0.1:{behind}; keepalive 256; }}\n"
        f"  server {{ listen 127.0.0.1:{listen} backlog=1024; location / {{ proxy_pass http://u{listen}; }} }}\n"
        for listen, behind in ((port, upstream.port), (paced_port, upstream.paced_port))
    )
    temporary = "".join(f"  {kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (home / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {home}/nginx.pid;\nerror_log stderr error;\nevents {{ worker_connections 4096; }}\n"
        "http {\n  access_log off;\n  keepalive_requests 100000000;\n  client_body_buffer_size 256k;\n  proxy_http_version 1.1;\n"
        f'  proxy_set_header Connection "";\n  proxy_buffering off;\n{temporary}{servers}}}\n'
    )
    command = [binary, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
    return Gateway(
        name="nginx",
        title="nginx `proxy_pass`",
        port=port,
        paced_port=paced_port,
        key="none",
        models={("gpt", False): payloads.GPT, ("gpt", True): payloads.GPT},
        start=lambda: procs.start(command, core=GATEWAY_CORE, log=WORK / "nginx.log"),
        scenarios=tuple(scenario.name for scenario in SCENARIOS if (scenario.client, scenario.family) == ("chat", "gpt")),
    )


def sketched(upstream: Upstream) -> Gateway:
    """The sketch in Python that the targets were set by: what it takes is how fast this machine is at such work."""
    key = secrets.token_hex(16)
    (port,) = procs.free_ports(1)
    addresses = [f"http://127.0.0.1:{one}" for one in (upstream.port, upstream.paced_port)]
    return Gateway(
        name="sketch",
        title="the sketch in Python",
        port=port,
        paced_port=port,
        key=key,
        models={("claude", False): payloads.CLAUDE, ("claude", True): sketch.PACED + payloads.CLAUDE},
        start=lambda: procs.start(
            [sys.executable, "-m", "bench.sketch", str(port), *addresses, key], core=GATEWAY_CORE, log=WORK / "sketch.log", cwd=ROOT
        ),
        scenarios=tuple(scenario.name for scenario in SCENARIOS if (scenario.client, scenario.family) == ("chat", "claude")),
        starts=1,
    )


def litellm(upstream: Upstream, python: Path) -> Gateway:
    """LiteLLM's proxy in the virtual environment of `python`: one worker, no database, a master key so that it checks keys too."""
    home = WORK / "litellm-home"
    home.mkdir(parents=True, exist_ok=True)
    key = "sk-" + secrets.token_hex(16)
    base = f"http://127.0.0.1:{upstream.port}"
    (home / "config.yaml").write_text(
        "model_list:\n"
        f"  - model_name: {payloads.CLAUDE}\n"
        f'    litellm_params: {{model: anthropic/{payloads.CLAUDE}, api_base: "{base}", api_key: sk-bench-upstream}}\n'
        f"general_settings: {{master_key: {key}}}\n"
    )
    (port,) = procs.free_ports(1)
    command = [str(python.parent / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "PYTHONPATH": ""}
    return Gateway(
        name="litellm",
        title=f"LiteLLM proxy {litellm_version()}",
        port=port,
        paced_port=port,
        key=key,
        models={("claude", False): payloads.CLAUDE},
        start=lambda: procs.start(command, core=GATEWAY_CORE, log=WORK / "litellm.log", env=env, cwd=home),
        scenarios=("chat-claude", "stream-claude", "messages-claude"),
        starts=1,
    )


def litellm_version() -> str:
    found = re.search(r"^litellm==(\S+)", REQUIREMENTS.read_text(), re.M)
    return found.group(1) if found else "?"


def install_litellm(say: Callable[[str], None]) -> Path | None:
    """Its own virtual environment with exactly the pinned packages, made once; nothing where that is not possible, and `say` tells why."""
    venv = WORK / "litellm"
    python, stamp = venv / "bin/python", venv / "installed.txt"
    if stamp.exists() and stamp.read_text() == REQUIREMENTS.read_text():
        return python
    say(f"installing LiteLLM {litellm_version()} into bench/.work/litellm (once; a minute or two) ...")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True, text=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps", "-r", str(REQUIREMENTS)]
        subprocess.run(pip, check=True, capture_output=True, text=True, timeout=420)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        say(f"LiteLLM cannot be installed here, so it is left out: {str(error.stderr or error)[-400:]}")
        return None
    stamp.write_text(REQUIREMENTS.read_text())
    return python
