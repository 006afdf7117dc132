import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, axisLabels, clock, full, localInput, span } from "../src/logic/clock.ts";
import { barScale } from "../src/logic/scale.ts";
import { largest, onGrid, stacked, sumByBucket } from "../src/logic/series.ts";
import {
  bucketStarts,
  choiceLabel,
  RANGES,
  readChoice,
  timeWindow,
  windowBefore,
  writeChoice,
} from "../src/logic/window.ts";

const now = Date.UTC(2026, 10, 24, 14, 5, 7, 123);
const params = (text: string) => new URLSearchParams(text);

test("every range has whole buckets that measures can answer", () => {
  for (const range of RANGES) {
    const window = timeWindow({ range }, now);
    assert.equal(window.stepMs % 60_000, 0);
    assert.equal(window.startMs % window.stepMs, 0);
    assert.ok(window.startMs <= now - range.spanMs && window.startMs > now - range.spanMs - window.stepMs);
    const starts = bucketStarts(window);
    assert.ok(starts.length >= 15 && starts.length <= 98, `${range.id}: ${starts.length}`);
    assert.ok(starts.at(-1)! < window.endMs && starts.at(-1)! + window.stepMs >= window.endMs);
  }
});

test("the window before ends where this one starts and is as long", () => {
  const window = timeWindow({ range: RANGES[0]! }, now);
  const before = windowBefore(window);
  assert.equal(before.endMs, window.startMs);
  assert.equal(before.endMs - before.startMs, window.endMs - window.startMs);
});

test("choices survive the address, and nonsense is the default", () => {
  assert.equal(writeChoice(params("range=7d&model=x"), readChoice(params(""))).toString(), "model=x");
  assert.equal(writeChoice(params(""), readChoice(params("range=7d"))).toString(), "range=7d");
  assert.equal(writeChoice(params("range=7d"), { fromMs: 1, toMs: 2 }).toString(), "from=1&to=2");
  assert.deepEqual(readChoice(params("from=5&to=9")), { fromMs: 5, toMs: 9 });
  for (const text of ["from=9&to=5", "from=x&to=9", "range=forever", "from=5"])
    assert.deepEqual(readChoice(params(text)), readChoice(params("")));
  assert.equal(choiceLabel(readChoice(params(""))), "Last 1 hour");
});

test("rows land in their buckets, and empty buckets are told apart from zero", () => {
  const window = { startMs: 600_000, endMs: 900_000, stepMs: 60_000 };
  const rows = [
    { bucketNs: "660000000000", n: 3 },
    { bucketNs: "840000000000", n: 5 },
    { bucketNs: "900000000000", n: 9 },
    { bucketNs: "540000000000", n: 9 },
    { bucketNs: null, n: 9 },
  ];
  assert.deepEqual(
    onGrid(rows, window, (row) => row.n, 0),
    [0, 3, 0, 0, 5],
  );
  assert.deepEqual(
    onGrid(rows, window, (row) => (row.n > 3 ? row.n : null), null),
    [null, null, null, null, 5],
  );
});

test("stacks end at the sum of their layers", () => {
  assert.deepEqual(
    stacked([
      [1, 2],
      [3, 0],
      [0, 5],
    ]),
    [
      [1, 2],
      [4, 2],
      [4, 7],
    ],
  );
});

test("the smallest groups are put together and none is lost", () => {
  const rows = ["a", "b", "b", "c", "d", "d"].map((name) => ({ name, bucketNs: "0", n: 1 }));
  const groups = largest(
    rows,
    (row) => row.name,
    (row) => row.n,
    2,
    "other",
  );
  assert.deepEqual(
    groups.map((group) => [group.name, group.rows.length]),
    [
      ["b", 2],
      ["d", 2],
      ["other", 2],
    ],
  );
  assert.deepEqual(
    sumByBucket(groups[2]!.rows, (row) => row.n),
    [{ bucketNs: "0", value: 2 }],
  );
});

test("one slow trace does not make the bars of the others vanish", () => {
  assert.equal(barScale([]), 0);
  assert.equal(barScale([7]), 7);
  assert.equal(barScale([10, 20, 30]), 30);
  assert.equal(Math.round(barScale([...Array.from({ length: 19 }, () => 100), 60_000])), 110);
});

test("instants", () => {
  assert.deepEqual(
    [
      ago(now, now),
      ago(now - 12_500, now),
      ago(now - 180_000, now),
      ago(now - 7_200_000, now),
      ago(now - 3 * 86_400_000, now),
    ],
    ["now", "12 s ago", "3 min ago", "2 h ago", "3 d ago"],
  );
  assert.match(clock(now, now), /^\d\d:[03]5:07\.123$/);
  assert.match(clock(now - 3 * 86_400_000, now), /^2\d Nov \d\d:[03]5:07\.123$/);
  assert.match(clock(now - 400 * 86_400_000, now), /^2\d Oct 2025 \d\d:[03]5:07\.123$/);
  assert.match(full(now), /^2026-11-2\d \d\d:[03]5:07\.123 UTC/);
});

test("what a field for a time is given comes back as the same minute, also where clocks change", () => {
  for (let ms = Date.UTC(2026, 2, 28, 12, 34); ms < Date.UTC(2026, 2, 30); ms += 3_600_000)
    assert.equal(new Date(localInput(ms)).getTime(), ms);
  assert.match(localInput(now), /^2026-11-2\dT\d\d:\d5$/);
});

test("labels of axes name the day where it begins", () => {
  const midnight = new Date(2026, 10, 24).getTime();
  assert.deepEqual(axisLabels([midnight - 3_600_000, midnight, midnight + 3_600_000]), ["23:00", "24 Nov", "01:00"]);
  assert.deepEqual(axisLabels([midnight, midnight + 86_400_000]), ["24 Nov", "25 Nov"]);
  assert.equal(span(midnight, midnight + 300_000, true), "24 Nov 00:00–00:05");
});
