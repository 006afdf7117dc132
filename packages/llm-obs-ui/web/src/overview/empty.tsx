/** The first thing that somebody sees: how to send a span. The page turns into the overview when one has come. */

import { useLoad } from "../api/load.ts";
import { ask, session } from "../api/client.ts";
import { useInfo } from "../api/info.ts";
import { TRACES, type TracesAnswer } from "../api/documents.ts";
import type { Info } from "../api/types.ts";
import { withoutFilters, readFilters } from "../logic/filters.ts";
import { clock } from "../logic/clock.ts";
import { millis } from "../logic/int64.ts";
import { environment, python, target } from "../logic/receiver.ts";
import { RANGES, writeChoice } from "../logic/window.ts";
import { address } from "../logic/place.ts";
import { Copy } from "../parts/copy.tsx";
import { Nothing } from "../parts/notice.tsx";

export function Empty({ params }: { params: URLSearchParams }) {
  const info = useInfo();
  const any = useLoad("any", (signal) => ask<TracesAnswer>(TRACES, { filter: {}, first: 1 }, { signal }), 5000);
  if (!any.data) return null;
  const newest = any.data.traces.nodes[0];
  if (newest) {
    const filtered = readFilters(params).size > 0;
    const at = millis(newest.startNs);
    const around = writeChoice(params, { fromMs: at - 1_800_000, toMs: at + 600_000 });
    return (
      <Nothing title="No calls in this time.">
        <p>
          {filtered && (
            <>
              <a href={address("/", withoutFilters(params))}>Without the filters</a> ·{" "}
            </>
          )}
          <a href={address("/", writeChoice(params, { range: RANGES[3]! }))}>Last 24 hours</a> ·{" "}
          <a href={address("/", writeChoice(params, { range: RANGES[5]! }))}>Last 30 days</a>
        </p>
        <p class="hint">
          The newest trace is of <a href={address("/", around)}>{clock(at, Date.now()).slice(0, -4)}</a>.
        </p>
      </Nothing>
    );
  }
  return (
    <section class="welcome" aria-labelledby="welcome">
      <h1 id="welcome">Waiting for the first span</h1>
      <p>Nothing has been stored yet. Run one of these where your application runs; this page fills by itself.</p>
      {info && <Snippets receivers={info.receivers} />}
    </section>
  );
}

function Snippets({ receivers }: Pick<Info, "receivers">) {
  const to = target(receivers, location.hostname);
  const keyed = session.use();
  return (
    <>
      {to.protocol === "http" && <Snippet title="Python, with the llm-obs SDK" code={python(to.url, keyed)} />}
      <Snippet title="Anything that speaks OpenTelemetry" code={environment(to, keyed)} />
      {!to.known && (
        <p class="hint">
          This server does not know where the collector listens; 4318 is the usual port of OTLP over HTTP.
        </p>
      )}
      {to.elsewhere && (
        <p class="hint">
          The collector listens on the loopback address of its own machine only;{" "}
          <code>receiver.{to.protocol}.listen</code> opens it to others.
        </p>
      )}
      {keyed && (
        <p class="hint">
          The key needs the scope <code>ingest</code>.
        </p>
      )}
      <p class="hint">
        <code>llm-obs demo</code> sends the calls of a small application.
      </p>
    </>
  );
}

function Snippet({ title, code }: { title: string; code: string }) {
  return (
    <div class="snippet">
      <h2>
        {title} <Copy text={() => code} label={`Copy: ${title}`} />
      </h2>
      <pre tabIndex={0}>{code}</pre>
    </div>
  );
}
