/** The whole trace in one strip: every span where and when it ran, errors in front. Dragging over it zooms. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Span } from "../api/types.ts";
import { KIND_COLOUR, kindOf, type Kind } from "../logic/kind.ts";
import type { Tree } from "../logic/tree.ts";
import { colour, repaints } from "../theme.ts";
import { useZoomDrag, type TimeSpan } from "./zoom.ts";

interface Props {
  tree: Tree<Span>;
  zoom: TimeSpan;
  onZoom: (zoom: TimeSpan) => void;
}

const HEIGHT = 44;
/** One failed span of ten thousand must be seen, pixels. */
const LEAST_ERROR = 4;

export function Minimap({ tree, zoom, onZoom }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painted = repaints.use();
  const total = tree.totalNs || 1;
  const drag = useZoomDrag({ from: 0, to: total }, onZoom);
  useLayoutEffect(() => {
    const element = canvas.current!;
    // The observer calls at once too, when the width is known: before the first paint, and only then.
    const watch = new ResizeObserver(() => draw(element, tree));
    watch.observe(element);
    return () => watch.disconnect();
  }, [tree, painted]);
  const zoomed = zoom.from > 0 || zoom.to < total;
  return (
    <div class="minimap" {...drag.handlers} title="Drag to zoom" aria-hidden="true">
      <canvas ref={canvas} />
      {zoomed && (
        <>
          <div class="minimap-shade" style={{ left: "0", width: `${(zoom.from / total) * 100}%` }} />
          <div class="minimap-shade" style={{ left: `${(zoom.to / total) * 100}%`, right: "0" }} />
        </>
      )}
      {drag.range && (
        <div
          class="drag-range"
          style={{ left: `${drag.range[0] * 100}%`, width: `${(drag.range[1] - drag.range[0]) * 100}%` }}
        />
      )}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, tree: Tree<Span>): void {
  const width = canvas.clientWidth;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  const pen = canvas.getContext("2d");
  if (!pen || !width) return;
  pen.scale(scale, scale);
  const inks = Object.fromEntries(Object.entries(KIND_COLOUR).map(([kind, name]) => [kind, colour(name)])) as Record<
    Kind,
    string
  >;
  const errorInk = colour("--error-ink");
  const step = HEIGHT / tree.nodes.length;
  const thick = Math.max(1, Math.min(6, step * 0.7));
  const perNs = width / (tree.totalNs || 1);
  for (const errors of [false, true]) {
    // Of 10,000 spans most fall onto pixels that the one before has filled.
    let last = { row: -1, ink: "", right: 0 };
    tree.nodes.forEach((node, at) => {
      if (node.error !== errors) return;
      const ink = errors ? errorInk : inks[kindOf(node.span)];
      const row = Math.floor(at * step * scale);
      const left = node.startNs * perNs;
      const right = left + Math.max(errors ? LEAST_ERROR : 1, node.durationNs * perNs);
      if (row === last.row && ink === last.ink && left >= last.right - 1 && right <= last.right + 0.5) return;
      if (ink !== last.ink) pen.fillStyle = ink;
      const high = errors ? Math.max(LEAST_ERROR, thick) : thick;
      pen.fillRect(left, at * step - (high - thick) / 2, right - left, high);
      last = { row, ink, right };
    });
  }
}
