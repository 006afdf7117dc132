/** A chart with its legend, and the same numbers as a table for who cannot or will not read a drawing. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { span } from "../logic/clock.ts";
import { bucketStarts } from "../logic/window.ts";
import { repaints } from "../theme.ts";
import { Icon } from "./icons.tsx";
import { PLOT_HEIGHT, plotData, plotOptions, type PlotSpec } from "./plot.ts";

interface Props extends PlotSpec {
  title: string;
  /** The whole time in a few words, also what a screen reader says for the drawing. */
  summary: string;
}

export function Chart({ title, summary, ...spec }: Props) {
  const [asTable, setAsTable] = useState(false);
  const empty = spec.layers.every((layer) => layer.values.every((value) => !value));
  return (
    <figure class="chart card">
      <figcaption>
        <h2>{title}</h2>
        <button
          type="button"
          class="icon-button"
          aria-pressed={asTable}
          title={asTable ? "As a chart" : "As a table"}
          aria-label={`${title}: ${asTable ? "as a chart" : "as a table"}`}
          onClick={() => setAsTable(!asTable)}
        >
          <Icon name={asTable ? "chart" : "table"} />
        </button>
      </figcaption>
      <div class="legend">
        {spec.layers.map((layer) => (
          <span key={layer.label} class="legend-entry" title={layer.label}>
            <span class="swatch" style={{ background: `var(${layer.colour})` }} />
            <span class="legend-label">{layer.label}</span>
          </span>
        ))}
      </div>
      <div class="chart-body">
        {asTable ? <Numbers title={title} {...spec} /> : <Canvas label={`${title}. ${summary}`} spec={spec} />}
        {empty && !asTable && <p class="chart-empty">Nothing in this time</p>}
      </div>
    </figure>
  );
}

function Canvas({ label, spec }: { label: string; spec: PlotSpec }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(spec);
  latest.current = spec;
  const painted = repaints.use();
  // A new plot where its form changes; new numbers only go into the one that is there.
  const form = `${painted} ${spec.kind} ${spec.layers.map((layer) => layer.colour).join()}`;
  useLayoutEffect(() => {
    const element = box.current!;
    const made = new uPlot(
      plotOptions(latest.current, element.clientWidth, () => latest.current),
      plotData(latest.current),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: PLOT_HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [form]);
  useEffect(() => plot.current?.setData(plotData(spec)), [spec.layers, spec.window]);
  return <div ref={box} class="plot" role="img" aria-label={label} />;
}

function Numbers({ title, window, layers, format }: PlotSpec & { title: string }) {
  const starts = bucketStarts(window);
  const filled = starts.map((_, at) => at).filter((at) => layers.some((layer) => layer.values[at]));
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={`${title} as a table`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {layers.map((layer) => (
              <th key={layer.label} scope="col" class="number">
                {layer.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {filled.reverse().map((at) => (
            <tr key={at}>
              <th scope="row">{span(starts[at]!, starts[at]! + window.stepMs, true)}</th>
              {layers.map((layer) => {
                const value = layer.values[at];
                return (
                  <td key={layer.label} class="number">
                    {value === null || value === undefined ? "–" : format(value)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
