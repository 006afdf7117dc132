/** Messages out of stored content. Every body is somebody else's text: unknown shapes are shown, never dropped. */

export interface ContentItem {
  slot: string;
  index: number;
  digest: string;
  body: string | null;
  bodyBytes: number;
}

export type Part =
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string }
  | { kind: "call"; name: string; id: string; json: string }
  | { kind: "result"; name: string; id: string; json: string }
  | { kind: "media"; label: string }
  | { kind: "json"; json: string };

export interface Message {
  /** Unique within a span. */
  key: string;
  slot: string;
  role: string;
  digest: string;
  /** Null when the body is not given. */
  parts: Part[] | null;
  bodyBytes: number;
}

const SLOT_ROLE: Record<string, string> = {
  system: "system",
  input: "input",
  output: "assistant",
  tools: "tools",
  tool_arguments: "arguments",
  tool_result: "result",
  documents: "document",
  query: "query",
};
const SLOT_ORDER = ["system", "query", "tool_arguments", "input", "documents", "tool_result", "output", "tools"];

/** In the order of reading: instructions, what came in, what went out; tool definitions last. */
export function messages(items: readonly ContentItem[]): Message[] {
  const order = (item: ContentItem) => {
    const place = SLOT_ORDER.indexOf(item.slot);
    return place < 0 ? SLOT_ORDER.length : place;
  };
  return [...items].sort((a, b) => order(a) - order(b) || a.index - b.index).map(message);
}

export function message(item: ContentItem): Message {
  const shell = { key: `${item.slot}/${item.index}`, slot: item.slot, digest: item.digest, bodyBytes: item.bodyBytes };
  const role = SLOT_ROLE[item.slot] ?? item.slot;
  if (item.body === null) return { ...shell, role, parts: null };
  const value = parseJson(item.body);
  if (value === undefined) return { ...shell, role, parts: [{ kind: "text", text: item.body }] };
  if (item.slot === "tools" || item.slot === "tool_arguments" || item.slot === "tool_result") {
    return {
      ...shell,
      role,
      parts: [typeof value === "string" ? { kind: "text", text: value } : { kind: "json", json: item.body }],
    };
  }
  if (typeof value === "string") return { ...shell, role, parts: [{ kind: "text", text: value }] };
  if (!isObject(value)) return { ...shell, role, parts: [{ kind: "json", json: item.body }] };
  const own = typeof value["role"] === "string" && value["role"] ? value["role"] : role;
  const parts = messageParts(value);
  return { ...shell, role: own, parts: parts ?? [{ kind: "json", json: item.body }] };
}

/** Parts of a message: `parts` of the conventions, `content` and `tool_calls` of chat APIs, or one part by itself. */
function messageParts(value: Record<string, unknown>): Part[] | null {
  if (Array.isArray(value["parts"])) return value["parts"].map(part);
  if (typeof value["type"] === "string") return [part(value)];
  const parts: Part[] = [];
  const content = value["content"];
  if (typeof content === "string") {
    parts.push(
      value["role"] === "tool"
        ? { kind: "result", name: text(value["name"]), id: text(value["tool_call_id"]), json: content }
        : { kind: "text", text: content },
    );
  } else if (Array.isArray(content)) parts.push(...content.map(part));
  if (Array.isArray(value["tool_calls"])) parts.push(...value["tool_calls"].map(part));
  // A message of nothing but its role is an empty answer; anything else unknown is shown whole.
  const known = "content" in value || "tool_calls" in value || Object.keys(value).every((key) => key === "role");
  return known ? parts : null;
}

function part(value: unknown): Part {
  if (typeof value === "string") return { kind: "text", text: value };
  if (!isObject(value)) return { kind: "json", json: JSON.stringify(value) ?? "" };
  const type = text(value["type"]);
  const body = value["content"] ?? value["text"];
  switch (type) {
    case "text":
    case "input_text":
    case "output_text":
      if (typeof body === "string") return { kind: "text", text: body };
      break;
    case "reasoning":
    case "thinking": {
      const thought = body ?? value["thinking"];
      if (typeof thought === "string") return { kind: "reasoning", text: thought };
      break;
    }
    case "tool_call":
    case "server_tool_call":
    case "tool_use":
      return {
        kind: "call",
        name: text(value["name"]),
        id: text(value["id"]),
        json: asJson(value["arguments"] ?? value["input"]),
      };
    case "function":
      if (isObject(value["function"])) {
        const called = value["function"];
        return { kind: "call", name: text(called["name"]), id: text(value["id"]), json: asJson(called["arguments"]) };
      }
      break;
    case "tool_call_response":
    case "server_tool_call_response":
    case "tool_result": {
      const result = value["response"] ?? value["result"] ?? value["content"];
      return {
        kind: "result",
        name: text(value["name"]),
        id: text(value["id"] ?? value["tool_use_id"]),
        json: asJson(result),
      };
    }
    case "blob":
    case "uri":
    case "file":
      return { kind: "media", label: media(type, value) };
  }
  return { kind: "json", json: JSON.stringify(value) };
}

/** What a picture or file is, in words: nothing is loaded from where it points. */
function media(type: string, value: Record<string, unknown>): string {
  const what = text(value["mime_type"]) || text(value["modality"]) || type;
  if (type === "uri") return `${what} at ${text(value["uri"])}`;
  if (type === "file") return `${what}, file ${text(value["file_id"])}`;
  const encoded = text(value["content"]);
  return `${what}, ${Math.floor((encoded.length * 3) / 4)} bytes`;
}

function asJson(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : String(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * Messages of a call that an earlier step did not have: `told` holds what was, and is added to. A conversation is sent
 * anew with every call, so only the end of it is news, and the answer always.
 */
export function news(all: readonly Message[], told: Set<string>): { fresh: Message[]; repeated: number } {
  const spoken = all.filter((one) => one.slot !== "tools");
  const fresh = spoken.filter((one) => one.slot === "output" || !told.has(sameness(one)));
  for (const one of spoken) told.add(sameness(one));
  return { fresh, repeated: spoken.length - fresh.length };
}

/** Equal for messages that say the same: an answer comes back in the next call without its finish reason. */
function sameness(message: Message): string {
  return message.parts === null ? message.digest : `${message.role} ${JSON.stringify(message.parts)}`;
}
