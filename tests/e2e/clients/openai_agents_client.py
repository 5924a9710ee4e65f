"""The OpenAI Agents SDK, over the Responses API and over chat completions."""

import asyncio
from importlib import import_module

from loop import KEY, MODEL, PROMPT, URL, add_one, told

agents = import_module("agents")


async def main() -> None:
    agents.set_tracing_disabled(True)
    client = import_module("openai").AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY)
    for name, kind in (("responses", agents.OpenAIResponsesModel), ("chat", agents.OpenAIChatCompletionsModel)):
        model = kind(model=MODEL, openai_client=client)
        agent = agents.Agent(name="counter", instructions="Count.", tools=[agents.function_tool(add_one)], model=model)
        told(name, (await agents.Runner.run(agent, PROMPT)).final_output)
        run = agents.Runner.run_streamed(agent, PROMPT)
        async for _ in run.stream_events():
            pass
        told(f"{name} streamed", run.final_output)


asyncio.run(main())
