"""The `routes` section becomes the snapshot's routes: every target is looked up now, so that no call finds a bad one."""

import re
from collections.abc import Callable, Mapping

from tidegate.control.config import RouteEntry, TargetEntry
from tidegate.control.limits import Limits, budgets_of
from tidegate.control.problems import Path, Problems
from tidegate.control.upstreams import CUSTOM, Upstreams
from tidegate.policy.attempts import Rules
from tidegate.policy.models import how_to_configure
from tidegate.policy.near import did_you_mean
from tidegate.policy.snapshot import Route, Upstream
from tidegate.providers.spec import ProviderSpec

_NAME = re.compile(r"[\x21-\x7e]{1,256}")
_NOT_DEFAULTS = {"model": "the route names its models in `targets`", "stream": "only the client can choose how it reads the answer"}
_CONTENT = ("messages", "system", "tools")
_MOST_RETRIES = 5
_LONGEST_CALL = 3600


class Routes:
    """Builds the routes. A target may name a known provider that is not configured: it joins `upstreams` as one that lacks its key, is
    passed over by plans, and `check` tells of it."""

    def __init__(
        self,
        upstreams: dict[str, Upstream],
        kinds: Mapping[str, ProviderSpec],
        builder: Upstreams,
        has: Callable[[str], list[str]],
        problems: Problems,
    ) -> None:
        self._upstreams = upstreams
        self._kinds = kinds
        self._builder = builder
        self._has = has
        self._problems = problems
        self._broken: frozenset[str] = frozenset()

    def all(self, entries: Mapping[str, RouteEntry], broken: frozenset[str]) -> list[Route]:
        """`broken` are providers of the file whose own errors are already told."""
        self._broken = broken
        return [route for name, entry in entries.items() if (route := self._route(name, entry, entries)) is not None]

    def _route(self, name: str, entry: RouteEntry, entries: Mapping[str, RouteEntry]) -> Route | None:
        path: Path = ("routes", name)
        if not _NAME.fullmatch(name) or "*" in name.removesuffix("/*") or name == "/*":
            self._problems.error(path, "a route's name is printable ASCII without spaces; `*` stands only at its end, as in `team-a/*`")
            return None
        if not entry.targets:
            self._problems.error((*path, "targets"), "a route needs at least one target, like `anthropic/claude-sonnet-4-5`")
        targets: list[tuple[str, str]] = []
        for index, target in enumerate(entry.targets):
            long = isinstance(target, TargetEntry)
            where: Path = (*path, "targets", index, "target") if long else (*path, "targets", index)
            found = self._target(target.target if long else target, where, prefix=name.endswith("/*"), routes=entries)
            if found is not None and found in targets:
                self._problems.warn(where, "this target stands twice in the route")
            elif found is not None:
                targets.append(found)
        for field in entry.defaults:
            if field in _NOT_DEFAULTS or field in _CONTENT:
                reason = _NOT_DEFAULTS.get(field, "it belongs to each call")
                self._problems.error((*path, "defaults", field), f"`{field}` cannot have a default: {reason}")
        if targets and not entry.caller_keys and all(self._upstreams[provider].missing for provider, _ in targets):
            ways = "; or ".join(dict.fromkeys(str(self._upstreams[provider].missing) for provider, _ in targets))
            self._problems.warn(path, f"no target of this route has a key yet: {ways}")
        return Route(
            name=name,
            targets=tuple(targets),
            defaults=entry.defaults,
            on_loss=entry.on_loss,
            strategy=entry.strategy,
            caller_keys=entry.caller_keys,
            rules=self._rules(entry, path),
            limits=Limits(self._problems).of("route", name, path, entry.limits, budgets_of(path, entry.budget, entry.budgets)),
        )

    def _rules(self, entry: RouteEntry, path: Path) -> Rules:
        if not 0 <= entry.retries <= _MOST_RETRIES:
            self._problems.error((*path, "retries"), f"a call is retried 0 to {_MOST_RETRIES} times")
        if not 0 < entry.timeout <= _LONGEST_CALL:
            self._problems.error((*path, "timeout"), f"a call takes a number of seconds above 0 and up to {_LONGEST_CALL}")
        return Rules(
            retries=entry.retries,
            seconds=float(entry.timeout),
            on_context_length="context_length" in entry.fallback_on,
            on_content_filter="content_filter" in entry.fallback_on,
            guarded=entry.circuit_breaker,
        )

    def _target(self, text: str, where: Path, *, prefix: bool, routes: Mapping[str, RouteEntry]) -> tuple[str, str] | None:
        provider, slash, model = text.partition("/")
        if not slash or not provider or not model or text != text.strip():
            self._problems.error(where, f"a target is written `provider/model`{self._suggest(text, routes)}")
            return None
        if "*" in model and (model != "*" or not prefix):
            self._problems.error(where, "`*` stands for the whole model name, as in `anthropic/*`, in routes whose own name ends in `/*`")
            return None
        if provider in self._broken or not self._known(provider, where):
            return None
        return provider, model

    def _known(self, provider: str, where: Path) -> bool:
        if provider in self._upstreams:
            return True
        spec = self._kinds.get(provider)
        if spec is None or provider == CUSTOM:
            hint = did_you_mean(provider, [*self._upstreams, *self._kinds])
            self._problems.error(
                where, f"there is no provider `{provider}`.{hint} Configured: {', '.join(f'`{n}`' for n in self._upstreams)}."
            )
            return False
        if spec.local or spec.auth == "none":
            self._problems.error(where, f"the provider `{provider}` is not configured: {how_to_configure(spec)}")
            return False
        self._upstreams[provider] = self._builder.of_kind(spec)
        return True

    def _suggest(self, text: str, routes: Mapping[str, RouteEntry]) -> str:
        if text in routes:
            return "; routes do not stand behind routes: list the targets of that one"
        kinds = self._has(text)
        return f": did you mean `{kinds[0]}/{text}`?" if kinds else ", like `anthropic/claude-sonnet-4-5`"
