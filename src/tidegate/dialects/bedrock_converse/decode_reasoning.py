"""How much to think, as the families of models on Bedrock have it: mostly in `additionalModelRequestFields`, each family under a name of
its own. `Reasoning.form` keeps which, so that a request of this dialect is written as it was.

Claude: `thinking` and `output_config.effort` (recordings of pydantic-ai); Nova 2: `reasoningConfig` with `maxReasoningEffort` (Nova's
user guide, extended thinking); gpt-oss: `reasoning_effort`; Qwen, DeepSeek and others: `reasoning_config` as one word
(recording pydantic-ai-d8f1ab351b51); newer models: `outputConfig.effort`.
"""

from tidegate.dialects.reading import join, missing, take_int, take_object, take_opt_str, take_str
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Reasoning, Request

MORE = "additionalModelRequestFields"
CLAUDE, CLAUDE_EFFORT, NOVA, WORD, CONFIG, COMMON = (
    "thinking",
    "output_config",
    "reasoningConfig",
    "reasoning_effort",
    "reasoning_config",
    "outputConfig",
)


def decode_reasoning(raw: JsonObject, request: Request, effort: str | None) -> Reasoning | None:
    """Takes what is known out of the additional fields of `raw`, `top_k` too. `effort` is that of `outputConfig`."""
    found = Reasoning(effort=effort, form=COMMON) if effort is not None else None
    given = take_object(raw, MORE, "")
    if given is None:
        return found
    left = dict(given)
    request.top_k = take_int(left, "top_k", MORE)
    for read in (_claude, _nova, _word):
        if found is None:
            found = read(left)
    if left:
        raw[MORE] = left
    return found


def _claude(left: JsonObject) -> Reasoning | None:
    effort: str | None = None
    config = left.get(CLAUDE_EFFORT)
    if type(config) is dict:
        inside = dict(config)
        effort = take_opt_str(inside, "effort", join(MORE, CLAUDE_EFFORT))
        del left[CLAUDE_EFFORT]
        if inside:
            left[CLAUDE_EFFORT] = inside
    thinking = left.get(CLAUDE)
    if type(thinking) is not dict or thinking.get("type") not in ("enabled", "adaptive", "disabled"):
        return Reasoning(effort=effort, form=CLAUDE_EFFORT) if effort is not None else None
    del left[CLAUDE]
    inside, path = dict(thinking), join(MORE, CLAUDE)
    kind = take_str(inside, "type", path)
    display = take_opt_str(inside, "display", path)
    budget = take_int(inside, "budget_tokens", path) if kind == "enabled" else None
    if kind == "enabled" and budget is None:
        raise missing(f"{path}.budget_tokens")
    mode = "enabled" if kind == "enabled" else "adaptive" if kind == "adaptive" else "disabled"
    return Reasoning(mode, effort, budget, display, inside, CLAUDE)


def _nova(left: JsonObject) -> Reasoning | None:
    config = left.get(NOVA)
    if type(config) is not dict or config.get("type") not in ("enabled", "disabled"):
        return None
    del left[NOVA]
    inside = dict(config)
    kind = take_str(inside, "type", join(MORE, NOVA))
    effort = take_opt_str(inside, "maxReasoningEffort", join(MORE, NOVA))
    return Reasoning("enabled" if kind == "enabled" else "disabled", effort, None, None, inside, NOVA)


def _word(left: JsonObject) -> Reasoning | None:
    for form in (WORD, CONFIG):
        word = left.get(form)
        if type(word) is str:
            del left[form]
            return Reasoning(effort=word, form=form)
    return None
