/** Events and links of a span; an exception with its message first and its trace of calls below. */

import type { SpanDetails } from "../api/types.ts";
import { duration, trimmed } from "../logic/format.ts";
import { offsetNs, type Int64 } from "../logic/int64.ts";
import { Attributes } from "./attributes.tsx";
import { Text } from "./text.tsx";

export function Events({ events, startNs }: { events: SpanDetails["events"]; startNs: Int64 }) {
  return (
    <ol class="events">
      {events.map((event, at) => {
        const {
          "exception.type": type,
          "exception.message": said,
          "exception.stacktrace": calls,
          ...others
        } = event.attributes;
        const exception = type !== undefined || said !== undefined || calls !== undefined;
        return (
          <li key={at} class={exception ? "event bad" : "event"}>
            <div class="event-head">
              <b dir="auto">{exception && type !== undefined ? String(type) : event.name}</b>
              <span class="row-aside number">+{trimmed(duration(offsetNs(event.timeNs, BigInt(startNs))))}</span>
            </div>
            {said !== undefined && <Text text={String(said)} />}
            {calls !== undefined && <Text text={String(calls)} mono />}
            {Object.keys(others).length > 0 && <Attributes values={others} label={event.name} />}
          </li>
        );
      })}
    </ol>
  );
}

export function Links({ links }: { links: SpanDetails["links"] }) {
  return (
    <ul class="links">
      {links.map((link, at) => (
        <li key={at}>
          <a href={`/traces/${link.traceId}?span=${link.spanId}`} class="mono">
            {link.traceId} · {link.spanId}
          </a>
          {Object.keys(link.attributes).length > 0 && <Attributes values={link.attributes} label="the link" />}
        </li>
      ))}
    </ul>
  );
}
