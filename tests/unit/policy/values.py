"""A small catalogue and snapshots made of it, for the tests of policy and control."""

from tidegate.ir.target import Capabilities
from tidegate.policy.keys import token_digest
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Key, Route, ServerSettings, Snapshot, Upstream
from tidegate.providers.catalog import Catalog
from tidegate.providers.spec import ModelSpec, Price, ProviderSpec

PEPPER = bytes(range(32))


def spec(name: str, dialect: str = "openai_chat", **changes: object) -> ProviderSpec:
    fields: dict[str, object] = {
        "title": name.title(),
        "base_url": f"https://api.{name}.example/v1",
        "auth": "bearer",
        "env": (f"{name.upper()}_API_KEY",),
        "default": Capabilities(vision=False),
    }
    return ProviderSpec(name=name, dialect=dialect, **{**fields, **changes})  # pyright: ignore[reportArgumentType]  free fields for tests


def row(provider: str, id: str, *match: str) -> ModelSpec:
    return ModelSpec(id=id, provider=provider, capabilities=Capabilities(context=1000), price=Price(input=5), match=match)


PROVIDERS = {
    "anthropic": spec("anthropic", "anthropic", base_url="https://api.anthropic.example", auth="x-api-key"),
    "openai": spec("openai", base_url_env=("OPENAI_BASE_URL",)),
    "openrouter": spec("openrouter"),
    "ollama": spec(
        "ollama", base_url="http://localhost:11434/v1", auth="none", env=("OLLAMA_API_KEY",), base_url_env=("OLLAMA_BASE_URL",), local=True
    ),
    "sandbox": spec("sandbox", base_url="", auth="none", env=(), local=True),
    "custom": spec("custom", base_url="", env=(), local=True),
}
MODELS = {
    "anthropic": {"claude-big": row("anthropic", "claude-big", "claude-big-2025*", "claude-big-latest")},
    "openai": {"gpt-9": row("openai", "gpt-9")},
    "openrouter": {"anthropic/claude-big": row("openrouter", "anthropic/claude-big"), "acme/one": row("openrouter", "acme/one")},
    "ollama": {},
    "sandbox": {},
    "custom": {},
}
CATALOG = Catalog(PROVIDERS, MODELS)


def upstream(name: str, kind: str | None = None, *, missing: str | None = None, models: tuple[str, ...] = ()) -> Upstream:
    found = PROVIDERS[kind or name]
    credential = None if missing else Secret("upstream-secret")
    return Upstream(name=name, spec=found, base_url=found.base_url, auth=found.auth, credential=credential, missing=missing, models=models)


def key(name: str = "k", *models: str, token: str = "") -> Key:
    return Key(id=f"id-{name}", name=name, digest=token_digest(PEPPER, token or name), models=models)


def snapshot(*upstreams: Upstream, routes: tuple[Route, ...] = (), keys: tuple[Key, ...] = ()) -> Snapshot:
    return Snapshot(
        generation=1,
        upstreams={up.name: up for up in (*upstreams, upstream("sandbox", models=("echo",)))},
        known=PROVIDERS,
        models=MODELS,
        routes={route.name: route for route in routes if not route.name.endswith("/*")},
        prefix_routes=tuple(sorted((r for r in routes if r.name.endswith("/*")), key=lambda r: -len(r.name))),
        keys_by_id={k.id: k for k in keys},
        keys_by_digest={k.digest: k for k in keys},
        pepper=PEPPER,
        server=ServerSettings(),
    )
