import assert from "node:assert/strict";
import { test } from "node:test";
import { message, messages, news, type ContentItem } from "../src/logic/content.ts";
import { layOut, valueText } from "../src/logic/json.ts";

function item(slot: string, body: unknown, index = 0): ContentItem {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { slot, index, digest: text, body: text, bodyBytes: text.length };
}

test("messages of the conventions", () => {
  const read = message(
    item("input", {
      role: "user",
      parts: [
        { type: "text", content: "hi" },
        { type: "reasoning", content: "hm" },
        { type: "tool_call", id: "1", name: "f", arguments: { a: 1 } },
        { type: "tool_call_response", id: "1", response: { b: 2 } },
        { type: "uri", uri: "https://x/y.png", modality: "image" },
      ],
    }),
  );
  assert.equal(read.role, "user");
  assert.deepEqual(read.parts, [
    { kind: "text", text: "hi" },
    { kind: "reasoning", text: "hm" },
    { kind: "call", name: "f", id: "1", json: '{"a":1}' },
    { kind: "result", name: "", id: "1", json: '{"b":2}' },
    { kind: "media", label: "image at https://x/y.png" },
  ]);
});

test("messages of chat APIs", () => {
  assert.deepEqual(message(item("input", { role: "user", content: "hi" })).parts, [{ kind: "text", text: "hi" }]);
  assert.deepEqual(message(item("input", { role: "tool", tool_call_id: "c", content: "{}" })).parts, [
    { kind: "result", name: "", id: "c", json: "{}" },
  ]);
  assert.deepEqual(
    message(
      item("output", {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      }),
    ).parts,
    [{ kind: "call", name: "f", id: "c", json: '{"a":1}' }],
  );
  assert.deepEqual(
    message(
      item("output", {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm" },
          { type: "text", text: "ok" },
        ],
      }),
    ).parts,
    [
      { kind: "reasoning", text: "hm" },
      { kind: "text", text: "ok" },
    ],
  );
});

test("what is not understood is shown as it is", () => {
  assert.deepEqual(message(item("input", "not json {")).parts, [{ kind: "text", text: "not json {" }]);
  assert.deepEqual(message(item("input", { weird: 1 })).parts, [{ kind: "json", json: '{"weird":1}' }]);
  assert.deepEqual(message(item("input", { role: "user", parts: [{ type: "new_thing", x: 1 }] })).parts, [
    { kind: "json", json: '{"type":"new_thing","x":1}' },
  ]);
  assert.deepEqual(message(item("tool_result", "42")).parts, [{ kind: "json", json: "42" }]);
  assert.deepEqual(message(item("tool_result", '"done"')).parts, [{ kind: "text", text: "done" }]);
  assert.equal(message({ ...item("input", "x"), body: null }).parts, null);
});

test("messages come in the order of reading", () => {
  const order = messages([
    item("tools", {}),
    item("output", "o"),
    item("input", "b", 1),
    item("input", "a", 0),
    item("system", "s"),
    item("future", "f"),
  ]);
  assert.deepEqual(
    order.map((one) => one.key),
    ["system/0", "input/0", "input/1", "output/0", "tools/0", "future/0"],
  );
});

test("a step shows what the steps before did not have, and always its answer", () => {
  const seen = new Set<string>();
  const says = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });
  const [question, answer] = [says("user", "q"), says("assistant", "a")];
  const first = messages([item("system", "s"), item("input", question), item("output", answer)]);
  assert.deepEqual(news(first, seen), { fresh: first, repeated: 0 });
  const second = messages([
    item("system", "s"),
    item("input", question),
    item("input", answer, 1),
    item("input", says("user", "q2"), 2),
    item("output", answer),
  ]);
  const { fresh, repeated } = news(second, seen);
  assert.deepEqual(
    fresh.map((one) => one.key),
    ["input/2", "output/0"],
  );
  assert.equal(repeated, 3);
});

test("an answer that comes back without its finish reason is known", () => {
  const told = new Set<string>();
  const parts = [{ type: "text", content: "yes" }];
  news(messages([item("output", { role: "assistant", parts, finish_reason: "stop" })]), told);
  const { fresh } = news(
    messages([item("input", { role: "assistant", parts }), item("input", { role: "user", parts }, 1)]),
    told,
  );
  assert.deepEqual(
    fresh.map((one) => one.role),
    ["user"],
  );
});

test("JSON is laid out from its own text", () => {
  const laid = (json: string) =>
    layOut(json)
      ?.map((token) => token.text)
      .join("");
  const long = "x".repeat(60);
  assert.equal(
    laid(`{"a":[1,{"b":null}],"a":12345678901234567890,"e":{},"s":"${long}\\"{,y"}`),
    `{\n  "a": [1, {"b": null}],\n  "a": 12345678901234567890,\n  "e": {},\n  "s": "${long}\\"{,y"\n}`,
  );
  for (const value of [
    { a: [], b: { c: [true, false, null, -1.5e-7] } },
    [[[]]],
    ["é\u2028😀"],
    [{ k: long }, [long, [long]]],
  ]) {
    assert.deepEqual(JSON.parse(laid(JSON.stringify(value))!), value);
  }
  assert.equal(laid(JSON.stringify([{ k: long }, 1])), JSON.stringify([{ k: long }, 1], null, 2));
  assert.deepEqual(
    layOut('{"k":"v"}')!.map((token) => token.kind),
    ["mark", "key", "mark", "string", "mark"],
  );
  assert.equal(layOut("{broken"), null);
  assert.equal(layOut("42"), null);
});

test("values of attributes are text", () => {
  assert.deepEqual(["text", 1.5, true, null, ["a", 1], { b: [] }].map(valueText), [
    "text",
    "1.5",
    "true",
    "null",
    '["a",1]',
    '{"b":[]}',
  ]);
});
