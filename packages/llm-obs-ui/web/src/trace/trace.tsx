/** `/traces/<id>`: one trace, as a waterfall with the selected span beside it, or as a conversation. */

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../api/client.ts";
import { TRACE, type TraceAnswer } from "../api/documents.ts";
import { useInfo } from "../api/info.ts";
import { useLoad } from "../api/load.ts";
import type { TraceSummary } from "../api/types.ts";
import { useKeys } from "../keys.ts";
import { spansOf } from "../logic/columns.ts";
import { millis, num } from "../logic/int64.ts";
import { carried, address } from "../logic/place.ts";
import { buildTree } from "../logic/tree.ts";
import { currentPlace, go, setParams } from "../navigation.ts";
import { CoverageLine } from "../parts/coverage.tsx";
import { Failure, Nothing } from "../parts/notice.tsx";
import { Conversation } from "./conversation.tsx";
import { Details } from "./details.tsx";
import { newFetched } from "./loads.ts";
import { Summary } from "./summary.tsx";
import { Waterfall } from "./waterfall.tsx";

/** How long after its end a trace may still grow, and how often it is asked for meanwhile. */
const FRESH_MS = 30_000;
const EVERY_MS = 3_000;

export function TraceView({ id, params }: { id: string; params: URLSearchParams }) {
  const [growing, setGrowing] = useState(false);
  const { data, error, loading, again } = useLoad(
    id,
    (signal) => ask<TraceAnswer>(TRACE, { id }, { signal }),
    growing ? EVERY_MS : 0,
  );
  const info = useInfo();
  const trace = data?.trace;
  useEffect(() => setGrowing(trace ? mayGrow(trace.summary) : false), [trace]);
  const tree = useMemo(() => trace && buildTree(spansOf(trace.columns)), [trace]);
  const fetched = useMemo(() => newFetched((tree?.nodes ?? []).map((one) => one.span.id)), [tree]);
  const talking = params.get("view") === "conversation";
  const select = useCallback((span: string) => change("span", span), []);
  const show = (view: string | null) => change("view", view);
  useKeys({
    c: () => show(talking ? null : "conversation"),
    Escape: () => go("/traces", carried(params)),
  });
  if (error && !trace) return <Failure error={error} again={again} what="The trace" />;
  if (!data) return <div key="skeleton" class="trace-skeleton card" aria-busy={loading} />;
  if (!trace || !tree) {
    return (
      <Nothing title="There is no such trace here.">
        <p>
          It may have expired, or it belongs to somebody else. <a href={address("/traces", carried(params))}>Traces</a>
        </p>
      </Nothing>
    );
  }
  const chosen = params.get("span");
  const node = tree.nodes.find((one) => one.span.id === chosen) ?? tree.nodes[0];
  return (
    <>
      <Summary summary={trace.summary} params={params} />
      <div class="tabs" role="group" aria-label="Show as">
        <button type="button" aria-pressed={!talking} onClick={() => show(null)}>
          Waterfall
        </button>
        <button type="button" aria-pressed={talking} onClick={() => show("conversation")}>
          Conversation
        </button>
      </div>
      {error && <Failure error={error} again={again} what="What is new of the trace" />}
      {talking ? (
        <Conversation
          trace={id}
          tree={tree}
          info={info}
          onOpen={(span) => {
            const next = new URLSearchParams(params);
            next.set("span", span);
            next.delete("view");
            setParams(next);
          }}
        />
      ) : (
        <div class="trace-split">
          <Waterfall
            tree={tree}
            selected={node?.span.id ?? ""}
            onSelect={select}
            onEnter={() => document.getElementById("details")?.focus()}
          />
          {node && <Details key={node.span.id} trace={id} node={node} info={info} fetched={fetched} />}
        </div>
      )}
      <CoverageLine coverage={trace.coverage} exact="The trace as it is stored." />
    </>
  );
}

function mayGrow(summary: TraceSummary): boolean {
  return Date.now() - millis(summary.startNs) - num(summary.durationNs) / 1e6 < FRESH_MS;
}

/** Sets a parameter of the view without a step in the history: each span passed by would be one. */
function change(name: string, value: string | null): void {
  const next = new URLSearchParams(currentPlace().params);
  if (value === null) next.delete(name);
  else next.set(name, value);
  setParams(next, { replace: name === "span" });
}
