"""`llm`, whole and streamed."""

from importlib import import_module

from loop import KEY, MODEL, PROMPT, URL, add_one, told

model = import_module("llm.default_plugins.openai_models").Chat(MODEL, model_name=MODEL, api_base=f"{URL}/v1", supports_tools=True)
for name, stream in (("chat", False), ("chat streamed", True)):
    told(name, model.chain(PROMPT, tools=[add_one], key=KEY, stream=stream).text())
