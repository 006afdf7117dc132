/** The scale above the waterfall. Dragging over it zooms; the button does so without a drag. */

import { duration, trimmed } from "../logic/format.ts";
import { ticks } from "../logic/ticks.ts";
import { Icon } from "../parts/icons.tsx";
import { useZoomDrag, type TimeSpan } from "./zoom.ts";

/** Least room between two ticks, of the button, and of the button of a zoomed ruler, pixels. */
const TICK = 40;
const BUTTON = 32;
const WIDE_BUTTON = 88;
/** Where there is less room the whole ruler is for its labels; a drag zooms there too. */
const NARROW = 160;

/** How many ticks find room in so many pixels. */
export function mostTicks(width: number): number {
  return Math.min(6, Math.max(2, Math.floor(width / TICK)));
}

/** About how wide a label is, pixels. */
function wide(label: string): number {
  return 9 + label.length * 6.2;
}

interface RulerProps {
  zoom: TimeSpan;
  total: number;
  /** Pixels. */
  room: number;
  onZoom: (zoom: TimeSpan) => void;
  onSpan: () => void;
}

export function Ruler({ zoom, total, room, onZoom, onSpan }: RulerProps) {
  const drag = useZoomDrag(zoom, onZoom);
  const width = zoom.to - zoom.from || 1;
  const zoomed = zoom.from > 0 || zoom.to < total;
  const button = zoomed ? WIDE_BUTTON : room < NARROW ? 0 : BUTTON;
  const places = ticks(zoom.from, zoom.to, mostTicks(room)).map((tick) => ({
    tick,
    label: trimmed(duration(tick)),
    left: ((tick - zoom.from) / width) * room,
  }));
  const apart = places.length > 1 ? places[1]!.left - places[0]!.left : room;
  const every = places.some(({ label }) => wide(label) > apart) ? 2 : 1;
  // No label under another one or under the button.
  const shown = places.filter(({ label, left }, at) => at % every === 0 && left + wide(label) <= room - button);
  return (
    <div class="span-time ruler" {...drag.handlers} title="Drag to zoom">
      {shown.map(({ tick, label, left }) => (
        <span key={tick} class="tick" style={{ left: `${left}px` }}>
          {label}
        </span>
      ))}
      {drag.range && (
        <span
          class="drag-range"
          style={{ left: `${drag.range[0] * 100}%`, width: `${(drag.range[1] - drag.range[0]) * 100}%` }}
        />
      )}
      {zoomed ? (
        <button
          type="button"
          class="button small zoom"
          onClick={() => onZoom({ from: 0, to: total })}
          title="Show the whole time (0)"
        >
          Whole time
        </button>
      ) : (
        button > 0 && (
          <button
            type="button"
            class="icon-button zoom"
            onClick={onSpan}
            title="Zoom to the selected span (z)"
            aria-label="Zoom to the selected span"
          >
            <Icon name="zoom" />
          </button>
        )
      )}
    </div>
  );
}
