"""Which models the providers of a snapshot have, and the `Target` that stands for one of them. Used by `route` alone.

Everything is indexed once per snapshot and kind.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from tidegate.ir.target import Capabilities, Profile
from tidegate.policy.price import followed
from tidegate.policy.snapshot import Origin, OwnModel, Snapshot, Target, Upstream
from tidegate.providers.catalog import Names, capabilities_for
from tidegate.providers.lists import Listed
from tidegate.providers.merged import changed, with_list
from tidegate.providers.spec import ModelSpec, Price, ProviderSpec

T = TypeVar("T")


class Models:
    """The models of one snapshot. What is indexed by kind is shared with `general`, which differs in its upstreams only."""

    def __init__(self, snapshot: Snapshot, general: "Models | None" = None) -> None:
        self._snapshot = snapshot
        self._names: dict[str, Names] = general._names if general is not None else {}
        self._lists: dict[str, dict[str, Listed]] = {}
        self._prices = _prefixes(snapshot.prices)
        self._rows = _prefixes(snapshot.own_models)
        self.usable = [up for up in snapshot.upstreams.values() if not up.missing and up.spec.name != "sandbox"]

    def find(self, upstream: Upstream, name: str) -> ModelSpec | None:
        """The row of a model, where the catalogue has it."""
        return self._find(upstream.spec, name)

    def price(self, provider: str, name: str) -> Price | None:
        """What a model of a provider costs, whether that is configured or only known; with all versions."""
        upstream = self._snapshot.upstreams.get(provider)
        if upstream is not None:
            return self._target(upstream, name).price
        spec = self._snapshot.known.get(provider)
        return self._price(f"{provider}/{name}", None if spec is None else self._find(spec, name))

    def targets(self, upstream: Upstream, name: str) -> tuple[Target, ...]:
        """The targets for any model name of a provider, one for each of its accounts; unknown names get the provider's default
        capabilities."""
        target = self._target(upstream, name)
        if not upstream.accounts:
            return (target,)
        return tuple(
            msgspec.structs.replace(target, upstream=msgspec.structs.replace(upstream, credential=account.secret), account=account)
            for account in upstream.accounts
        )

    def _target(self, upstream: Upstream, name: str) -> Target:
        target = f"{upstream.name}/{name}"
        spec = upstream.spec
        row = self.find(upstream, name)
        listed = self._list_of(upstream).get(name)
        if row is None and listed is not None and listed.of:
            row = self._find(spec, listed.of)
        default = row.capabilities if row is not None else self._like(spec, listed) or capabilities_for(spec, name)
        origin: Origin = "catalogue" if row is not None else "default"
        is_guess = row is None and (listed is None or not listed.tells_abilities)
        if listed is not None:
            origin = "list" if row is None else origin
            row = with_list(spec, name, row, listed, self._snapshot.lists[upstream.name], default)
        own = self._own(target)
        known = row.capabilities if row is not None else default
        return Target(
            name=target,
            upstream=upstream,
            model=name,
            profile=Profile(
                provider=spec.name,
                model=name,
                capabilities=known if own is None else changed(known, own.capabilities),
                quirks=spec.quirks,
            ),
            price=self._price(target, row),
            is_known=row is not None or own is not None or name in upstream.models,
            is_guess=is_guess and own is None,
            free=spec.free_tier(name),
            deprecated=(own.deprecated if own is not None else None) or (row.deprecated if row is not None else None),
            origin=origin if own is None else "tidegate.yaml",
            source=row.source if row is not None else "",
            date=row.date if row is not None else "",
            listed=self._snapshot.lists[upstream.name].date if listed is not None else "",
        )

    def _like(self, spec: ProviderSpec, listed: Listed | None) -> Capabilities | None:
        """What the model behind a name of the account's own can do, by the catalogues of others that have it."""
        if listed is None or not listed.of or spec.list is None:
            return None
        found = (self._names_of(kind).find(listed.of) for kind in spec.list.like)
        return next((row.capabilities for row in found if row is not None), None)

    def _find(self, spec: ProviderSpec, name: str) -> ModelSpec | None:
        names = self._names_of(spec.name)
        return names.find(name) or names.find(spec.bare(name))

    def _price(self, target: str, row: ModelSpec | None) -> Price | None:
        """The operator's own, by name or the longest beginning, else the catalogue's; each from its first day on."""
        found = row.price if row is not None else None
        for prefix, price in self._prices:
            if target.startswith(prefix):
                found = followed(found, price)
        own = self._snapshot.prices.get(target)
        return found if own is None else followed(found, own)

    def _own(self, target: str) -> OwnModel | None:
        """The operator's own row, by name or by the longest beginning."""
        own = self._snapshot.own_models.get(target)
        return own if own is not None else next((row for prefix, row in reversed(self._rows) if target.startswith(prefix)), None)

    def listed(self, upstream: Upstream) -> list[str]:
        """The names that are shown for a provider: the operator's list where there is one, then the catalogue's ids, then what only the
        provider's own list has."""
        kind = self._snapshot.models.get(upstream.spec.name, {})
        return list(dict.fromkeys([*upstream.models, *kind, *self._list_of(upstream)]))

    def first_with(self, name: str) -> Upstream | None:
        """The first usable provider that has a bare model name, by the operator's word or the catalogue's; else the first whose list has
        it."""
        known = next((up for up in self.usable if name in up.models or self.find(up, name) is not None), None)
        return known if known is not None else next((up for up in self.usable if name in self._list_of(up)), None)

    def _list_of(self, upstream: Upstream) -> dict[str, Listed]:
        """The rows of a provider's own list by all their names."""
        rows = self._lists.get(upstream.name)
        if rows is None:
            read = self._snapshot.lists.get(upstream.name)
            rows = {row.id: row for row in read.rows} if read is not None else {}
            for row in list(rows.values()):
                for alias in row.aliases:
                    rows.setdefault(alias, row)
            self._lists[upstream.name] = rows
        return rows

    def kinds_with(self, name: str) -> list[str]:
        """The kinds of provider whose catalogue has a bare model name."""
        return [kind for kind in self._snapshot.models if kind != "sandbox" and self._names_of(kind).find(name) is not None]

    def how(self, kind: str) -> str:
        """How to configure a provider of a kind."""
        return how_to_configure(self._snapshot.known[kind])

    def _names_of(self, kind: str) -> Names:
        names = self._names.get(kind)
        if names is None:
            names = self._names[kind] = Names(self._snapshot.models.get(kind, {}).values())
        return names


def _prefixes(rows: Mapping[str, T]) -> list[tuple[str, T]]:
    """The rows for all names that begin so, the longest beginning last."""
    return sorted(((name[:-1], row) for name, row in rows.items() if name.endswith("*")), key=lambda item: len(item[0]))


def how_to_configure(spec: ProviderSpec) -> str:
    """What an operator does to make a provider work, naming its variables."""
    if spec.local:
        variables = " or ".join(f"`{name}`" for name in spec.base_url_env)
        return f"set {variables} for {spec.title}" if variables else f"add `{spec.name}` to `providers` in tidegate.yaml"
    variables = " or ".join(f"`{name}`" for name in spec.env)
    return f"set {variables} for {spec.title}" if variables else f"give `{spec.name}` an `api_key` in tidegate.yaml"
