"""Where a call may go: the public model name of a request becomes a plan, the ordered targets that are tried.

A `Planner` belongs to one snapshot and is thrown away with it; it remembers, within bounds, what it has worked out. `app` makes one for
each new snapshot, and the proxy asks it once per call.
"""

from itertools import islice

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.json import Json
from tidegate.policy.attempts import NO_RULES, Rules
from tidegate.policy.charges import Book
from tidegate.policy.credentials import with_accounts
from tidegate.policy.directory import Directory
from tidegate.policy.identify import Callers
from tidegate.policy.models import Models
from tidegate.policy.near import Grams, ask, grams, nearest
from tidegate.policy.select import Choice, Group
from tidegate.policy.sending import Sending
from tidegate.policy.snapshot import Key, OnLoss, Route, RouteChoice, RouteGroup, Snapshot, Target, Upstream
from tidegate.policy.when import Ask, lacks

SANDBOX = "sandbox"
TRY = "sandbox/echo"
"""A model that answers without any provider, for messages to those who have none yet."""

_REMEMBERED = 4096
_LONGEST_NAME = 512
_COMPARED = 8000
_NO_END = 1 << 60


OTHER = "other"
"""Stands for names that callers invent, where only a bounded number of names may be told."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The ordered targets of one call; never empty. `route` is the configured route's name, or the requested name where there is none;
    `label` is the same where the name is known here, else `OTHER`."""

    route: str
    label: str = OTHER
    targets: tuple[Target, ...]
    defaults: dict[str, Json] = {}
    on_loss: OnLoss = "report"
    caller_keys: bool = False
    free_first: bool = False
    """Targets whose free tier is used up are passed over."""
    by_route: bool = False
    """Whether a configured route chose the targets, not the name alone."""
    rules: Rules = NO_RULES
    groups: tuple[Group, ...] = ()
    """Of a configured route."""
    chooses: bool = False
    """The order of the targets differs from call to call: the groups are asked for each."""
    is_sticky: bool = False
    """Some group holds on to sessions or prompts."""
    lacking: frozenset[Ask] = frozenset()
    """What some of several targets cannot do."""
    asks: frozenset[Ask] = frozenset()
    """The same, and what of a call the groups ask for."""
    context: int | None = None
    """The tokens that the least of several targets takes; None where there are not several."""
    spread: bool = False
    """Whether some targets differ in their accounts only, so that `credentials.spread` orders them for each call."""

    def only(self, targets: tuple[Target, ...]) -> "Plan":
        """The same with these of its targets alone, whatever a call asks for."""
        return msgspec.structs.replace(self, targets=targets, chooses=False, lacking=frozenset(), context=None)


class PublicModel(msgspec.Struct, frozen=True, kw_only=True):
    """A name that a caller may use. `target` is the first place it goes to."""

    name: str
    target: Target


