import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytes,
  change,
  costOf,
  count,
  duration,
  exact,
  exactMoney,
  money,
  percent,
  trimmed,
} from "../src/logic/format.ts";
import { big, millis, nanos, offsetNs } from "../src/logic/int64.ts";

/** As it is shown: spaces between numbers and units are narrow and hold the line together. */
const thin = (text: string) => text.replaceAll(" ", "\u202f");

test("durations carry three digits and never round up into the wrong unit", () => {
  const cases: [number, string][] = [
    [0, "0 ns"],
    [950, "950 ns"],
    [1_500, "1.50 µs"],
    [999_499, "999 µs"],
    [999_500, "1.00 ms"],
    [12_340_000, "12.3 ms"],
    [999_499_999, "999 ms"],
    [999_500_000, "1.00 s"],
    [59_990_000_000, "60.0 s"],
    [59_996_000_000, "1 m 00 s"],
    [125e9, "2 m 05 s"],
    [3_599.6e9, "1 h 00 m"],
    [86_400e9 * 2.5, "2 d 12 h"],
    [-5e6, "−5.00 ms"],
  ];
  for (const [ns, text] of cases) assert.equal(duration(ns), thin(text));
  assert.equal(duration(null), "–");
});

test("money keeps small amounts readable and unknown apart from nothing", () => {
  assert.equal(money(null), "–");
  assert.equal(money("0"), "$0");
  assert.equal(money("1"), "$0.000000001");
  assert.equal(money("450000"), "$0.00045");
  assert.equal(money("12345678"), "$0.0123");
  assert.equal(money("994000000"), "$0.994");
  assert.equal(money("1234567890"), "$1.23");
  assert.equal(money("123456000000000"), "$123k");
  assert.equal(money(9_999n * 10n ** 9n), "$9,999");
  assert.equal(exactMoney("12345678901234567890"), "$12,345,678,901.234567890");
  assert.equal(exactMoney("450000"), "$0.000450000");
  assert.equal(exactMoney(-5n), "−$0.000000005");
});

test("calls without a price cost an unknown amount, free ones nothing", () => {
  assert.equal(costOf({ costNanoUsd: "0", unpriced: "3" }), "–");
  assert.equal(costOf({ costNanoUsd: "0", unpriced: "0" }), "$0");
  assert.equal(costOf({ costNanoUsd: "1234567890", unpriced: "3" }), "$1.23");
});

test("counts", () => {
  assert.deepEqual([0, 9_999, 10_000, 999_499, 999_500, 1_234_567, 2e9].map(count), [
    "0",
    "9,999",
    "10.0k",
    "999k",
    "1.00M",
    "1.23M",
    "2.00B",
  ]);
  assert.equal(count(12.34), "12.3");
  assert.equal(exact("9007199254740993"), "9,007,199,254,740,993");
  assert.deepEqual(
    [0, 0.00001, 0.005, 0.0123, 0.345, 1].map(percent),
    ["0 %", "<0.01 %", "0.50 %", "1.2 %", "35 %", "100 %"].map(thin),
  );
  assert.deepEqual([bytes(12), bytes(12_345), bytes(3e6)], ["12 B", "12.3 kB", "3.00 MB"].map(thin));
});

test("changes are signed, and silent without a base", () => {
  assert.deepEqual(
    [change(11, 10), change(9, 10), change(10, 10), change(200, 10), change(1, 0)],
    ["+10 %", "−10 %", "±0 %", "×20", ""].map(thin),
  );
});

test("axes leave out zeros that say nothing", () => {
  assert.deepEqual(
    ["1.00 s", "1.50 s", "100 ms", "$0.000450", "$0", "10.0k", "0.50 %", "1 m 00 s", "1 m 30 s", "0 ns"]
      .map(thin)
      .map(trimmed),
    ["1 s", "1.5 s", "100 ms", "$0.00045", "$0", "10k", "0.5 %", "1 m", "1 m 30 s", "0"].map(thin),
  );
});

test("64-bit integers stay exact", () => {
  assert.equal(big("18446744073709551615"), 18446744073709551615n);
  assert.equal(big(null), 0n);
  assert.equal(offsetNs("1795501452303555299", 1795501452303555000n), 299);
  assert.equal(millis("1795501452303555299"), 1795501452303);
  assert.equal(nanos(1795501452303), "1795501452303000000");
});
