"""The `models` section: what the operator says of models becomes changes of their rows. What is wrong is told."""

from collections.abc import Mapping, Sequence

import msgspec

from tidegate.control.config import ModelEntry
from tidegate.control.problems import Path, Problems
from tidegate.policy.near import did_you_mean
from tidegate.policy.snapshot import OwnModel


def model_rows(entries: Mapping[str, ModelEntry], providers: Sequence[str], problems: Problems) -> dict[str, OwnModel]:
    """By `provider/model`, or a beginning with `*`."""
    made: dict[str, OwnModel] = {}
    for model, entry in entries.items():
        where: Path = ("models", model)
        provider, slash, name = model.partition("/")
        if not slash or not name or "*" in model[:-1]:
            problems.error(where, "a row is for `provider/model`, or for all that begin so: `provider/begin*`")
        elif provider not in providers:
            problems.error(where, f"there is no provider `{provider}`.{did_you_mean(provider, providers)}")
        fields = {field: value for field, value in msgspec.structs.asdict(entry).items() if value not in (None, [])}
        if not fields:
            problems.error(where, "nothing is said of the model: write something like `{context: 128000, vision: false}`")
        for size in ("context", "max_output"):
            if fields.get(size, 1) <= 0:
                problems.error((*where, size), "it is a number of tokens above 0")
        deprecated = fields.pop("deprecated", None)
        made[model] = OwnModel(capabilities=fields, deprecated=deprecated)
    return made
