/** A chart on a canvas: what uPlot is told, and the tip that follows the pointer. */

import uPlot from "uplot";
import { axisLabels, span } from "../logic/clock.ts";
import { trimmed } from "../logic/format.ts";
import { stacked } from "../logic/series.ts";
import { bucketStarts, type TimeWindow } from "../logic/window.ts";
import { colour } from "../theme.ts";

export interface Layer {
  label: string;
  /** A custom property of the style sheet: `--s1`. */
  colour: string;
  values: readonly (number | null)[];
}

export interface PlotSpec {
  /** `bars`: layers over each other, each a part of the first; `stack`: layers on each other; `lines`. */
  kind: "bars" | "stack" | "lines";
  window: TimeWindow;
  layers: readonly Layer[];
  format: (value: number) => string;
  onZoom: (fromMs: number, toMs: number) => void;
}

/** The top of a scale that nothing is drawn on. */
const NOTHING = 1e-9;
export const PLOT_HEIGHT = 174;

/** Layers in the order of drawing, each with what its line or bar reaches to. */
function drawn(spec: PlotSpec): { layer: Layer; values: (number | null)[] }[] {
  if (spec.kind !== "stack") return spec.layers.map((layer) => ({ layer, values: [...layer.values] }));
  const tops = stacked(spec.layers.map((layer) => layer.values.map((value) => value ?? 0)));
  return spec.layers.map((layer, at) => ({ layer, values: tops[at]! })).reverse();
}

export function plotData(spec: PlotSpec): uPlot.AlignedData {
  const middles = bucketStarts(spec.window).map((start) => (start + spec.window.stepMs / 2) / 1000);
  return [middles, ...drawn(spec).map((one) => one.values)] as uPlot.AlignedData;
}

/** A point alone between gaps would not be seen as a line. */
function alone(values: readonly (number | null | undefined)[]): number[] {
  return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
}

export function plotOptions(spec: PlotSpec, width: number, current: () => PlotSpec): uPlot.Options {
  const [text, grid, surface] = [colour("--muted"), colour("--line"), colour("--surface")];
  const bars = uPlot.paths.bars!({ size: [0.8, 40], gap: 0 });
  const axis: uPlot.Axis = {
    stroke: text,
    font: "11px system-ui, sans-serif",
    ticks: { show: false },
    grid: { stroke: grid, width: 1 },
  };
  return {
    width,
    height: PLOT_HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: spec.kind === "lines" ? { size: 7, width: 2, fill: surface } : { show: false },
      drag: { x: true, y: false, setScale: false, dist: 5 },
      sync: { key: "overview" },
      bind: { dblclick: () => null },
    },
    scales: {
      x: {
        time: true,
        range: () => [
          current().window.startMs / 1000,
          (current().window.startMs + bucketStarts(current().window).length * current().window.stepMs) / 1000,
        ],
      },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.06 : NOTHING] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 64,
        size: 21,
        gap: 6,
        values: (_plot, splits) => axisLabels(splits.map((split) => split * 1000)),
      },
      {
        ...axis,
        size: 54,
        gap: 6,
        space: 34,
        values: (plot, splits) =>
          splits.map((split) => (split && plot.scales["y"]!.max === NOTHING ? "" : trimmed(current().format(split)))),
      },
    ],
    series: [
      {},
      ...drawn(spec).map(({ layer }): uPlot.Series => {
        const ink = colour(layer.colour);
        return spec.kind === "lines"
          ? {
              stroke: ink,
              width: 1.75,
              points: { size: 5, fill: ink, show: true, filter: (plot, at) => alone([...plot.data[at]!]) },
            }
          : { fill: ink, paths: bars, points: { show: false } };
      }),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 5) return;
          const at = (place: number) => plot.posToVal(place, "x") * 1000;
          const step = 60_000;
          const from = Math.floor(at(plot.select.left) / step) * step;
          const to = Math.ceil(at(plot.select.left + plot.select.width) / step) * step;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          current().onZoom(from, to);
        },
      ],
      ready: [(plot) => addTip(plot, current)],
    },
  };
}

/** Shows the values of the bucket under the pointer, in the chart that the pointer is over. */
function addTip(plot: uPlot, current: () => PlotSpec): void {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  plot.over.append(tip);
  let over = false;
  plot.over.addEventListener("mouseenter", () => (over = true));
  plot.over.addEventListener("mouseleave", () => {
    over = false;
    tip.hidden = true;
  });
  (plot.hooks.setCursor ??= []).push(() => {
    const at = plot.cursor.idx;
    tip.hidden = !over || at === null || at === undefined;
    if (tip.hidden) return;
    const spec = current();
    const start = bucketStarts(spec.window)[at!];
    if (start === undefined) return;
    tip.replaceChildren(
      line("tip-time", span(start, start + spec.window.stepMs, true)),
      ...[...spec.layers].reverse().map((layer) => row(layer, layer.values[at!], spec)),
    );
    const right = (plot.cursor.left ?? 0) > plot.over.clientWidth / 2;
    tip.style.left = right ? "" : `${(plot.cursor.left ?? 0) + 14}px`;
    tip.style.right = right ? `${plot.over.clientWidth - (plot.cursor.left ?? 0) + 14}px` : "";
  });
}

function line(name: string, text: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  element.textContent = text;
  return element;
}

function row(layer: Layer, value: number | null | undefined, spec: PlotSpec): HTMLElement {
  const element = document.createElement("div");
  element.className = "tip-row";
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = `var(${layer.colour})`;
  const figure = document.createElement("b");
  figure.textContent = value === null || value === undefined ? "–" : spec.format(value);
  element.append(swatch, line("tip-label", layer.label), figure);
  return element;
}
