"""Tokens by kind. `None` means that the provider did not say; an explicit 0 is 0."""

import msgspec

from tidegate.ir.json import JsonObject

PRICED_TIERS = frozenset(("batch", "flex", "priority", "scale", "fast", "us", "batch_us"))
"""Service tiers whose price is not the standard one. `us` is Anthropic's inference in the United States only, `fast` its fast mode."""


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one attempt. The four input kinds are disjoint (`input` excludes what was read from or written to the
    prompt cache); `output` includes `reasoning`, `audio_output` and `image_output`; `input` includes `audio_input` and `image_input`.

    `cache_write` is the total written, of which `cache_write_1h` went to the one-hour cache. `web_searches` counts
    requests, `images` pictures that were made. `cost_nano` is the provider's own reported cost in integer nano-dollars. `tier` is
    the service tier that served the call, where it is one of `PRICED_TIERS`. `odd` names counters that were beyond all sense and
    are clamped or left out here. `extras` keep other counters.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    images: int | None = None
    web_searches: int | None = None
    cost_nano: int | None = None
    tier: str | None = None
    odd: tuple[str, ...] = ()
    extras: JsonObject = {}

    @property
    def prompt(self) -> int:
        """All input tokens, cached or not (OpenAI's `prompt_tokens`)."""
        return (self.input or 0) + (self.cache_read or 0) + (self.cache_write or 0)
