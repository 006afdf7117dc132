/** `/traces`: the newest traces that match, as many as somebody scrolls to. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { wrongFilter } from "../api/client.ts";
import { useKeys } from "../keys.ts";
import { count } from "../logic/format.ts";
import { num } from "../logic/int64.ts";
import { barScale } from "../logic/scale.ts";
import { readFilters, withoutFilters } from "../logic/filters.ts";
import { address, carried } from "../logic/place.ts";
import { RANGES, readChoice, timeWindow, writeChoice } from "../logic/window.ts";
import { CoverageLine } from "../parts/coverage.tsx";
import { FilterBar } from "../parts/filterbar.tsx";
import { Failure, Nothing } from "../parts/notice.tsx";
import { refreshMs, TimePicker } from "../parts/timepicker.tsx";
import { useTraces } from "./pages.ts";
import { TraceRow } from "./row.tsx";

const HEADS: readonly [string, string, string?][] = [
  ["when", "Started"],
  ["what", "Trace"],
  ["models", "Model"],
  ["number took", "Duration", "The bar is full where nine of ten traces end"],
  ["number ttft", "First token", "Of the first call"],
  ["number calls", "Calls / spans"],
  ["number tokens", "Tokens in → out"],
  ["number cost", "Cost"],
  ["who", "User, session"],
];

export function Traces({ params }: { params: URLSearchParams }) {
  const choice = readChoice(params);
  const filters = readFilters(params);
  const list = useTraces(choice, filters, refreshMs(params));
  const wrong = wrongFilter(list.error);
  const traces = wrong ? undefined : list.traces; // what was loaded before matched another filter
  const now = useNow();
  const scaleNs = useMemo(() => barScale((traces ?? []).map((trace) => num(trace.durationNs))), [traces]);
  const body = useRef<HTMLTableSectionElement>(null);
  const step = (by: number) => {
    const links = [...(body.current?.querySelectorAll<HTMLAnchorElement>(".row-link") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
    next?.focus({ preventScroll: true });
    next?.closest("tr")?.scrollIntoView({ block: "nearest" });
    if (at + by >= links.length - 5) list.more();
  };
  useKeys({ j: () => step(1), k: () => step(-1) });
  const query = carried(params);
  const openRow = (event: MouseEvent) => {
    const target = event.target as Element;
    if (target.closest("a") || String(getSelection() ?? "")) return;
    target.closest("tr")?.querySelector<HTMLAnchorElement>(".row-link")?.click();
  };
  return (
    <>
      <h1 class="visually-hidden">Traces</h1>
      <div class="bar">
        <FilterBar view="traces" params={params} startMs={timeWindow(choice, now).startMs} wrong={wrong} />
        <TimePicker params={params} />
      </div>
      {list.error && !wrong && <Failure error={list.error} again={list.again} what="The traces" />}
      {traces?.length === 0 && !list.error && (
        <Nothing title="No traces match.">
          <p>
            {filters.size > 0 && (
              <>
                <a href={address("/traces", withoutFilters(params))}>Without the filters</a> ·{" "}
              </>
            )}
            <a href={address("/traces", writeChoice(params, { range: RANGES[5]! }))}>Last 30 days</a> ·{" "}
            <a href={address("/", carried(params))}>Overview</a>
          </p>
        </Nothing>
      )}
      {(traces === undefined || traces.length > 0) && !(list.error && !traces) && (
        <div class="card tracelist" aria-busy={!traces}>
          <table>
            <thead>
              <tr>
                {HEADS.map(([name, head, title]) => (
                  <th key={name} scope="col" class={name} title={title}>
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody ref={body} onClick={openRow}>
              {traces
                ? traces.map((trace) => (
                    <TraceRow
                      key={trace.id}
                      trace={trace}
                      href={address(`/traces/${trace.id}`, query)}
                      scaleNs={scaleNs}
                      now={now}
                    />
                  ))
                : Array.from({ length: 20 }, (_, at) => (
                    <tr key={at} class="skeleton-row">
                      <td colSpan={HEADS.length}>&nbsp;</td>
                    </tr>
                  ))}
            </tbody>
          </table>
          {traces && <End list={list} shown={traces.length} />}
        </div>
      )}
      {list.coverage && !wrong && <CoverageLine coverage={list.coverage} exact="Traces as they are stored." />}
    </>
  );
}

/** Loads the next page when it comes near; the button is for when it cannot be scrolled to, and for failures. */
function End({ list, shown }: { list: ReturnType<typeof useTraces>; shown: number }) {
  const mark = useRef<HTMLDivElement>(null);
  const ready = list.hasMore && !list.loadingMore && !list.moreError;
  useEffect(() => {
    if (!ready || !mark.current) return;
    const watch = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && list.more(), {
      rootMargin: "600px",
    });
    watch.observe(mark.current);
    return () => watch.disconnect();
  }, [ready, shown]);
  return (
    <div ref={mark} class="list-end">
      {list.moreError && <Failure error={list.moreError} again={list.more} what="The next traces" />}
      {list.hasMore ? (
        <button type="button" class="button quiet" disabled={list.loadingMore} onClick={list.more}>
          {list.loadingMore ? "Loading …" : "More"}
        </button>
      ) : (
        <span class="hint">{count(shown)} traces, all that match</span>
      )}
    </div>
  );
}

/** The time for "3 min ago", renewed every ten seconds. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