class Planner:
    """Plans for one snapshot. `directory` has the keys of the database, where there is one. An organisation with credentials of its own has
    a planner of its own behind this one, `general`."""

    def __init__(self, snapshot: Snapshot, directory: Directory | None = None, general: "Planner | None" = None) -> None:
        self.snapshot = snapshot
        self.callers = general.callers if general is not None else Callers(snapshot, directory)
        self.limits = general.limits if general is not None else Book(snapshot)
        self._models = Models(snapshot, general._models if general is not None else None)
        self.shares = any(route.rules.single_flight for route in (*snapshot.routes.values(), *snapshot.prefix_routes))
        """Whether there are routes on which equal calls are one."""
        self._special: dict[str, Planner] = {}
        self._plans: dict[str, Plan] = {}
        self._allowed: set[tuple[str, int, str]] = set()
        self._sendings: dict[tuple[int, str], Sending] = {}
        self._shown: list[PublicModel] | None = None
        self._names: list[tuple[str, Grams]] | None = None
        self._near: dict[str, list[str]] = {}

    def plan(self, key: Key, model: str) -> Plan:
        """The plan for a requested model name. Raises `GatewayError`: NOT_FOUND with near names, PERMISSION where the key does not allow
        the name, BAD_REQUEST (code `provider_not_configured`) where a provider has no credential."""
        if key.org in self.snapshot.own:
            return self._of(key.org).plan(key, model)
        plan = self._plans.get(model)
        if plan is None:
            plan = self._first_time(key, model)
        if (key.models or key.routes) and (key.id, key.revision, model) not in self._allowed:
            self._allow(key, model, plan)
        return plan

    def sending(self, target: Target, client: Dialect) -> Sending:
        """How calls of clients of a dialect go to a target of one of its plans."""
        known = self._sendings.get((id(target), client.name))
        if known is None or known.target is not target:
            if len(self._sendings) >= _REMEMBERED:
                self._sendings.clear()
            known = self._sendings[id(target), client.name] = Sending(target, client)
        return known

    def target(self, provider: str, model: str) -> Target | None:
        """A model of a provider, whoever asks; None where the provider is not configured."""
        upstream = self.snapshot.upstreams.get(provider)
        return None if upstream is None else self._models.targets(upstream, model)[0]

    def models(self, key: Key | None = None) -> list[PublicModel]:
        """Every public name in a stable order: routes, then `provider/model` of what the catalogue or the operator lists for the usable
        providers. With a key, only what it allows."""
        if key is not None and key.org in self.snapshot.own:
            return self._of(key.org).models(key)
        if self._shown is None:
            plans = ((name, self._resolve(name)) for name in dict.fromkeys(self._public_names()))
            self._shown = [PublicModel(name=name, target=plan.targets[0]) for name, plan in plans if isinstance(plan, Plan)]
        return [model for model in self._shown if key is None or (allows(key, model.name) and self._on_its_routes(key, model.name))]

    def missing(self, key: Key, provider: str) -> str | None:
        """What to set so that a configured provider can be used by the key's organisation; None where it can."""
        planner = self._of(key.org) if key.org in self.snapshot.own else self
        return planner.snapshot.upstreams[provider].missing

    def _on_its_routes(self, key: Key, name: str) -> bool:
        if not key.routes:
            return True
        route, _ = self._route(name)
        return route is not None and _matches(key.routes, route.name)

    def _of(self, org: str) -> "Planner":
        planner = self._special.get(org)
        if planner is None:
            own = self.snapshot.own[org]
            upstreams = {name: with_accounts(up, own[name]) if name in own else up for name, up in self.snapshot.upstreams.items()}
            # A list was read with the shared credential, whose account may have models that are nobody else's to know.
            lists = {name: read for name, read in self.snapshot.lists.items() if name not in own}
            planner = self._special[org] = Planner(
                msgspec.structs.replace(self.snapshot, upstreams=upstreams, lists=lists, own={}), general=self
            )
        return planner

    def _first_time(self, key: Key, model: str) -> Plan:
        if not model:
            raise bad_request("No model was named. `GET /v1/models` lists those that you may use.", "model")
        found = self._resolve(model) if len(model) <= _LONGEST_NAME else None
        if isinstance(found, Plan):
            if len(self._plans) >= _REMEMBERED:
                self._plans.clear()
            self._plans[model] = found
            return found
        if not allows(key, model):
            raise _forbidden(key, model)
        raise GatewayError(found if found is not None else self._unknown(key, model))

    def _allow(self, key: Key, model: str, plan: Plan) -> None:
        if not allows(key, model) and (plan.by_route or not allows(key, plan.targets[0].name)):
            raise _forbidden(key, model)
        if key.routes and not (plan.by_route and _matches(key.routes, plan.route)):
            raise _wrong_route(key, model)
        if len(self._allowed) >= 4 * _REMEMBERED:
            self._allowed.clear()
        self._allowed.add((key.id, key.revision, model))

    def _resolve(self, model: str) -> Plan | Error | None:
        """A plan, or why there is none; None where nothing is known of the name."""
        if model.endswith("/*"):
            return None  # a pattern, not a name
        route, rest = self._route(model)
        if route is not None:
            return self._by_route(route, model, rest)
        provider, slash, name = model.partition("/")
        upstream = self.snapshot.upstreams.get(provider) if slash else None
        if upstream is not None:
            if not name:
                return None
            return _not_configured(model, [upstream.missing]) if upstream.missing else self._direct(model, upstream, name)
        if slash and provider in self.snapshot.known:
            return _not_configured(model, [self._models.how(provider)])
        upstream = self._models.first_with(model)
        if upstream is not None:
            return self._direct(model, upstream, model)
        kinds = self._models.kinds_with(model)
        return _not_configured(model, [self._models.how(kind) for kind in kinds]) if kinds else None

    def _route(self, model: str) -> tuple[Route | None, str]:
        route = self.snapshot.routes.get(model)
        if route is not None:
            return route, ""
        for route in self.snapshot.prefix_routes:
            prefix = route.name[:-1]
            if len(model) > len(prefix) and model.startswith(prefix):
                return route, model[len(prefix) :]
        return None, ""

    def _by_route(self, route: Route, model: str, rest: str) -> Plan | Error:
        targets: list[Target] = []
        missing: list[str | None] = []
        for provider, name in route.targets:
            upstream = self.snapshot.upstreams[provider]
            if upstream.missing and not route.caller_keys:
                missing.append(upstream.missing)
            else:
                found = self._models.targets(upstream, rest if name == "*" else name)
                targets += found if name == "*" else (msgspec.structs.replace(target, is_known=True) for target in found)
        if not targets:
            return _not_configured(model, missing)
        groups = self._groups(route, rest)
        several = len({target.name for target in targets}) > 1
        lacking = _lacking(targets) if several else frozenset[Ask]()
        if route.strategy == "free_first":
            targets.sort(key=lambda target: target.free is None)
        return Plan(
            route=route.name,
            label=route.name,
            targets=tuple(targets),
            free_first=any(group.strategy == "free_first" for group in groups) or route.strategy == "free_first",
            defaults=route.defaults,
            on_loss=route.on_loss,
            caller_keys=route.caller_keys,
            by_route=True,
            rules=route.rules,
            groups=groups,
            chooses=bool(route.groups),
            is_sticky=any(group.strategy == "sticky" for group in groups),
            lacking=lacking,
            asks=_asked(groups) | lacking,
            context=min(target.profile.capabilities.context or _NO_END for target in targets) if several else None,
            spread=any(target.account is not None for target in targets),
        )

    def _groups(self, route: Route, rest: str) -> tuple[Group, ...]:
        found: list[Group] = []
        plain = RouteGroup(choices=tuple(RouteChoice(provider=p, model=m) for p, m in route.targets), strategy=route.strategy)
        for group in route.groups or (plain,):
            choices: list[Choice] = []
            for choice in group.choices:
                upstream = self.snapshot.upstreams[choice.provider]
                if upstream.missing and not route.caller_keys:
                    continue
                targets = self._models.targets(upstream, rest if choice.model == "*" else choice.model)
                if choice.model != "*":
                    targets = tuple(msgspec.structs.replace(target, is_known=True) for target in targets)
                choices.append(Choice(targets=targets, weight=choice.weight, canary=choice.canary, when=choice.when))
            if choices:
                found.append(Group(choices=tuple(choices), strategy=group.strategy, when=group.when, sticky_by=group.sticky_by))
        return tuple(found)

    def _direct(self, model: str, upstream: Upstream, name: str) -> Plan:
        targets = self._models.targets(upstream, name)
        label = model if targets[0].is_known else OTHER
        return Plan(route=model, label=label, targets=targets, spread=len(targets) > 1)

    def _public_names(self) -> list[str]:
        names = list(self.snapshot.routes)
        listed = {name: self._models.listed(upstream) for name, upstream in self.snapshot.upstreams.items()}
        for route in self.snapshot.prefix_routes:
            for provider, name in route.targets:
                names += [route.name[:-1] + model for model in listed[provider]] if name == "*" else []
        for provider, upstream in self.snapshot.upstreams.items():
            if not upstream.missing:
                names += [f"{provider}/{model}" for model in listed[provider]]
        return names

    def _unknown(self, key: Key, model: str) -> Error:
        close = self._near_names(model) if len(model) <= 128 else []
        close = [name for name in close if allows(key, name)][:3]
        shown = model if len(model) <= 128 else model[:128] + "…"
        return Error(
            kind=ErrorKind.NOT_FOUND,
            message=f"The model `{shown}` does not exist here.{ask(close)} `GET /v1/models` lists what there is; "
            "any `provider/model` of a configured provider works too.",
            code="model_not_found",
            param="model",
        )

    def _near_names(self, model: str) -> list[str]:
        """Compares with a bounded number of names, and remembers: whoever has a wrong name tends to send it again."""
        if self._names is None:
            bare = [name for up in self._models.usable for name in self._models.listed(up)]
            names = dict.fromkeys([*self.snapshot.routes, *bare, *self._public_names()])
            self._names = [(name, grams(name)) for name in islice(names, _COMPARED)]
        close = self._near.get(model)
        if close is None:
            if len(self._near) >= _REMEMBERED // 16:
                self._near.clear()
            close = self._near[model] = nearest(model, self._names, 8)
        return close


