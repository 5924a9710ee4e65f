"""What a start prints: where the gateway is, which providers it found, and on the first start its key with the first two things to try."""

from tidegate.control.settings import Settings
from tidegate.policy.route import SANDBOX, TRY
from tidegate.policy.snapshot import Snapshot

_NO_PROVIDER = (
    "No provider key was found, so only sandbox/… models answer: set ANTHROPIC_API_KEY, OPENAI_API_KEY or another provider's variable and\n"
    "start again. `tidegate check` shows what would be served."
)


def greeting(settings: Settings, snapshot: Snapshot, first_token: str | None) -> str:
    """`first_token` is the key that this start has made; it is printed here and nowhere else."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    usable = [name for name, upstream in snapshot.upstreams.items() if not upstream.missing]
    lines = [f"Tidegate serves on {url}  (providers: {', '.join(usable)})"]
    if usable == [SANDBOX]:
        lines.append(_NO_PROVIDER)
    if first_token is None:
        lines.append("Keys: `tidegate keys create` makes one, `tidegate keys list` shows those that exist.")
    else:
        lines += ["", "Your gateway key, shown this once:", "", f"    {first_token}", "", *_first_steps(url, first_token, _model(snapshot))]
    return "\n".join(lines)


def _model(snapshot: Snapshot) -> str:
    """A model for the examples that will answer: one of the first provider that has an example, else the sandbox's."""
    usable = (upstream for upstream in snapshot.upstreams.values() if not upstream.missing and upstream.spec.example)
    return next((f"{upstream.name}/{upstream.spec.example}" for upstream in usable), TRY)


def _first_steps(url: str, token: str, model: str) -> list[str]:
    return [
        "Try it:",
        "",
        f"    curl {url}/v1/chat/completions -H 'Authorization: Bearer {token}' -H 'content-type: application/json' \\",
        f"""      -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
        "",
        "or with Python (pip install openai):",
        "",
        "    from openai import OpenAI",
        f'    client = OpenAI(base_url="{url}/v1", api_key="{token}")',
        '    messages = [{"role": "user", "content": "Hello"}]',
        f'    answer = client.chat.completions.create(model="{model}", messages=messages)',
        "    print(answer.choices[0].message.content)",
        "",
    ]


def control_greeting(host: str, port: int, admin_token: str | None) -> str:
    """`admin_token` is the key of the first admin, where this start has made one; it is printed here and nowhere else."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/api/v1"
    lines = [f"The control API is on {url}"]
    if admin_token is not None:
        lines += ["", "Your admin key, shown this once:", "", f"    {admin_token}", ""]
        lines += ["Try it:", "", f"    curl {url}/me -H 'Authorization: Bearer {admin_token}'", ""]
    return "\n".join([*lines, ""])
