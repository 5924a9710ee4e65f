"""Which models the providers of a snapshot have, and the `Target` that stands for one of them. Used by `route` alone.

Everything is indexed once per snapshot and kind.
"""

import msgspec

from tidegate.ir.target import Profile
from tidegate.policy.price import followed
from tidegate.policy.snapshot import Snapshot, Target, Upstream
from tidegate.providers.catalog import Names, capabilities_for
from tidegate.providers.spec import ModelSpec, Price, ProviderSpec


class Models:
    """The models of one snapshot. What is indexed by kind is shared with `general`, which differs in its upstreams only."""

    def __init__(self, snapshot: Snapshot, general: "Models | None" = None) -> None:
        self._snapshot = snapshot
        self._names: dict[str, Names] = general._names if general is not None else {}
        prefixes = [(name[:-1], price) for name, price in snapshot.prices.items() if name.endswith("*")]
        self._prefixes = sorted(prefixes, key=lambda item: len(item[0]))
        self.usable = [up for up in snapshot.upstreams.values() if not up.missing and up.spec.name != "sandbox"]

    def find(self, upstream: Upstream, name: str) -> ModelSpec | None:
        """The row of a model, where the catalogue has it."""
        return self._find(upstream.spec, name)

    def price(self, provider: str, name: str) -> Price | None:
        """What a model of a provider costs, whether that is configured or only known; with all versions."""
        upstream = self._snapshot.upstreams.get(provider)
        spec = upstream.spec if upstream is not None else self._snapshot.known.get(provider)
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
        row = self.find(upstream, name)
        spec = upstream.spec
        profile = Profile(
            provider=spec.name,
            model=name,
            capabilities=row.capabilities if row is not None else capabilities_for(spec, name),
            quirks=spec.quirks,
        )
        return Target(
            name=f"{upstream.name}/{name}",
            upstream=upstream,
            model=name,
            profile=profile,
            price=self._price(f"{upstream.name}/{name}", row),
            is_known=row is not None or name in upstream.models,
            is_guess=row is None,
            free=spec.free_tier(name),
            deprecated=row.deprecated if row is not None else None,
        )

    def _find(self, spec: ProviderSpec, name: str) -> ModelSpec | None:
        names = self._names_of(spec.name)
        return names.find(name) or names.find(spec.bare(name))

    def _price(self, target: str, row: ModelSpec | None) -> Price | None:
        """The operator's own, by name or the longest beginning, else the catalogue's; each from its first day on."""
        found = row.price if row is not None else None
        for prefix, price in self._prefixes:
            if target.startswith(prefix):
                found = followed(found, price)
        own = self._snapshot.prices.get(target)
        return found if own is None else followed(found, own)

    def listed(self, upstream: Upstream) -> list[str]:
        """The names that are shown for a provider: the operator's list where there is one, then the catalogue's ids."""
        return list(dict.fromkeys([*upstream.models, *self._snapshot.models.get(upstream.spec.name, {})]))

    def first_with(self, name: str) -> Upstream | None:
        """The first usable provider that has a bare model name."""
        return next((up for up in self.usable if name in up.models or self.find(up, name) is not None), None)

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


def how_to_configure(spec: ProviderSpec) -> str:
    """What an operator does to make a provider work, naming its variables."""
    if spec.local:
        variables = " or ".join(f"`{name}`" for name in spec.base_url_env)
        return f"set {variables} for {spec.title}" if variables else f"add `{spec.name}` to `providers` in tidegate.yaml"
    variables = " or ".join(f"`{name}`" for name in spec.env)
    return f"set {variables} for {spec.title}" if variables else f"give `{spec.name}` an `api_key` in tidegate.yaml"
