import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applies,
  FILTER_KEYS,
  measureFilter,
  parseTyped,
  readFilters,
  traceFilter,
  withFilter,
  withoutFilters,
} from "../src/logic/filters.ts";
import { address, carried, readPlace } from "../src/logic/place.ts";

const window = { startMs: 1_000, endMs: 2_000, stepMs: 60_000 };
const filters = (text: string) => readFilters(new URLSearchParams(text));

test("filters of the address become variables of the API", () => {
  const found = filters(
    "model=gpt-4o&user=ann&error=true&min_duration=2.5s&min_cost=0.01&min_tokens=7&name=%3Cb%3E&range=7d&junk=1",
  );
  assert.deepEqual(traceFilter(found, window), {
    startNs: "1000000000",
    endNs: "2000000000",
    where: {
      and: [
        {
          or: [
            { field: "request_model", op: "EQ", value: "gpt-4o" },
            { field: "response_model", op: "EQ", value: "gpt-4o" },
          ],
        },
        { field: "user_id", op: "EQ", value: "ann" },
        { field: "trace.error_count", op: "GT", value: 0 },
        { field: "trace.duration_ns", op: "GTE", value: "2500000000" },
        { field: "trace.cost_nano_usd", op: "GTE", value: "10000000" },
        { field: "trace.total_tokens", op: "GTE", value: "7" },
        { field: "trace.name", op: "CONTAINS", value: "<b>" },
      ],
    },
    whereText: null,
  });
  assert.deepEqual(traceFilter(filters("error=false&where=cost+%3E+1"), window), {
    startNs: "1000000000",
    endNs: "2000000000",
    where: { and: [{ field: "trace.error_count", op: "EQ", value: 0 }] },
    whereText: "cost > 1",
  });
  assert.deepEqual(measureFilter(found), { model: ["gpt-4o"], userId: ["ann"] });
});

test("a condition without a value asks measures for calls without one, and traces for nothing", () => {
  const found = filters("user=");
  assert.deepEqual(measureFilter(found), { userId: [null] });
  assert.deepEqual(traceFilter(found, window), {
    startNs: "1000000000",
    endNs: "2000000000",
    where: null,
    whereText: null,
  });
  assert.deepEqual(
    [
      applies("user", "", "overview"),
      applies("user", "", "traces"),
      applies("session", "s", "overview"),
      applies("session", "s", "traces"),
    ],
    [true, false, false, true],
  );
});

test("what is typed is a condition or a name", () => {
  assert.deepEqual(parseTyped("model:gpt-4o"), { word: "model", text: "gpt-4o" });
  assert.deepEqual(parseTyped(" Model : a:b "), { word: "model", text: "a:b" });
  assert.deepEqual(parseTyped("POST /chat"), { word: "name", text: "POST /chat" });
  assert.deepEqual(parseTyped("http://x"), { word: "name", text: "http://x" });
  for (const typed of ["", "  ", "model:", "error:maybe", "min_duration:fast", "min_cost:-1", "min_tokens:1.5"])
    assert.equal(parseTyped(typed), null);
  for (const [typed, text] of [
    ["min_duration:250ms", "250ms"],
    ["min_cost:$0.5", "$0.5"],
    ["error:false", "false"],
  ] as const)
    assert.equal(parseTyped(typed)?.text, text);
});

test("the filter language is known by its first words, and left to the server", () => {
  for (const typed of [
    "cost > 0.01",
    "model=gpt-4o or error_type exists",
    'content search "refund policy"',
    'attributes."my key" = 1',
    "user_id not in (a, b)",
    "not model = a",
    "(cost > 1 or cost < 2)",
    "name ~ ^x",
    "mdl = a",
  ])
    assert.deepEqual(parseTyped(typed), { word: "where", text: typed });
  for (const typed of ["POST /chat", "where are my orders", "search", "exists", "a b = c"])
    assert.equal(parseTyped(typed)?.word, "name");
  assert.deepEqual(parseTyped("cost > 1", "a = 1 or b = 2"), {
    word: "where",
    text: "(a = 1 or b = 2) and (cost > 1)",
  });
  assert.deepEqual(parseTyped("where:cost > 1"), { word: "where", text: "cost > 1" });
});

test("every filter can be set, read and taken away", () => {
  let params = new URLSearchParams("range=7d");
  for (const key of FILTER_KEYS) params = withFilter(params, key.word, "true&=?");
  assert.equal(readFilters(new URLSearchParams(params.toString())).size, FILTER_KEYS.length);
  assert.equal(withoutFilters(params).toString(), "range=7d");
  assert.equal(withFilter(new URLSearchParams("error=true"), "error", null).toString(), "");
});

test("addresses", () => {
  const id = "AB".repeat(16);
  assert.deepEqual(readPlace("/", "").view, { name: "overview" });
  assert.deepEqual(readPlace("/traces/", "?a=1").view, { name: "traces" });
  assert.deepEqual(readPlace(`/traces/${id}`, "").view, { name: "trace", id: id.toLowerCase() });
  for (const path of ["/traces/xyz", "/nothing", `/traces/${id}/more`])
    assert.equal(readPlace(path, "").view.name, "unknown");
  assert.equal(address("/traces", new URLSearchParams({ model: "a b&c" })), "/traces?model=a+b%26c");
  assert.equal(carried(new URLSearchParams("span=1&view=conversation&range=7d")).toString(), "range=7d");
});
