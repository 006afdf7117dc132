/** The selected span: what it was, what it used, what was said, and everything that is stored of it. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Info, Span } from "../api/types.ts";
import { messages } from "../logic/content.ts";
import { KIND_COLOUR, KIND_LABEL, kindOf } from "../logic/kind.ts";
import type { TreeNode } from "../logic/tree.ts";
import { Copy } from "../parts/copy.tsx";
import { Icon } from "../parts/icons.tsx";
import { Failure } from "../parts/notice.tsx";
import { Attributes } from "./attributes.tsx";
import { Events, Links } from "./events.tsx";
import { Facts } from "./facts.tsx";
import { useDetails, type Fetched } from "./loads.ts";
import { HiddenNotice, MessageView } from "./message.tsx";
import { Text } from "./text.tsx";
import { UsageView } from "./usage.tsx";

interface Props {
  trace: string;
  node: TreeNode<Span>;
  info: Info | undefined;
  fetched: Fetched;
}

export function Details({ trace, node, info, fetched }: Props) {
  const { span } = node;
  const { details, error, again } = useDetails(trace, span.id, fetched);
  const kind = kindOf(span);
  const said = details ? messages(details.content) : [];
  const spoken = said.filter((message) => message.slot !== "tools");
  const tools = said.filter((message) => message.slot === "tools");
  const exceptions = (details?.events ?? []).some((event) => event.attributes["exception.type"] !== undefined);
  return (
    <section class="details card" aria-label="Selected span" tabIndex={-1} id="details">
      <header class="details-head">
        <div class="details-kind">
          <span class="kind" style={{ background: `var(${KIND_COLOUR[kind]})` }} />
          {KIND_LABEL[kind]}
          <span class="mono row-aside">{span.id}</span>
          <span class="push" />
          <Copy text={() => span.id} label="Copy the span's id" />
          <Copy
            icon="link"
            text={() => `${location.origin}/traces/${trace}?span=${span.id}`}
            label="Copy a link to this span"
          />
        </div>
        <h2 dir="auto">{span.name || "(no name)"}</h2>
      </header>
      {node.error && (
        <div class="error-box">
          <Icon name="error" />
          <div>
            <b dir="auto">{span.errorType ?? "Failed"}</b>
            {details?.statusMessage && <Text text={details.statusMessage} />}
          </div>
        </div>
      )}
      <Facts node={node} details={details} />
      {error && <Failure error={error} again={again} what="The details" />}
      {!details && !error && <div class="details-wait" aria-busy="true" />}
      {details && (
        <>
          <UsageView details={details} cost={span.usage ? span.costNanoUsd : null} />
          {exceptions && (
            <Section title="Exception" open>
              <Events events={details.events} startNs={span.startNs} />
            </Section>
          )}
          {spoken.length > 0 && (
            <Section title="Messages" count={spoken.length} open>
              <HiddenNotice messages={spoken} permitted={info?.content} />
              <div class="messages">
                {spoken.map((message) => (
                  <MessageView key={message.key} message={message} />
                ))}
              </div>
            </Section>
          )}
          {tools.length > 0 && (
            <Section title="Tools offered" count={tools.length}>
              <div class="messages">
                {tools.map((message) => (
                  <MessageView key={message.key} message={message} />
                ))}
              </div>
            </Section>
          )}
          <Section title="Attributes" count={Object.keys(details.attributes).length} open={!spoken.length}>
            <Attributes values={details.attributes} label="attributes" />
          </Section>
          {!exceptions && details.events.length > 0 && (
            <Section title="Events" count={details.events.length} open>
              <Events events={details.events} startNs={span.startNs} />
            </Section>
          )}
          {details.links.length > 0 && (
            <Section title="Links" count={details.links.length} open>
              <Links links={details.links} />
            </Section>
          )}
          <Section title="Resource" count={Object.keys(details.resource).length}>
            <Attributes values={details.resource} label="resource" />
          </Section>
        </>
      )}
    </section>
  );
}

/** Heads that somebody opened or closed stay so on the next span. */
const turned = new Map<string, boolean>();

/** What is under a head that was never opened is not drawn: attributes of megabytes cost nothing until they are wanted. */
function Section({
  title,
  count,
  open = false,
  children,
}: {
  title: string;
  count?: number;
  open?: boolean;
  children: ComponentChildren;
}) {
  const [shown, setShown] = useState(turned.get(title) ?? open);
  const toggle = (event: Event) => {
    event.preventDefault();
    turned.set(title, !shown);
    setShown(!shown);
  };
  return (
    <details class="section" open={shown}>
      <summary onClick={toggle}>
        <h3>{title}</h3>
        {count !== undefined && <span class="row-aside number">{count}</span>}
      </summary>
      {shown && <div class="section-body">{children}</div>}
    </details>
  );
}
