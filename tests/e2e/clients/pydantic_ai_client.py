"""pydantic-ai, with each of the three APIs that it speaks, whole and streamed."""

import asyncio
from importlib import import_module
from typing import Any

from loop import KEY, MODEL, PROMPT, URL, add_one, told

ai = import_module("pydantic_ai")
openai_models, anthropic_models = import_module("pydantic_ai.models.openai"), import_module("pydantic_ai.models.anthropic")
openai = import_module("pydantic_ai.providers.openai").OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)
anthropic = import_module("pydantic_ai.providers.anthropic").AnthropicProvider(base_url=URL, api_key=KEY)
MODELS: dict[str, Any] = {
    "chat": openai_models.OpenAIChatModel(MODEL, provider=openai),
    "responses": openai_models.OpenAIResponsesModel(MODEL, provider=openai),
    "messages": anthropic_models.AnthropicModel(MODEL, provider=anthropic),
}


async def main() -> None:
    for name, model in MODELS.items():
        agent = ai.Agent(model, tools=[add_one])
        told(name, (await agent.run(PROMPT)).output)
        async with agent.run_stream(PROMPT) as run:
            told(f"{name} streamed", await run.get_output())


asyncio.run(main())
