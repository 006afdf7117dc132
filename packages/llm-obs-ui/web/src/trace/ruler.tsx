/** The scale above the waterfall. Dragging over it zooms; the button does so without a drag. */

import { duration, trimmed } from "../logic/format.ts";
import { ticks } from "../logic/ticks.ts";
import { Icon } from "../parts/icons.tsx";
import { useZoomDrag, type TimeSpan } from "./zoom.ts";

/** Most ticks in the shown time. */
export const TICKS = 5;

interface RulerProps {
  zoom: TimeSpan;
  total: number;
  onZoom: (zoom: TimeSpan) => void;
  onSpan: () => void;
}

export function Ruler({ zoom, total, onZoom, onSpan }: RulerProps) {
  const drag = useZoomDrag(zoom, onZoom);
  const width = zoom.to - zoom.from || 1;
  const zoomed = zoom.from > 0 || zoom.to < total;
  // No label under the button.
  const labelled = zoom.to - width * (zoomed ? 0.45 : 0.16);
  return (
    <div class="span-time ruler" {...drag.handlers} title="Drag to zoom">
      {ticks(zoom.from, zoom.to, TICKS)
        .filter((tick) => tick <= labelled)
        .map((tick) => (
          <span key={tick} class="tick" style={{ left: `${((tick - zoom.from) / width) * 100}%` }}>
            {trimmed(duration(tick))}
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
        <button
          type="button"
          class="icon-button zoom"
          onClick={onSpan}
          title="Zoom to the selected span (z)"
          aria-label="Zoom to the selected span"
        >
          <Icon name="zoom" />
        </button>
      )}
    </div>
  );
}
