"""What the limits of a call say together about its money, worked out once for all calls that have the same."""

import msgspec

from tidegate.policy.limits.rules import SPEND, Charge


class Budgets(msgspec.Struct, frozen=True):
    """`hard` are those that refuse, `strict` those of them that reserve what a call cannot exceed. `cap` is the least of their caps of
    output tokens, and `ceiling` the most nano-dollars that a call may cost which nothing bounds; None where one of the strict has none."""

    hard: tuple[Charge, ...]
    strict: tuple[Charge, ...]
    cap: int | None
    ceiling: int | None

    @property
    def needs_count(self) -> bool:
        """Whether they reserve by the tokens of the prompt."""
        return bool(self.hard) and not self.strict


def budgets_of(charges: tuple[Charge, ...]) -> Budgets | None:
    """None where no limit is of money."""
    found = [charge for charge in charges if charge.measure == SPEND]
    if not found:
        return None
    hard = tuple(charge for charge in found if charge.enforced)
    strict = tuple(charge for charge in hard if charge.limit.strict)
    caps = [charge.limit.output_cap for charge in strict if charge.limit.output_cap is not None]
    ceilings = [charge.limit.ceiling for charge in strict if charge.limit.ceiling is not None]
    ceiling = max(ceilings) if ceilings and len(ceilings) == len(strict) else None
    return Budgets(hard, strict, min(caps, default=None), ceiling)
