/** The page: a bar, a view, and the dialogs above them. */

import { useEffect } from "preact/hooks";
import { forgetMissing, signInNeeded } from "./api/client.ts";
import { useKeys } from "./keys.ts";
import { carried } from "./logic/place.ts";
import { go, usePlace } from "./navigation.ts";
import { Overview } from "./overview/overview.tsx";
import { Header } from "./parts/header.tsx";
import { Help, helpOpen } from "./parts/help.tsx";
import { Login } from "./parts/login.tsx";
import { Missing, Nothing } from "./parts/notice.tsx";
import { TraceView } from "./trace/trace.tsx";
import { Traces } from "./traces/traces.tsx";

const TITLES = { overview: "Overview", traces: "Traces", trace: "Trace", unknown: "Not found" };

export function App() {
  const place = usePlace();
  const locked = signInNeeded.use();
  const { view, params } = place;
  useKeys({
    "?": () => helpOpen.set(true),
    o: () => go("/", carried(params)),
    t: () => go("/traces", carried(params)),
  });
  useEffect(() => {
    document.title = `${TITLES[view.name]} · llm-obs`;
    return forgetMissing;
  }, [view.name]);
  return (
    <>
      <Header place={place} />
      {locked ? (
        <Login />
      ) : (
        <main id="main" tabIndex={-1} class={`view-${view.name}`}>
          <Missing />
          {view.name === "overview" && <Overview params={params} />}
          {view.name === "traces" && <Traces params={params} />}
          {view.name === "trace" && <TraceView key={view.id} id={view.id} params={params} />}
          {view.name === "unknown" && (
            <Nothing title="There is no such page.">
              <p>
                A trace is at <code>/traces/</code> and its 32 hexadecimal digits. <a href="/">Overview</a> ·{" "}
                <a href="/traces">Traces</a>
              </p>
            </Nothing>
          )}
        </main>
      )}
      <Help />
    </>
  );
}
