/** A drag over a strip of time chooses a part of it. */

import { useRef, useState } from "preact/hooks";

export interface TimeSpan {
  from: number;
  to: number;
}

interface Drag {
  /** Shares of the strip's width while the pointer is down. */
  range: [number, number] | null;
  handlers: {
    onPointerDown: (event: PointerEvent) => void;
    onPointerMove: (event: PointerEvent) => void;
    onPointerUp: (event: PointerEvent) => void;
  };
}

const LEAST = 0.004;

/** `shown` is the time that the strip's width stands for. */
export function useZoomDrag(shown: TimeSpan, onZoom: (zoom: TimeSpan) => void): Drag {
  const [range, setRange] = useState<[number, number] | null>(null);
  const start = useRef<number | null>(null);
  const share = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  return {
    range,
    handlers: {
      onPointerDown(event) {
        if (event.button !== 0 || (event.target as Element).closest("button")) return;
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
        start.current = share(event);
      },
      onPointerMove(event) {
        if (start.current === null) return;
        const at = share(event);
        setRange([Math.min(start.current, at), Math.max(start.current, at)]);
      },
      onPointerUp() {
        start.current = null;
        setRange(null);
        if (!range || range[1] - range[0] < LEAST) return;
        const width = shown.to - shown.from;
        onZoom({ from: shown.from + range[0] * width, to: shown.from + range[1] * width });
      },
    },
  };
}
