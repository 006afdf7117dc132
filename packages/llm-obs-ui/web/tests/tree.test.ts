import assert from "node:assert/strict";
import { test } from "node:test";
import { ticks } from "../src/logic/ticks.ts";
import { buildTree, reveal, visibleNodes, type TreeSpan } from "../src/logic/tree.ts";

const T0 = 1_795_501_452_303_555_299n;

function span(id: string, parentId: string | null, startNs: number, durationNs: number, error = false): TreeSpan {
  return {
    id,
    parentId,
    startNs: (T0 + BigInt(startNs)).toString(),
    durationNs: String(durationNs),
    status: error ? "ERROR" : "OK",
    errorType: null,
  };
}
const shape = (spans: TreeSpan[]) =>
  buildTree(spans).nodes.map((node) => `${"  ".repeat(node.level - 1)}${node.span.id}`);

test("children stand below their parents, by start, to the nanosecond", () => {
  const tree = buildTree([
    span("b", "r", 20, 5),
    span("r", null, 0, 100),
    span("a", "r", 19, 50),
    span("a1", "a", 30, 3, true),
  ]);
  assert.deepEqual(
    tree.nodes.map((node) => node.span.id),
    ["r", "a", "a1", "b"],
  );
  assert.deepEqual(
    tree.nodes.map((node) => [node.level, node.size, node.place, node.siblings, node.startNs, node.errorsBelow]),
    [
      [1, 4, 1, 1, 0, 1],
      [2, 2, 1, 2, 19, 1],
      [3, 1, 1, 1, 30, 0],
      [2, 1, 2, 2, 20, 0],
    ],
  );
  assert.equal(tree.originNs, T0);
  assert.equal(tree.totalNs, 100);
});

test("a span whose parent is missing is kept and told apart from a root", () => {
  const tree = buildTree([span("r", null, 0, 10), span("o", "gone", 2, 3)]);
  assert.deepEqual(
    tree.nodes.map((node) => [node.span.id, node.orphan, node.level]),
    [
      ["r", false, 1],
      ["o", true, 1],
    ],
  );
});

test("rings, doubled ids and spans that are their own parent lose nothing", () => {
  assert.deepEqual(shape([span("a", "b", 0, 1), span("b", "a", 1, 1), span("c", "c", 2, 1)]), ["c", "a", "  b"]);
  assert.equal(shape([span("x", null, 0, 1), span("x", "x", 1, 1), span("y", "x", 2, 1)]).length, 3);
  assert.deepEqual(buildTree([]).nodes, []);
});

test("a clock that is behind moves its subtree to its parent's start", () => {
  const tree = buildTree([span("p", null, 1000, 500), span("c", "p", 0, 100), span("g", "c", 40, 10)]);
  assert.deepEqual(
    tree.nodes.map((node) => [node.span.id, node.startNs, node.shiftNs]),
    [
      ["p", 1000, 0],
      ["c", 1000, 1000],
      ["g", 1040, 1000],
    ],
  );
});

test("a negative duration is drawn as none", () => {
  assert.equal(buildTree([span("a", null, 0, -5)]).nodes[0]!.durationNs, 0);
});

test("collapsing hides the subtree only; revealing opens what hides a span", () => {
  const tree = buildTree([span("r", null, 0, 9), span("a", "r", 1, 1), span("a1", "a", 1, 1), span("b", "r", 2, 1)]);
  assert.deepEqual(visibleNodes(tree, new Set(["a"])), [0, 1, 3]);
  assert.deepEqual(visibleNodes(tree, new Set(["r"])), [0]);
  assert.deepEqual([...reveal(tree, 2, new Set(["r", "a", "b"]))], ["b"]);
});

test("random forests: every span once, parents before children, sizes add up", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 50; round++) {
    const spans = Array.from({ length: 200 }, (_, i) =>
      span(
        `s${i}`,
        random() < 0.1 ? null : `s${Math.floor(random() * 210)}`,
        Math.floor(random() * 1e6),
        Math.floor(random() * 1e5),
      ),
    );
    const { nodes, totalNs } = buildTree(spans);
    assert.equal(new Set(nodes.map((node) => node.span)).size, spans.length);
    nodes.forEach((node, at) => {
      assert.ok(node.parent < at);
      const parent = nodes[node.parent];
      if (parent)
        assert.ok(node.startNs >= parent.startNs && node.level === parent.level + 1 && at < node.parent + parent.size);
      assert.ok(node.startNs + node.durationNs <= totalNs);
    });
    assert.equal(
      nodes.filter((node) => node.parent < 0).reduce((total, node) => total + node.size, 0),
      spans.length,
    );
  }
});

test("a chain of ten thousand spans ends no stack", () => {
  const { nodes } = buildTree(Array.from({ length: 10_000 }, (_, i) => span(`s${i}`, i ? `s${i - 1}` : null, i, 1)));
  assert.equal(nodes.length, 10_000);
  assert.equal(nodes.at(-1)!.level, 10_000);
});

test("ticks are round and within", () => {
  assert.deepEqual(ticks(0, 1e9, 5), [0, 2e8, 4e8, 6e8, 8e8, 1e9]);
  assert.deepEqual(ticks(150, 450, 3), [200, 300, 400]);
  assert.deepEqual(ticks(0, 540e9, 5), [0, 120e9, 240e9, 360e9, 480e9]);
  assert.deepEqual(ticks(5, 5, 4), []);
});
