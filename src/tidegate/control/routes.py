"""The `routes` section becomes the snapshot's routes: every target is looked up now, so that no call finds a bad one."""

import re
from collections.abc import Callable, Mapping

from tidegate.control.conditions import Conditions
from tidegate.control.config import GroupEntry, HedgeEntry, RouteEntry, TargetEntry
from tidegate.control.limits import Limits, budgets_of
from tidegate.control.problems import Path, Problems
from tidegate.control.upstreams import CUSTOM, Upstreams
from tidegate.policy.attempts import Rules
from tidegate.policy.models import how_to_configure
from tidegate.policy.near import did_you_mean
from tidegate.policy.overload.queue import Priority
from tidegate.policy.pace import Hedge
from tidegate.policy.snapshot import Route, RouteChoice, RouteGroup, Upstream
from tidegate.policy.when import ALWAYS
from tidegate.providers.spec import ProviderSpec

_NAME = re.compile(r"[\x21-\x7e]{1,256}")
_NOT_DEFAULTS = {"model": "the route names its models in `targets`", "stream": "only the client can choose how it reads the answer"}
_CONTENT = ("messages", "system", "tools")
_MOST_RETRIES = 5
_MOST_WEIGHT = 1_000_000
_WEIGHED = ("weighted", "least_busy", "sticky")
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
        groups = self._groups(name, entry, entries)
        targets = list(dict.fromkeys((choice.provider, choice.model) for group in groups for choice in group.choices))
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
            groups=() if _is_plain(groups) else groups,
            defaults=entry.defaults,
            on_loss=entry.on_loss,
            strategy=groups[0].strategy if len(groups) == 1 else "in_order",
            caller_keys=entry.caller_keys,
            rules=self._rules(entry, path),
            limits=Limits(self._problems).of("route", name, path, entry.limits, budgets_of(path, entry.budget, entry.budgets)),
        )

    def _groups(self, name: str, entry: RouteEntry, entries: Mapping[str, RouteEntry]) -> tuple[RouteGroup, ...]:
        path: Path = ("routes", name)
        if entry.groups and entry.targets:
            self._problems.error((*path, "groups"), "a route has `targets` or `groups`, not both: a list of targets is one group")
        if entry.groups and entry.strategy != "in_order":
            self._problems.error((*path, "strategy"), "groups are tried in their order, and each has a `strategy` of its own")
        alone = GroupEntry(targets=entry.targets, strategy=entry.strategy, sticky_by=entry.sticky_by)
        found: list[RouteGroup] = []
        for index, group in enumerate(entry.groups or [alone]):
            where: Path = (*path, "groups", index) if entry.groups else path
            if not group.targets:
                self._problems.error((*where, "targets"), "a route needs at least one target, like `anthropic/claude-sonnet-4-5`")
            choices: list[RouteChoice] = []
            for place, target in enumerate(group.targets):
                choice = self._choice(target, (*where, "targets", place), group, prefix=name.endswith("/*"), routes=entries)
                if choice is not None and choice not in choices:
                    choices.append(choice)
                elif choice is not None:
                    end = ("target",) if isinstance(target, TargetEntry) else ()
                    self._problems.warn((*where, "targets", place, *end), "this target stands twice in the route")
            when = Conditions(self._problems).read(group.when, (*where, "when"))
            found.append(RouteGroup(choices=tuple(choices), strategy=group.strategy, when=when, sticky_by=group.sticky_by))
        return tuple(found)

    def _choice(
        self, target: str | TargetEntry, path: Path, group: GroupEntry, *, prefix: bool, routes: Mapping[str, RouteEntry]
    ) -> RouteChoice | None:
        long = target if isinstance(target, TargetEntry) else None
        found = self._target(
            target if isinstance(target, str) else target.target, (*path, "target") if long else path, prefix=prefix, routes=routes
        )
        if long is None:
            return None if found is None else RouteChoice(provider=found[0], model=found[1])
        if not 0 < long.weight <= _MOST_WEIGHT:
            self._problems.error((*path, "weight"), f"a weight is a number above 0 and up to {_MOST_WEIGHT}")
        if long.weight != 1 and group.strategy not in _WEIGHED:
            words = ", ".join(f"`{word}`" for word in _WEIGHED)
            self._problems.error((*path, "weight"), f"`{group.strategy}` knows no weights: choose one of {words} as `strategy`")
        if long.canary is not None and not 0 < long.canary <= 100:
            self._problems.error((*path, "canary"), "a canary gets a percentage of the calls, above 0 and up to 100")
        when = Conditions(self._problems).read(long.when, (*path, "when"))
        if found is None:
            return None
        canary = None if long.canary is None else float(long.canary)
        return RouteChoice(provider=found[0], model=found[1], weight=float(long.weight), canary=canary, when=when)

    def _rules(self, entry: RouteEntry, path: Path) -> Rules:
        if not 0 <= entry.retries <= _MOST_RETRIES:
            self._problems.error((*path, "retries"), f"a call is retried 0 to {_MOST_RETRIES} times")
        if not 0 < entry.timeout <= _LONGEST_CALL:
            self._problems.error((*path, "timeout"), f"a call takes a number of seconds above 0 and up to {_LONGEST_CALL}")
        return Rules(
            retries=entry.retries,
            seconds=float(entry.timeout),
            first_token=self._wait(entry.first_token_timeout, (*path, "first_token_timeout")),
            on_context_length="context_length" in entry.fallback_on,
            on_content_filter="content_filter" in entry.fallback_on,
            guarded=entry.circuit_breaker,
            single_flight=entry.single_flight,
            hedge=self._hedge(entry.hedge, (*path, "hedge")),
            priority=Priority[entry.priority.upper()],
            drains=None if entry.on_disconnect is None else entry.on_disconnect == "drain",
        )

    def _wait(self, seconds: float | None, path: Path) -> float | None:
        if seconds is not None and not 0 < seconds <= _LONGEST_CALL:
            self._problems.error(path, f"a wait is a number of seconds above 0 and up to {_LONGEST_CALL}")
        return None if seconds is None else float(seconds)

    def _hedge(self, entry: HedgeEntry | None, path: Path) -> Hedge | None:
        if entry is None:
            return None
        after = None if entry.after == "p95" else float(entry.after)
        if after is not None and not 0 < after <= _LONGEST_CALL:
            self._problems.error((*path, "after"), f"a wait is `p95`, or a number of seconds above 0 and up to {_LONGEST_CALL}")
        if not 0 < entry.budget <= 100:
            self._problems.error((*path, "budget"), "second attempts are for a percentage of the calls, above 0 and up to 100")
        return Hedge(after, entry.budget / 100)

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


def _is_plain(groups: tuple[RouteGroup, ...]) -> bool:
    """Whether all calls have one order, so that nothing need be asked for each."""
    return (
        len(groups) == 1
        and groups[0].when is ALWAYS
        and groups[0].strategy in ("in_order", "free_first")
        and all(choice.canary is None and choice.when is ALWAYS for choice in groups[0].choices)
    )
