/** A message of a conversation, part by part. */

import { bytes } from "../logic/format.ts";
import type { Message, Part } from "../logic/content.ts";
import { Json, Text } from "./text.tsx";

const ROLES = new Set(["system", "user", "assistant", "tool"]);

export function MessageView({ message }: { message: Message }) {
  const tone = ROLES.has(message.role) ? message.role : "other";
  return (
    <article class={`message tone-${tone}`}>
      <h4 class="role" dir="auto">
        {message.role}
      </h4>
      <div class="parts">
        {message.parts === null ? (
          <p class="hidden-body">{bytes(message.bodyBytes)}, not shown</p>
        ) : message.parts.length ? (
          message.parts.map((part, at) => <PartView key={at} part={part} />)
        ) : (
          <p class="hidden-body">empty</p>
        )}
      </div>
    </article>
  );
}

function PartView({ part }: { part: Part }) {
  switch (part.kind) {
    case "text":
      return <Text text={part.text} />;
    case "reasoning":
      return (
        <details class="reasoning">
          <summary>Reasoning</summary>
          <Text text={part.text} />
        </details>
      );
    case "call":
      return (
        <div class="tool-part">
          <div class="tool-head">
            calls <code>{part.name || "a tool"}</code>
            {part.id && <span class="row-aside">{part.id}</span>}
          </div>
          {part.json && <Json json={part.json} />}
        </div>
      );
    case "result":
      return (
        <div class="tool-part">
          <div class="tool-head">
            result {part.name && <code>{part.name}</code>}
            {part.id && <span class="row-aside">{part.id}</span>}
          </div>
          {part.json ? <Json json={part.json} /> : <p class="hidden-body">empty</p>}
        </div>
      );
    case "media":
      return <p class="media">{part.label}</p>;
    case "json":
      return <Json json={part.json} />;
  }
}

/** Said once where bodies are missing: they are hidden from this key, or were never kept. */
export function HiddenNotice({
  messages,
  permitted,
}: {
  messages: readonly Message[];
  permitted: boolean | undefined;
}) {
  if (!messages.some((message) => message.parts === null)) return null;
  return (
    <p class="notice hidden-notice">
      {permitted === false
        ? "Prompts and answers are hidden: this key may not see content."
        : "Prompts and answers of some messages are not kept: only their lengths and digests are."}
    </p>
  );
}
