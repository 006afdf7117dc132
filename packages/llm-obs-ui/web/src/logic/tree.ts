/** Spans of a trace as a tree in drawing order. Works on 10,000 spans in milliseconds; nothing is left out. */

import { big, num, offsetNs, type Int64 } from "./int64.ts";

export interface TreeSpan {
  id: string;
  parentId: string | null;
  startNs: Int64;
  durationNs: Int64;
  status: string;
  errorType: string | null;
}

export interface TreeNode<S> {
  span: S;
  /** 1 for a root, as aria-level counts. */
  level: number;
  /** Place of the parent in `nodes`; -1 for a root. */
  parent: number;
  /** Spans in this subtree with this one: the next sibling or uncle stands `size` places on. */
  size: number;
  place: number;
  siblings: number;
  /** From the trace's start, nanoseconds; moved by `shiftNs` where a clock was behind its parent's. */
  startNs: number;
  durationNs: number;
  shiftNs: number;
  /** Its parent was not received. */
  orphan: boolean;
  error: boolean;
  /** Errors in the subtree, this one not counted. */
  errorsBelow: number;
}

export interface Tree<S> {
  nodes: TreeNode<S>[];
  /** Unix time of offset 0, nanoseconds. */
  originNs: bigint;
  totalNs: number;
}

export function buildTree<S extends TreeSpan>(spans: readonly S[]): Tree<S> {
  const originNs = spans.reduce(
    (least, span) => (big(span.startNs) < least ? big(span.startNs) : least),
    big(spans[0]?.startNs),
  );
  const starts = spans.map((span) => offsetNs(span.startNs, originNs));
  const placeOf = new Map<string, number>();
  spans.forEach((span, place) => {
    if (!placeOf.has(span.id)) placeOf.set(span.id, place);
  });
  const children: number[][] = spans.map(() => []);
  const roots: number[] = [];
  spans.forEach((span, place) => {
    const parent = span.parentId === null ? undefined : placeOf.get(span.parentId);
    if (parent === undefined || parent === place) roots.push(place);
    else children[parent]!.push(place);
  });
  const byStart = (a: number, b: number) => starts[a]! - starts[b]! || a - b;
  for (const list of children) list.sort(byStart);

  const nodes: TreeNode<S>[] = [];
  const seen = new Uint8Array(spans.length);
  let totalNs = 0;

  // A stack of its own: a chain of 10,000 spans must not end the call stack.
  const grow = (root: number, place: number, siblings: number) => {
    const todo = [{ at: root, parent: -1, place, siblings }];
    for (let next = todo.pop(); next; next = todo.pop()) {
      const { at, parent } = next;
      if (seen[at]) continue;
      seen[at] = 1;
      const span = spans[at]!;
      const above = nodes[parent];
      const inherited = starts[at]! + (above?.shiftNs ?? 0);
      // Drawn no earlier than its parent; what follows it moves along.
      const startNs = above ? Math.max(inherited, above.startNs) : inherited;
      const durationNs = Math.max(0, num(span.durationNs));
      totalNs = Math.max(totalNs, startNs + durationNs);
      const mine = nodes.length;
      nodes.push({
        span,
        level: (above?.level ?? 0) + 1,
        parent,
        size: 1,
        place: next.place,
        siblings: next.siblings,
        startNs,
        durationNs,
        shiftNs: startNs - starts[at]!,
        orphan: parent < 0 && span.parentId !== null,
        error: span.status === "ERROR" || span.errorType !== null,
        errorsBelow: 0,
      });
      const list = children[at]!;
      for (let i = list.length - 1; i >= 0; i--)
        todo.push({ at: list[i]!, parent: mine, place: i + 1, siblings: list.length });
    }
  };
  roots.sort(byStart);
  roots.forEach((root, i) => grow(root, i + 1, roots.length));
  // What is left hangs in a ring of parents: each ring is cut at its first span.
  for (let at = 0; at < spans.length; at++) if (!seen[at]) grow(at, roots.length + 1, roots.length + 1);

  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at]!;
    const above = nodes[node.parent];
    if (!above) {
      node.orphan = node.span.parentId !== null;
      continue;
    }
    above.size += node.size;
    above.errorsBelow += node.errorsBelow + (node.error ? 1 : 0);
  }
  return { nodes, originNs, totalNs };
}

/** Places of the nodes that are shown when those in `collapsed` hide what is below them. */
export function visibleNodes<S extends TreeSpan>(tree: Tree<S>, collapsed: ReadonlySet<string>): number[] {
  const shown: number[] = [];
  for (let at = 0; at < tree.nodes.length;) {
    const node = tree.nodes[at]!;
    shown.push(at);
    at += collapsed.has(node.span.id) ? node.size : 1;
  }
  return shown;
}

/** Opens whatever hides the node at `place`. */
export function reveal<S extends TreeSpan>(
  tree: Tree<S>,
  place: number,
  collapsed: ReadonlySet<string>,
): ReadonlySet<string> {
  const next = new Set(collapsed);
  for (let at = tree.nodes[place]?.parent ?? -1; at >= 0; at = tree.nodes[at]!.parent)
    next.delete(tree.nodes[at]!.span.id);
  return next.size === collapsed.size ? collapsed : next;
}
