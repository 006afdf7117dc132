/** The spans of a trace over time. Only what is on the screen is drawn, so 10,000 spans scroll like ten. */

import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Span } from "../api/types.ts";
import { useKeys } from "../keys.ts";
import { exact } from "../logic/format.ts";
import { ticks } from "../logic/ticks.ts";
import { reveal, visibleNodes, type Tree, type TreeNode } from "../logic/tree.ts";
import { Minimap } from "./minimap.tsx";
import { SpanRow } from "./row.tsx";
import { mostTicks, Ruler } from "./ruler.tsx";
import type { TimeSpan } from "./zoom.ts";

const ROW = 26;
const BEYOND = 12;

interface Props {
  tree: Tree<Span>;
  selected: string;
  onSelect: (span: string) => void;
  onEnter: () => void;
}

export function Waterfall({ tree, selected, onSelect, onEnter }: Props) {
  const total = tree.totalNs || 1;
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [zoom, setZoom] = useState<TimeSpan>({ from: 0, to: total });
  const [scroll, setScroll] = useState({ top: 0, height: 600, room: 240 });
  const body = useRef<HTMLDivElement>(null);
  const base = useId();
  useEffect(() => setZoom({ from: 0, to: total }), [total]);

  const shown = useMemo(() => visibleNodes(tree, collapsed), [tree, collapsed]);
  const places = useMemo(() => new Map(tree.nodes.map((node, place) => [node.span.id, place])), [tree]);
  const place = places.get(selected) ?? 0;
  const at = useMemo(() => lineOf(shown, place), [shown, place]);

  useLayoutEffect(() => {
    const element = body.current!;
    const measure = () =>
      setScroll({
        top: element.scrollTop,
        height: element.clientHeight,
        room: element.querySelector(".grid-lines .span-time")!.clientWidth,
      });
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  // The selected line is brought into sight when it changes, not while somebody scrolls.
  useLayoutEffect(() => {
    const element = body.current!;
    const top = at * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
  }, [at, selected]);

  // What was selected and is hidden now: what hides it is selected instead.
  useEffect(() => {
    const above = tree.nodes[shown[at] ?? 0];
    if (above && shown[at] !== place) onSelect(above.span.id);
  }, [shown]);

  const select = (next: number) => {
    const found = tree.nodes[next];
    if (!found) return;
    setCollapsed((now) => reveal(tree, next, now));
    onSelect(found.span.id);
  };
  const line = (next: number) => select(shown[Math.min(shown.length - 1, Math.max(0, next))]!);
  const toggle = useCallback((span: string) => {
    setCollapsed((now) => {
      const next = new Set(now);
      if (!next.delete(span)) next.add(span);
      return next;
    });
  }, []);
  const node = tree.nodes[place];
  const nextError = () => {
    for (let step = 1; step <= tree.nodes.length; step++) {
      const next = (place + step) % tree.nodes.length;
      if (tree.nodes[next]!.error) return select(next);
    }
  };
  const zoomToSpan = () => node && node.durationNs > 0 && setZoom(around(node, total));
  useKeys({
    j: () => line(at + 1),
    k: () => line(at - 1),
    e: nextError,
    "0": () => setZoom({ from: 0, to: total }),
    z: zoomToSpan,
    "*": () => setCollapsed(new Set()),
    "-": () => setCollapsed(new Set(tree.nodes.filter((one) => one.size > 1).map((one) => one.span.id))),
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const branch = node !== undefined && node.size > 1;
    const page = Math.max(1, Math.floor(scroll.height / ROW) - 1);
    const moves: Record<string, () => void> = {
      ArrowDown: () => line(at + 1),
      ArrowUp: () => line(at - 1),
      PageDown: () => line(at + page),
      PageUp: () => line(at - page),
      Home: () => line(0),
      End: () => line(shown.length - 1),
      Enter: onEnter,
      " ": () => branch && toggle(selected),
      ArrowRight: () => (branch && collapsed.has(selected) ? toggle(selected) : branch && line(at + 1)),
      ArrowLeft: () =>
        branch && !collapsed.has(selected) ? toggle(selected) : node && node.parent >= 0 && select(node.parent),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  };

  // When lines are hidden the browser scrolls back, but tells it only later.
  const top = Math.min(scroll.top, Math.max(0, shown.length * ROW - scroll.height));
  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(shown.length, Math.ceil((top + scroll.height) / ROW) + BEYOND);
  // Lines that leave lend their elements to those that come.
  const pool = Math.ceil(scroll.height / ROW) + 2 * BEYOND + 2;
  return (
    <section
      class={`waterfall card${shown.length * ROW > scroll.height ? " scrolls" : ""}`}
      aria-label="Waterfall"
      style={{ "--rows": String(shown.length) }}
    >
      <Minimap tree={tree} zoom={zoom} onZoom={setZoom} />
      <div class="waterfall-head">
        <span class="span-name">
          {shown.length < tree.nodes.length && `${exact(shown.length)} of `}
          {exact(tree.nodes.length)} {tree.nodes.length === 1 ? "span" : "spans"}
        </span>
        <span class="span-took number">Duration</span>
        <span class="span-tokens number">Tokens</span>
        <span class="span-cost number">Cost</span>
        <Ruler zoom={zoom} total={total} room={scroll.room} onZoom={setZoom} onSpan={zoomToSpan} />
      </div>
      <div
        ref={body}
        class="waterfall-body"
        role="tree"
        tabIndex={0}
        aria-label="Spans"
        aria-activedescendant={node && at >= first && at < last ? `${base}-${place}` : undefined}
        onScroll={(event) => {
          const { scrollTop: top, clientHeight: height } = event.currentTarget;
          setScroll((now) => ({ ...now, top, height }));
        }}
        onKeyDown={onKeyDown}
      >
        <div class="waterfall-rows" role="presentation" style={{ height: `${shown.length * ROW}px` }}>
          <div class="span-row grid-lines" role="presentation">
            <div class="span-time">
              {ticks(zoom.from, zoom.to, mostTicks(scroll.room)).map((tick) => (
                <span
                  key={tick}
                  class="tick"
                  style={{ left: `${((tick - zoom.from) / (zoom.to - zoom.from || 1)) * 100}%` }}
                />
              ))}
            </div>
          </div>
          {shown.slice(first, last).map((one, offset) => {
            const row = tree.nodes[one]!;
            return (
              <SpanRow
                key={(first + offset) % pool}
                id={`${base}-${one}`}
                node={row}
                top={(first + offset) * ROW}
                from={zoom.from}
                to={zoom.to}
                selected={one === place}
                collapsed={collapsed.has(row.span.id)}
                onSelect={onSelect}
                onToggle={toggle}
              />
            );
          })}
        </div>
      </div>
    </section>
  );
}

/** The time of a span, with a little on both sides. */
function around(node: TreeNode<Span>, total: number): TimeSpan {
  const margin = node.durationNs * 0.05;
  return { from: Math.max(0, node.startNs - margin), to: Math.min(total, node.startNs + node.durationNs + margin) };
}

/** The line of a node, or of what hides it. */
function lineOf(shown: readonly number[], place: number): number {
  let low = 0;
  let high = shown.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (shown[middle]! <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}
