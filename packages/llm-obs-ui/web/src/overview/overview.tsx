/** `/`: how the calls of the chosen time went. */

import { useMemo } from "preact/hooks";
import { useLoad } from "../api/load.ts";
import { measureFilter, readFilters } from "../logic/filters.ts";
import { readChoice, timeWindow, writeChoice } from "../logic/window.ts";
import { setParams } from "../navigation.ts";
import { CoverageLine } from "../parts/coverage.tsx";
import { FilterBar } from "../parts/filterbar.tsx";
import { Failure } from "../parts/notice.tsx";
import { refreshMs, TimePicker } from "../parts/timepicker.tsx";
import { Charts } from "./charts.tsx";
import { loadOverview, modelLayers, total } from "./data.ts";
import { Empty } from "./empty.tsx";
import { Headline } from "./headline.tsx";
import { Tables } from "./tables.tsx";

export function Overview({ params }: { params: URLSearchParams }) {
  const choice = readChoice(params);
  const filters = readFilters(params);
  const key = JSON.stringify([choice, measureFilter(filters)]);
  const { data, error, loading, again } = useLoad(
    key,
    (signal) => loadOverview(timeWindow(choice, Date.now()), filters, signal),
    refreshMs(params),
  );
  const shown = data?.window ?? timeWindow(choice, Date.now());
  const swatches = useMemo(
    () =>
      new Map(
        (data ? modelLayers(data.costs.rows ?? [], data.window) : []).map((layer) => [layer.label, layer.colour]),
      ),
    [data],
  );
  const now = data && total(data.series.now.rows);
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <div class="bar">
        <FilterBar view="overview" params={params} startMs={shown.startMs} />
        <TimePicker params={params} />
      </div>
      {error && <Failure error={error} again={again} what="The overview" />}
      {data && !now && !error && <Empty params={params} />}
      {(!data || now) && !(error && !data) && (
        <div class="overview" aria-busy={loading && !data}>
          <Headline now={now} before={data && total(data.series.before.rows)} window={shown} />
          {data ? (
            <>
              <Charts answer={data} onZoom={(fromMs, toMs) => setParams(writeChoice(params, { fromMs, toMs }))} />
              <Tables answer={data} params={params} swatches={swatches} />
              <CoverageLine coverage={data.series.now.coverage} exact="Exact: every call counts, sampled or not." />
            </>
          ) : (
            <div class="charts">
              {Array.from({ length: 6 }, (_, at) => (
                <div key={at} class="chart card skeleton" />
              ))}
            </div>
          )}
        </div>
      )}
    </>
  );
}
