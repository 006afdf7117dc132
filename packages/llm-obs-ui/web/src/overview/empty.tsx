/** The first thing that somebody sees: how to send a span. The page turns into the overview when one has come. */

import { useLoad } from "../api/load.ts";
import { ask } from "../api/client.ts";
import { TRACES, type TracesAnswer } from "../api/documents.ts";
import { withoutFilters, readFilters } from "../logic/filters.ts";
import { clock } from "../logic/clock.ts";
import { millis } from "../logic/int64.ts";
import { RANGES, writeChoice } from "../logic/window.ts";
import { address } from "../logic/place.ts";
import { Copy } from "../parts/copy.tsx";
import { Nothing } from "../parts/notice.tsx";

/** Where the collector of this machine listens unless it was told otherwise. */
const ENDPOINT = `http://${location.hostname}:4318`;

const PYTHON = `import llm_obs
from openai import OpenAI

llm_obs.init("my-app", endpoint="${ENDPOINT}")

client = OpenAI()
client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello!"}],
)
llm_obs.flush()`;

const OTEL = `export OTEL_EXPORTER_OTLP_ENDPOINT=${ENDPOINT}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;

export function Empty({ params }: { params: URLSearchParams }) {
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
      <Snippet title="Python, with the llm-obs SDK" code={PYTHON} />
      <Snippet title="Anything that speaks OpenTelemetry" code={OTEL} />
      <p class="hint">
        4318 is the collector's usual port for OTLP over HTTP. <code>llm-obs demo</code> sends the calls of a small
        application.
      </p>
    </section>
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
