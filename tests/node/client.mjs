// The official OpenAI SDK for JavaScript at a gateway: `node client.mjs GATEWAY_URL`. Its route `r`
// answers, `tools` calls two tools at once, `broken` is cut where another goes on, `lost` is cut
// where nobody does, and `plainNNN` and `streamNNN` answer with that status. Says "ok" for each thing that works.
import assert from "node:assert/strict";
import OpenAI from "openai";

const baseURL = process.argv[2];
const client = new OpenAI({ baseURL, apiKey: "sk-any", timeout: 20_000 });
const messages = [{ role: "user", content: "Hello [[nonce=node]] [[in=12]] [[out=5]]" }];
const tools = [
  { type: "function", function: { name: "find_order", parameters: { type: "object" } } },
];

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const deltas = (chunks) => chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
const textOf = (chunks) => deltas(chunks).map((delta) => delta.content ?? "").join("");

function callsOf(chunks) {
  const calls = [];
  for (const part of deltas(chunks).flatMap((delta) => delta.tool_calls ?? [])) {
    const call = (calls[part.index] ??= { id: "", name: "", arguments: "" });
    call.id += part.id ?? "";
    call.name += part.function?.name ?? "";
    call.arguments += part.function?.arguments ?? "";
  }
  return calls;
}

async function failure(model, more = {}) {
  try {
    await client.chat.completions.create({ model, messages, ...more });
  } catch (error) {
    return error;
  }
  assert.fail(`${model} was answered`);
}

const shows = {
  async "a chat"() {
    const { data, response, request_id } = await client.chat.completions
      .create({ model: "r", messages })
      .withResponse();
    assert.match(data.choices[0].message.content, /\[\[nonce=node\]\]/);
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.equal(data.usage.total_tokens, 17);
    assert.match(request_id, /^req_/);
    assert.equal(response.headers.get("x-keel-attempts"), "1");
  },

  async "many chats at once"() {
    const asked = Array.from({ length: 20 }, (_, n) =>
      client.chat.completions.create({
        model: "r",
        messages: [{ role: "user", content: `[[nonce=n${n}]]` }],
      }),
    );
    (await Promise.all(asked)).forEach((reply, n) => {
      assert.ok(reply.choices[0].message.content.includes(`[[nonce=n${n}]]`));
    });
  },

  async "embeddings and models"() {
    // Where nothing is said of an encoding, this SDK asks for base64 and decodes it.
    const input = ["one", "two"];
    for (const encoding of [{}, { encoding_format: "float" }]) {
      const made = await client.embeddings.create({ model: "r", input, ...encoding });
      assert.deepEqual(made.data.map((item) => item.index), [0, 1]);
      assert.ok(made.data.every((item) => typeof item.embedding[0] === "number"));
    }
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    assert.ok(models.includes("r"));
  },

  async "a stream"() {
    const plain = await client.chat.completions.create({ model: "r", messages });
    const chunks = await read(
      await client.chat.completions.create({ model: "r", messages, stream: true }),
    );
    assert.equal(textOf(chunks), plain.choices[0].message.content);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert.ok(chunks.every((chunk) => !chunk.usage));
  },

  async "a stream that counts"() {
    const chunks = await read(
      await client.chat.completions.create({
        model: "r",
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.completion_tokens, 5);
  },

  async "a stream of tool calls"() {
    const chunks = await read(
      await client.chat.completions.create({ model: "tools", messages, tools, stream: true }),
    );
    const calls = callsOf(chunks);
    assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), [{ n: "Ü1" }, { n: "2" }]);
    assert.deepEqual(calls.map((call) => [call.id, call.name]), [
      ["call_0", "find_order"],
      ["call_1", "find_order"],
    ]);
    const runner = client.chat.completions.stream({ model: "tools", messages, tools });
    const final = await runner.finalMessage();
    assert.deepEqual(
      final.tool_calls.map((call) => JSON.parse(call.function.arguments)),
      [{ n: "Ü1" }, { n: "2" }],
    );
  },

  async "a stream that is cut and goes on elsewhere"() {
    const chunks = await read(
      await client.chat.completions.create({ model: "broken", messages, tools, stream: true }),
    );
    assert.deepEqual(
      callsOf(chunks).map((call) => JSON.parse(call.arguments)),
      [{ n: "Ü1" }, { n: "2" }],
    );
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  },

  async "a stream that nobody can go on with"() {
    const chunks = [];
    await assert.rejects(
      async () => {
        const stream = await client.chat.completions.create({
          model: "lost",
          messages,
          stream: true,
        });
        for await (const chunk of stream) chunks.push(chunk);
      },
      (error) => error instanceof OpenAI.APIError && error.code === "stream_interrupted",
    );
    assert.ok(chunks.length > 0);
    assert.ok(deltas(chunks).length > 0);
    assert.ok(!chunks.some((chunk) => chunk.choices.some((choice) => choice.finish_reason)));
  },

  async "a stream that is left"() {
    const stream = await client.chat.completions.create({ model: "r", messages, stream: true });
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      break;
    }
    assert.ok(stream.controller.signal.aborted);
  },

  async "errors of their own classes, asked for once"() {
    const classes = {
      400: OpenAI.BadRequestError,
      404: OpenAI.NotFoundError,
      422: OpenAI.UnprocessableEntityError,
      429: OpenAI.RateLimitError,
      503: OpenAI.InternalServerError,
    };
    for (const [status, kind] of Object.entries(classes)) {
      for (const stream of [false, true]) {
        const error = await failure(`${stream ? "stream" : "plain"}${status}`, { stream });
        assert.ok(error instanceof kind, `${status}: ${error}`);
        assert.equal(error.status, Number(status));
        assert.ok(error.message && error.type);
        // What the test counts at the provider: this SDK asks three times unless told not to.
        console.log(`sends ${status} ${error.headers.get("x-keel-attempts")}`);
      }
    }
    const unknown = await failure("nobody");
    assert.ok(unknown instanceof OpenAI.NotFoundError);
    assert.equal(unknown.code, "model_not_found");
  },
};

for (const [name, show] of Object.entries(shows)) {
  await show();
  console.log(`ok ${name}`);
}
