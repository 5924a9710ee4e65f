// The Vercel AI SDK, unmodified, with each of its packages that can be given an address: one loop of three turns of tools, whole and
// streamed, and an object of a schema.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { GATEWAY, KEY, MODEL, PNG, run } from "./check.mjs";

const openai = createOpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY });
const models = {
  "openai responses": openai.responses(MODEL),
  "openai chat": openai.chat(MODEL),
  "openai-compatible": createOpenAICompatible({ name: "tidegate", baseURL: `${GATEWAY}/v1`, apiKey: KEY, supportsStructuredOutputs: true })(MODEL),
  anthropic: createAnthropic({ baseURL: `${GATEWAY}/v1`, apiKey: KEY })(MODEL),
  google: createGoogleGenerativeAI({ baseURL: `${GATEWAY}/v1beta`, apiKey: KEY })(MODEL),
};
const order = (n, then) => ({ text: `I call it with ${n}.`, tool_calls: [{ name: "add_one", arguments: { n } }], then });
const prompt = `Please. ${JSON.stringify({ sandbox: order(0, order(1, order(2, { text: "Done: 3." }))) })}`;

function loop(model) {
  const called = [];
  const add_one = tool({ description: "Adds one to a number.", inputSchema: z.object({ n: z.number() }), execute: async ({ n }) => called.push(n) && n + 1 });
  return { called, asked: { model, prompt, tools: { add_one }, stopWhen: isStepCount(5), maxRetries: 0 } };
}

const checks = {};
for (const [name, model] of Object.entries(models)) {
  checks[`${name}: three turns`] = async () => {
    const { called, asked } = loop(model);
    const { text, steps, totalUsage } = await generateText(asked);
    assert.deepEqual([text, called, steps.length], ["Done: 3.", [0, 1, 2], 4]);
    assert.ok(totalUsage.inputTokens > 0 && totalUsage.outputTokens > 0);
  };
  checks[`${name}: three turns, streamed`] = async () => {
    const { called, asked } = loop(model);
    const result = streamText({ ...asked, onError: () => {} });
    let text = "";
    for await (const part of result.fullStream) {
      if (part.type === "error") throw part.error;
      if (part.type === "text-delta") text += part.text;
    }
    assert.deepEqual([text, called, await result.finishReason], ["I call it with 0.I call it with 1.I call it with 2.Done: 3.", [0, 1, 2], "stop"]);
  };
  checks[`${name}: an object`] = async () => {
    const output = Output.object({ schema: z.object({ city: z.string(), people: z.number() }) });
    const answer = await generateText({ model, prompt: "A city", output, maxRetries: 0 });
    assert.equal(typeof answer.output.city, "string");
    assert.equal(typeof answer.output.people, "number");
  };
  checks[`${name}: an image`] = async () => {
    const image = { type: "file", mediaType: "image/png", data: Buffer.from(PNG, "base64") };
    const messages = [{ role: "user", content: [{ type: "text", text: "What is it?" }, image] }];
    assert.match((await generateText({ model, messages, maxRetries: 0 })).text, /1 attachment: image\/png \(98 bytes\)/);
  };
  checks[`${name}: an error`] = async () => {
    const refused = generateText({ model, prompt: JSON.stringify({ sandbox: { status: 429, retry_after: 3 } }), maxRetries: 0 });
    await assert.rejects(refused, (error) => APICallError.isInstance(error) && error.statusCode === 429 && error.isRetryable);
  };
}
await run(checks);