def allows(key: Key, name: str) -> bool:
    """Whether a key may use a public name: no patterns = all, else a name among them or a prefix of it ending in `*`."""
    return not key.models or _matches(key.models, name)


def reaches(key: Key, provider: str) -> bool:
    """Whether a key may use models of a provider by their names, whichever they are."""
    prefix = f"{provider}/"
    return not key.routes and (
        not key.models or any(p.startswith(prefix) or (p.endswith("*") and prefix.startswith(p[:-1])) for p in key.models)
    )


def _lacking(targets: list[Target]) -> frozenset[Ask]:
    return frozenset(ask for target in targets if not target.is_guess for ask in lacks(target.profile.capabilities))


def _asked(groups: tuple[Group, ...]) -> frozenset[Ask]:
    whens = [when for group in groups for when in (group.when, *(choice.when for choice in group.choices))]
    return frozenset(ask for when in whens for ask in (*when.asks, *when.not_asks))


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(name == p or (p.endswith("*") and name.startswith(p[:-1])) for p in patterns)


def _wrong_route(key: Key, model: str) -> GatewayError:
    own = _shown(key.routes)
    message = f"The key `{key.name}` may use configured routes only, and `{model[:128]}` is none of its own: {own}."
    return _not_permitted(message, "route_not_allowed")


def _forbidden(key: Key, model: str) -> GatewayError:
    message = f"The key `{key.name}` may not use the model `{model[:128]}`. It may use {_shown(key.models)}."
    return _not_permitted(message, "model_not_allowed")


def _shown(patterns: tuple[str, ...]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns[:8]) + (", …" if len(patterns) > 8 else "")


def _not_permitted(message: str, code: str) -> GatewayError:
    return GatewayError(Error(kind=ErrorKind.PERMISSION, message=message, code=code, param="model"))


def _not_configured(model: str, missing: list[str | None]) -> Error:
    ways = "; or ".join(dict.fromkeys(way for way in missing if way))
    return Error(
        kind=ErrorKind.BAD_REQUEST,
        message=f"No provider is configured for `{model}`: {ways}. To try the gateway without any provider, use `{TRY}`.",
        code="provider_not_configured",
        param="model",
    )
