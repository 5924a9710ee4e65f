"""Limits and charges for tests."""

from tidegate.policy.limits.rules import Charge, Limit, charge


def limit(what: str = "requests", per: str = "minute", amount: int = 10, **more: object) -> Limit:
    fields: dict[str, object] = {"id": f"{what}/{per}", "kind": "key", "what": what, "per": per, "amount": amount}
    return Limit(**{**fields, **more})  # pyright: ignore[reportArgumentType]  free fields for tests


def charged(what: str = "requests", per: str = "minute", amount: int = 10, subject: str = "s", **more: object) -> Charge:
    return charge(limit(what, per, amount, **more), subject)
